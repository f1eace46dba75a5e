"""One call of a stage or a sink: within its time-out, and ended by nobody but those who may."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import TypeVar

from sluiceway.core.errors import Transient
from sluiceway.core.message import Message
from sluiceway.core.ports import Clock

T = TypeVar("T")


class Call:
    """A call of a stage or sink: under way while the block runs, in whichever thread.

    Attributes:
        where: The id of the stage or sink.
        messages: What it is called for.
        deadline: When it must have ended, on the monotonic clock.
    """

    __slots__ = ("_calls", "deadline", "messages", "where")

    def __init__(self, calls: set[Call], where: str, messages: Sequence[Message], deadline: float) -> None:
        self._calls = calls
        self.where = where
        self.messages = messages
        self.deadline = deadline

    def __enter__(self) -> None:
        self._calls.add(self)

    def __exit__(self, *_: object) -> None:
        self._calls.discard(self)


class Calls:
    """The calls that are under way: those that outlive their time-out are the watchdog's.

    A coroutine that swallows its cancellation does, and a function in a thread, which nobody can cancel.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._under_way: set[Call] = set()

    def noted(self, where: str, messages: Sequence[Message], seconds: float) -> Call:
        """Return a call that may take so many seconds from now."""
        return Call(self._under_way, where, messages, self._clock.monotonic() + seconds)

    def oldest(self) -> Call | None:
        """Return the call whose deadline came first, or will."""
        calls = self._under_way.copy()  # in one step: other threads begin and end calls meanwhile
        return min(calls, key=lambda call: call.deadline, default=None)


async def timed(call: Awaitable[T], where: str, seconds: float) -> T:
    """Return what a call of a stage or sink gives.

    Args:
        call: The call.
        where: The id of the stage or sink.
        seconds: Its time-out.

    Raises:
        Transient: It did not answer in time.
        RuntimeError: It was cancelled, but not by us, or would end the process. Either would end the task that made
            the call, and its messages would be held until their leases end.
    """
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            return await call
    except TimeoutError as error:
        if limit.expired():
            raise Transient(f"{where} did not answer within {seconds:g}s") from error
        raise
    except asyncio.CancelledError as error:
        if is_told_to_end():
            raise
        raise RuntimeError(f"{where} was cancelled from within").with_traceback(error.__traceback__) from None
    except (Exception, KeyboardInterrupt, GeneratorExit):  # the user's Ctrl-C, and a task that is thrown away
        raise
    except BaseException as error:  # noqa: BLE001 - whatever else there is, it must not end the task
        raise as_bug(error, where) from None


def as_bug(error: BaseException, where: str) -> Exception:
    """Return what a stage or sink has raised as an error of its own: `sys.exit()` in one must not end the worker."""
    if isinstance(error, Exception):
        return error
    said = f"({error})" if str(error) else ""
    return RuntimeError(f"{where} raised {type(error).__name__}{said}").with_traceback(error.__traceback__)


def is_told_to_end() -> bool:
    """Tell whether the running task has been cancelled by the worker, even if a stage has swallowed that."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def failure_of(task: asyncio.Task[None]) -> BaseException | None:
    """Return what an ended task has died of; None when it ended well, or because the worker cancelled it."""
    if not task.cancelled():
        return task.exception()
    return None if task.cancelling() else RuntimeError("a task of the worker was cancelled from within")
