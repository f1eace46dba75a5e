"""Components of which a method is replaced: sinks that keep what they are sent, stages that are watched."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar, cast

from sluiceway.core.component import Component, Sink, Stage
from sluiceway.core.context import Context
from sluiceway.core.errors import Reject
from sluiceway.core.gather import Gather
from sluiceway.core.message import Message
from sluiceway.core.outcome import Bypass, Claimed, Result
from sluiceway.core.ports import Send
from sluiceway.core.process import Process, is_async
from sluiceway.core.spec import StageSpec
from sluiceway.testing.mocks import Fail

C = TypeVar("C", bound=Component)
T = TypeVar("T")


def with_open(component: C, open_: Callable[[Context], object]) -> C:
    """Return a copy of a component that differs in what `open` does, and in nothing else."""
    return _with(component, open=open_)


def _with(component: C, **methods: Callable[..., object]) -> C:
    copy = component.model_copy()
    for name, method in methods.items():
        object.__setattr__(copy, name, method)  # it is frozen for those who use it, and this is not one of them
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


def watched(spec: StageSpec, fail: Fail, *, check_mutation: bool) -> Stage:
    """Return a stage's component, watched: it fails when it breaks a rule that production cannot afford to check.

    Args:
        spec: The stage.
        fail: Ends the run.
        check_mutation: Fail too when it changes a body in place, which routes and sinks share.
    """
    component = spec.component
    labels = frozenset(component.labels())

    def written(message: Message) -> str:
        return _written(message) if check_mutation else ""

    if isinstance(component, Gather):
        return _watched_gather(component, spec.id, fail, written)

    def check(message: Message, before: str, result: object) -> None:
        if before != written(message):
            raise fail(_changed(spec.id, message))
        if undeclared := _routes(result) - labels - set(message.routes):
            raise fail(_undeclared(spec.id, message, undeclared, labels))

    @asynccontextmanager
    async def open_watched(context: Context) -> AsyncGenerator[Process]:
        async with component.open(context) as process:
            yield _watched(process, written, check)

    return with_open(component, open_watched)


def _watched_gather(gather: Gather, stage: str, fail: Fail, written: Callable[[Message], str]) -> Gather:
    labels = frozenset(gather.labels())

    def unchanged(members: Sequence[Message], call: Callable[[], T]) -> T:
        before = [written(member) for member in members]
        result = call()
        for member, was in zip(members, before, strict=True):
            if was != written(member):
                raise fail(_changed(stage, member))
        return result

    def key(message: Message) -> str:
        return unchanged([message], lambda: gather.key(message))

    def complete(members: Sequence[Message]) -> bool:
        return unchanged(members, lambda: gather.complete(members))

    def combine(members: Sequence[Message]) -> Message | Sequence[Message]:
        result = unchanged(members, lambda: gather.combine(members))
        if undeclared := _routes(result) - labels - {route for member in members for route in member.routes}:
            raise fail(_undeclared(stage, members[0], undeclared, labels))
        return result

    return _with(gather, key=key, complete=complete, combine=combine)


def _watched(
    process: Process, written: Callable[[Message], str], check: Callable[[Message, str, object], None]
) -> Process:
    try:
        does_io = is_async(process)
    except TypeError:
        return process  # the worker refuses it, in words
    if does_io:

        async def watched_async(message: Message) -> Result:
            before = written(message)
            result = await cast("Awaitable[Result]", process(message))
            check(message, before, result)
            return result

        return watched_async

    def watched_inline(message: Message) -> Result:
        before = written(message)
        result = process(message)
        check(message, before, result)
        return cast("Result", result)

    return watched_inline


def _routes(result: object) -> set[str]:
    """Return the routes on which a stage's result goes on; what is no message has none, and the engine says so."""
    if isinstance(result, Claimed):
        result = result.message
    made = cast("Sequence[object]", result) if isinstance(result, list | tuple) else [result]
    messages = [each.message if isinstance(each, Bypass) else each for each in made]
    return {route for each in messages if isinstance(each, Message) for route in each.routes}


def _changed(stage: str, message: Message) -> str:
    return (
        f"stage {stage} has changed the body of message {message.id} in place: others share it;"
        " return message.with_body(…) with a new one"
    )


def _undeclared(stage: str, message: Message, routes: set[str], labels: frozenset[str]) -> str:
    declares = f"declares only {', '.join(sorted(labels))}" if labels else "declares none"
    return (
        f"stage {stage} has put message {message.id} on the route {', '.join(sorted(routes))} and {declares}:"
        " a route is declared by @stage(routes=(…)) or by labels()"
    )


def _written(message: Message) -> str:
    """Return a text that differs whenever the body does, whatever a stage has put into it."""
    try:
        return repr(message.body)
    except Reject:
        return ""  # it cannot be read, so nobody can change it
