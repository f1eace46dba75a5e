"""Virtual time: an event loop on which an hour of waiting takes no time, and the same test always goes the same way."""

from __future__ import annotations

import asyncio
import math
import selectors
from asyncio import Future
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Final, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

EPOCH: Final = 1_767_225_600.0
"""The time of day at which virtual time starts: 2026-01-01T00:00:00Z."""


DAY: Final = 86_400.0


def run_virtual(coroutine: Coroutine[object, object, T], *, limit: float = 7 * DAY) -> T:
    """Run a coroutine on a loop with virtual time and return what it returns.

    When everything waits, time jumps to the next timer, so `asyncio.sleep`, `asyncio.timeout` and `call_later` cost
    nothing. A call in a thread is waited for and takes no virtual time. Sockets cannot be used: time would jump over
    their answers.

    Args:
        coroutine: What to run.
        limit: Virtual seconds after which it is given up: what repeats itself for ever would never end otherwise.

    Raises:
        RuntimeError: Nothing left can happen: everything waits, and neither a timer nor a thread will end it. Or
            the limit is reached.
    """
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(limit)) as runner:
        return runner.run(coroutine)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is virtual; it starts at 0. `run_virtual` is the way to use it."""

    def __init__(self, limit: float = 7 * DAY) -> None:
        self._now = 0.0
        self._limit = limit
        self.threads = 0
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        """Return the virtual time, in seconds."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._now += seconds
        if self._now > self._limit:
            self._limit = math.inf  # what cleans up after this error has all the time it needs
            raise RuntimeError(f"not done at {self._now:g}s of virtual time")

    def run_in_executor(self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts) -> Future[T]:
        """Call a function in a thread; time stands still until it returns."""
        call = super().run_in_executor(executor, func, *args)
        self.threads += 1
        call.add_done_callback(self._thread_ended)
        return call

    def _thread_ended(self, _: Future[T]) -> None:
        self.threads -= 1

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - the overridden method's
        """Wait for the executor's threads; `timeout` is Python 3.12's, and virtual time cannot keep it."""
        self.threads += 1
        try:
            await super().shutdown_default_executor()
        finally:
            self.threads -= 1


class _JumpingSelector(selectors.DefaultSelector):
    """Waits by moving the loop's time."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if self._loop.threads:
            return super().select(None)
        if timeout is None:
            raise RuntimeError("nothing left can happen: every task waits, and no timer or thread will wake one")
        self._loop.advance(timeout)
        return []


class VirtualClock:
    """`Clock` on a loop with virtual time.

    Args:
        loop: The loop; by default the one that is running when the clock is made.
        epoch: The time of day at which virtual time starts, in seconds since 1970.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None, *, epoch: float = EPOCH) -> None:
        self._loop = loop or asyncio.get_running_loop()
        self._epoch = epoch

    def now(self) -> float:
        """Return the time of day: the epoch plus the virtual time."""
        return self._epoch + self.monotonic()

    def monotonic(self) -> float:
        """Return the virtual time."""
        return self._loop.time()

    async def sleep(self, seconds: float) -> None:
        """Wait, which takes no time."""
        await asyncio.sleep(seconds)
