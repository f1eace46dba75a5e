"""Components with another `open`: sinks that keep what they are sent, stages that are watched."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar, cast

from sluiceway.core.component import Component, Sink, Stage
from sluiceway.core.context import Context
from sluiceway.core.errors import Reject
from sluiceway.core.message import Message
from sluiceway.core.outcome import Result
from sluiceway.core.ports import Send
from sluiceway.core.process import Process, is_async
from sluiceway.core.spec import StageSpec
from sluiceway.testing.mocks import Fail

C = TypeVar("C", bound=Component)


def with_open(component: C, open_: Callable[[Context], object]) -> C:
    """Return a copy of a component that differs in what `open` does, and in nothing else."""
    copy = component.model_copy()
    object.__setattr__(copy, "open", open_)  # it is frozen for those who use it, and this is not one of them
    return copy


def capturing(component: Sink, kept: list[Message]) -> Sink:
    """Return a sink, its weights and limits included, that keeps what it is sent, with the headers that it forwards."""
    forwarded = {name.lower() for name in component.forward}

    def as_sent(message: Message) -> Message:
        return message.evolve(headers={k: v for k, v in message.headers.items() if k.lower() in forwarded})

    @asynccontextmanager
    async def open_capture(context: Context) -> AsyncGenerator[Send]:  # noqa: ARG001 - a sink's own arguments
        async def send(messages: Sequence[Message]) -> Sequence[None]:
            kept.extend(as_sent(message) for message in messages)
            return [None] * len(messages)

        yield send

    return with_open(component, open_capture)


def watched(spec: StageSpec, fail: Fail) -> Stage:
    """Return a stage's component, watched: when it changes a body in place, which routes and sinks share, it fails."""
    component = spec.component

    @asynccontextmanager
    async def open_watched(context: Context) -> AsyncGenerator[Process]:
        async with component.open(context) as process:
            yield _watched(process, spec, fail)

    return with_open(component, open_watched)


def _watched(process: Process, spec: StageSpec, fail: Fail) -> Process:
    def compare(before: str, message: Message) -> None:
        if before != _written(message):
            raise fail(
                f"stage {spec.id} has changed the body of message {message.id} in place: others share it;"
                " return message.with_body(…) with a new one"
            )

    if is_async(process):

        async def watched_async(message: Message) -> Result:
            before = _written(message)
            result = await cast("Awaitable[Result]", process(message))
            compare(before, message)
            return result

        return watched_async

    def watched_inline(message: Message) -> Result:
        before = _written(message)
        result = process(message)
        compare(before, message)
        return cast("Result", result)

    return watched_inline


def _written(message: Message) -> str:
    """Return a text that differs whenever the body does, whatever a stage has put into it."""
    try:
        return repr(message.body)
    except Reject:
        return ""  # it cannot be read, so nobody can change it
