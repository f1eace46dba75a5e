"""Listen to the stages of a run: what each was given, what it decided, and what it made of it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, TypeAlias, cast

from sluiceway.core.component import Stage
from sluiceway.core.context import Context
from sluiceway.core.decision import Decision
from sluiceway.core.errors import MessageError
from sluiceway.core.gather import Gather
from sluiceway.core.message import Message
from sluiceway.core.outcome import Result
from sluiceway.core.process import Process, is_async
from sluiceway.core.spec import StageSpec
from sluiceway.testing.components import with_open

MOST: Final = 10_000
"""Visits that are kept of one run."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One message in one stage.

    Attributes:
        stage: The stage's id.
        message: The message as the stage was given it; of a gather, one member.
        result: What the stage made of it, or what it raised. A gather's is the group's key, with which it waits.
        decisions: What the stage says about its choices.
    """

    stage: str
    message: Message
    result: object
    decisions: tuple[Decision, ...] = ()


Tell: TypeAlias = Callable[[Visit], object]


def listened(spec: StageSpec, component: Stage, tell: Tell) -> Stage:
    """Return a stage's component that tells of each visit as well."""
    if isinstance(component, Gather):
        return _listened_gather(spec, component, tell)

    def noted(message: Message, result: object) -> None:
        tell(Visit(spec.id, message, result, decisions_of(spec.component, message)))

    @asynccontextmanager
    async def open_listened(context: Context) -> AsyncGenerator[Process]:
        async with component.open(context) as process:
            yield _listened(process, noted)

    return with_open(component, open_listened)


def decisions_of(component: Stage, message: Message) -> tuple[Decision, ...]:
    """Return what a stage says about its choices for a message; nothing where the message is none that it can read."""
    try:
        return tuple(component.decisions(message))
    except MessageError:
        return ()  # it raises the same when it is called, and that is told


def _listened(process: Process, noted: Callable[[Message, object], None]) -> Process:
    try:
        does_io = is_async(process)
    except TypeError:
        return process  # the worker refuses it, in words
    if does_io:

        async def listened_async(message: Message) -> Result:
            try:
                result = await cast("Awaitable[Result]", process(message))
            except Exception as error:
                noted(message, error)
                raise
            noted(message, result)
            return result

        return listened_async

    def listened_inline(message: Message) -> Result:
        try:
            result = process(message)
        except Exception as error:
            noted(message, error)
            raise
        noted(message, result)
        return cast("Result", result)

    return listened_inline


def _listened_gather(spec: StageSpec, gather: Gather, tell: Tell) -> Gather:
    copy = gather.model_copy()

    def key(message: Message) -> str:
        try:
            key = gather.key(message)
        except Exception as error:
            tell(Visit(spec.id, message, error))
            raise
        tell(Visit(spec.id, message, key, decisions_of(spec.component, message)))
        return key

    def combine(members: Sequence[Message]) -> Message | Sequence[Message]:
        result = gather.combine(members)
        tell(Visit(spec.id, members[-1], result))
        return result

    object.__setattr__(copy, "key", key)  # it is frozen for those who use it, and this is not one of them
    object.__setattr__(copy, "combine", combine)
    return copy
