"""An event loop on which a seed decides what runs next, and on which a process can be killed between any two steps."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Coroutine
from contextlib import suppress
from contextvars import Context, ContextVar, copy_context
from random import Random
from typing import Any

from sluiceway.testing.virtual_time import VirtualLoop

LIFE: ContextVar[Life | None] = ContextVar("LIFE", default=None)
"""Whose callbacks these are; the world's own belong to nobody."""

_ON_LOOP: ContextVar[bool] = ContextVar("ON_LOOP", default=True)
"""Whether a blocked event loop holds this up; the lease keeper has a thread of its own."""


class Life:
    """One life of one worker process: from its start until it leaves or is killed.

    Attributes:
        name: Its name in the trace: `w1.2` is the second life of worker 1.
        steps: Callbacks that have run.
        kill_at: The callback at which it is killed, instead of running it.
        killed: It is.
    """

    def __init__(self, name: str, kill_at: int | None = None) -> None:
        self.name = name
        self.steps = 0
        self.kill_at = kill_at
        self.killed = False
        self.blocked = False
        self.blocked_at = 0.0
        self.over = asyncio.Event()
        self.context = copy_context()
        self.context.run(LIFE.set, self)
        self.thread_context = self.context.copy()
        self.thread_context.run(_ON_LOOP.set, False)  # noqa: FBT003 - a context variable takes no keyword
        self._held_up: list[asyncio.Handle] = []

    def may_run(self, handle: asyncio.Handle, context: Context) -> bool:
        """Count a callback, and say whether it runs: not after the kill, and later while the loop is blocked."""
        if self.killed:
            self._held_up.append(handle)  # kept, never run: what is thrown away would clean up after itself
            return False
        if self.blocked and context.get(_ON_LOOP, True):
            self._held_up.append(handle)
            return False
        self.steps += 1
        if self.steps == self.kill_at:
            self.kill()
            return self.may_run(handle, context)
        return True

    def kill(self) -> None:
        """End this process here: nothing of it ever runs again, not even what cleans up."""
        self.killed = True
        self.over.set()

    def unblock(self) -> list[asyncio.Handle]:
        """Let the event loop go on; return what has waited for that."""
        self.blocked = False
        if self.killed:
            return []
        held_up, self._held_up = self._held_up, []
        return held_up


class _Task(asyncio.Task[Any]):
    """A task whose place in a set does not depend on its address, so that a seed always goes the same way."""

    def __init__(self, number: int, coroutine: Coroutine[Any, Any, Any], loop: SeededLoop, **options: Any) -> None:
        self._number = number
        super().__init__(coroutine, loop=loop, **options)

    def __hash__(self) -> int:
        return self._number

    def __eq__(self, other: object) -> bool:
        return self is other


class SeededLoop(VirtualLoop):
    """An event loop with virtual time that runs what is ready in an order drawn from a seed.

    Args:
        seed: Decides the order.
        limit: Virtual seconds after which the run is given up.

    Attributes:
        steps: Callbacks that have run.
    """

    _ready: list[Any]  # in asyncio a deque
    _scheduled: list[Any]

    def __init__(self, seed: str, limit: float) -> None:
        super().__init__(limit)
        self._ready = []
        self._chance = Random(seed).random  # noqa: S311 - chance, not secrecy
        self._tasks_made = 0
        self.steps = 0

    def create_task(self, coro: Any, *, name: object = None, context: Context | None = None, **_: Any) -> Any:
        """Start a task; names are not kept."""
        self._tasks_made += 1
        return _Task(self._tasks_made, coro, self, name="", context=context)

    def _run_once(self) -> None:
        """Run one callback: this replaces asyncio's own, which runs all that are ready in the order they came."""
        ready, scheduled = self._ready, self._scheduled
        while not ready or (scheduled and scheduled[0]._when <= self._now):
            if not scheduled:
                raise RuntimeError("nothing left can happen: every task waits, and no timer will wake one")
            timer = heapq.heappop(scheduled)
            timer._scheduled = False
            if timer._cancelled:
                continue
            if timer._when > self._now:
                self.advance(timer._when - self._now)
            ready.append(timer)
        place = int(self._chance() * len(ready))
        handle = ready[place]
        ready[place] = ready[-1]
        ready.pop()
        if handle._cancelled:
            return
        context = handle._context
        life = context.get(LIFE)
        if life is None or life.may_run(handle, context):
            self.steps += 1
            handle._run()

    def block(self, life: Life, seconds: float) -> None:
        """Let this process's event loop stand still for so long, as under a stage that computes."""
        if not life.blocked and not life.killed:
            life.blocked, life.blocked_at = True, self.time()
            self.call_later(seconds, self._unblock, life, context=Context())

    def _unblock(self, life: Life) -> None:
        self._ready += life.unblock()

    def forget(self) -> None:
        """Throw away every task that has not ended, without a word: a kill leaves many."""
        tasks = asyncio.all_tasks(self)
        for task in tasks:
            task._log_destroy_pending = False  # type: ignore[attr-defined] # asyncio's own gather sets it too
            _close(task.get_coro())
        self._ready.clear()
        self._scheduled.clear()
        self.close()


def _close(coroutine: Any) -> None:
    for _ in range(10):  # a finally block that awaits asks for another round
        with suppress(BaseException):
            coroutine.close()
            return
