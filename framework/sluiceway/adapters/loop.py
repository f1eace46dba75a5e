"""The event loop that workers run on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

_PATIENCE: Final = 1.0
"""Seconds that the tasks of a loop have to end when it closes."""


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return uvloop's event loop when the `fast` extra is installed, else None for Python's own."""
    try:
        import uvloop  # noqa: PLC0415 - optional
    except ImportError:
        return None
    return uvloop.new_event_loop


def close(runner: asyncio.Runner) -> None:
    """Close a runner; leave its loop as it is when a task on it will not end, which the runner would wait for."""
    if runner.run(_end_tasks()):
        runner.close()


async def _end_tasks() -> bool:
    """Cancel all tasks but this one, and tell whether they have ended."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    return not tasks or not (await asyncio.wait(tasks, timeout=_PATIENCE))[1]


class UnawaitedThreads(ThreadPoolExecutor):
    """Threads for names and files. A loop that closes waits for them; one that hangs must not hold up the exit."""

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002 - Python's
        """Let them go, whatever they do."""
        super().shutdown(wait=False, cancel_futures=True)
