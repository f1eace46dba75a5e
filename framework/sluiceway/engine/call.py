"""One call of a stage or a sink: within its time-out, and ended by nobody but those who may."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from sluiceway.core.errors import Transient

T = TypeVar("T")


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
