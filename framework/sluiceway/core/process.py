"""The function that a stage is called by, and whether it is pure work or I/O."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from sluiceway.core.message import Message
from sluiceway.core.outcome import Result

Process: TypeAlias = Callable[[Message], Result | Awaitable[Result]]
"""What `Stage.open` yields: a `def` (pure, called in line) or an `async def` (I/O, called concurrently)."""


def is_async(process: object, *, blocking: bool = False) -> bool:
    """Tell whether a stage's function does I/O.

    Args:
        process: The function.
        blocking: The stage says that it blocks, and so is called in a thread.

    Raises:
        TypeError: It is nothing of which that can be told: a generator, a lambda, a class, or a `def` that is
            declared to wrap an `async def`. Python calls a coroutine function through these unnoticed, and the
            message would be lost. Or it blocks and is an `async def`, which no thread can call.
    """
    call = process
    while isinstance(call, functools.partial):
        call = call.func
    if not inspect.isroutine(call) and not inspect.isclass(call):
        call = getattr(call, "__call__", None)  # noqa: B004 - its kind is asked, not whether it can be called
    if not inspect.isroutine(call) or getattr(call, "__name__", "") == "<lambda>":
        raise TypeError(f"process must be a def or an async def, not {process!r}")
    if inspect.isgeneratorfunction(call) or inspect.isasyncgenfunction(call):
        raise TypeError("process is a generator; return a list of messages instead of yielding them")
    if inspect.iscoroutinefunction(call):
        if blocking:
            raise TypeError("process blocks and is an async def; make it a def")
        return True
    if inspect.iscoroutinefunction(inspect.unwrap(call)):
        raise TypeError("process is a def that hides an async def; make the wrapper an async def")
    return False
