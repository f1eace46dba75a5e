"""The event loop that workers run on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return uvloop's event loop when the `fast` extra is installed, else None for Python's own."""
    try:
        import uvloop  # noqa: PLC0415 - optional
    except ImportError:
        return None
    return uvloop.new_event_loop


class UnawaitedThreads(ThreadPoolExecutor):
    """Threads for names and files. A loop that closes waits for them; one that hangs must not hold up the exit."""

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002 - Python's
        """Let them go, whatever they do."""
        super().shutdown(wait=False, cancel_futures=True)
