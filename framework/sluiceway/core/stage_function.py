"""Functions as stages: `@stage`."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar, cast, overload

from pydantic import create_model

from sluiceway.core.component import Stage, check_kind
from sluiceway.core.context import Context
from sluiceway.core.message import Message
from sluiceway.core.outcome import Result
from sluiceway.core.process import Process

F = TypeVar("F", bound=Callable[..., object])


@overload
def stage(function: F, /) -> F: ...
@overload
def stage(*, blocking: bool = False, routes: Sequence[str] = ()) -> Callable[[F], F]: ...
def stage(function: F | None = None, /, *, blocking: bool = False, routes: Sequence[str] = ()) -> F | Callable[[F], F]:
    """Make a function a stage, the smallest plugin there is.

    Its keyword-only parameters are the stage's settings, its docstring the reference. The function itself stays
    callable as it was; `use:` names it.

    Args:
        function: Takes a message and returns what becomes of it.
        blocking: The function blocks: call it in a thread.
        routes: The routes that the function may put a message on.

    Raises:
        TypeError: The function is a generator, a lambda, or hides an `async def`; or it takes no message, or more
            than that by place.
    """

    def mark(function: F) -> F:
        name = getattr(function, "__name__", "stage")
        check_kind(name, function, blocking=blocking)
        _check_parameters(name, inspect.signature(function).parameters.values())
        function.__sluiceway_stage__ = _stage_class(function, blocking=blocking, routes=tuple(routes))  # type: ignore[attr-defined] # our mark on a function
        return function

    return mark if function is None else mark(function)


def _check_parameters(name: str, parameters: Iterable[inspect.Parameter]) -> None:
    """Refuse a function that could not be called with a message and its settings alone."""
    by_place = [p for p in parameters if p.kind not in (p.KEYWORD_ONLY, p.VAR_KEYWORD)]
    if not by_place:
        raise TypeError(f"stage {name} takes no message: its first parameter is the message")
    if len(by_place) > 1 and by_place[1].kind is not inspect.Parameter.VAR_POSITIONAL:
        second = by_place[1].name
        raise TypeError(f"stage {name}: its keys are keyword-only parameters: put `*,` before `{second}`")


def _stage_class(function: Callable[..., object], *, blocking: bool, routes: tuple[str, ...]) -> type[Stage]:
    parameters = inspect.signature(function, eval_str=True).parameters.values()
    settings = {
        p.name: (object if p.annotation is p.empty else p.annotation, ... if p.default is p.empty else p.default)
        for p in parameters
        if p.kind is p.KEYWORD_ONLY
    }
    name = getattr(function, "__name__", "stage")
    make = cast("Callable[..., type[Stage]]", create_model)  # its overloads know no fields from a mapping
    made = make(name, __base__=Stage, __module__=function.__module__, **settings)
    made.__doc__ = function.__doc__
    made.blocking = blocking

    def labels(self: Stage) -> Sequence[str]:  # noqa: ARG001 - the method's contract
        return routes

    @asynccontextmanager
    async def open(self: Stage, context: Context) -> AsyncGenerator[Process]:  # noqa: A001, ARG001 - the method's name and contract
        yield _bind(function, {key: getattr(self, key) for key in settings})

    made.labels = labels  # type: ignore[method-assign] # the class is made here; this is its definition
    made.open = open  # type: ignore[method-assign] # as above
    return made


def _bind(function: Callable[..., object], settings: dict[str, object]) -> Process:
    if not settings:
        return function  # type: ignore[return-value] # what it returns is checked at each call
    if inspect.iscoroutinefunction(function):

        async def process(message: Message) -> Result:
            return await function(message, **settings)  # type: ignore[no-any-return] # checked at each call

        return process

    def process_inline(message: Message) -> Result:
        return function(message, **settings)  # type: ignore[return-value] # checked at each call

    return process_inline
