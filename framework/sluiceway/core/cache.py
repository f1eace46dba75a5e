"""A cache in memory: bounded, timed, and one fetch for all who ask for the same thing at once."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar, cast

from sluiceway.core.ports import Clock

T = TypeVar("T")


@dataclass(slots=True)
class _Kept:
    value: object
    until: float


@dataclass(slots=True)
class _Fetch:
    """A fetch under way, and how many callers wait for it."""

    task: asyncio.Task[object]
    waiters: int = 0


class MemoryCache:
    """The `Cache` that components are given: least recently used out first.

    A fetch runs in a task of its own, so that a caller who gives up takes nothing from the others; it is
    cancelled when the last of them has given up. With `ttl` or `entries` at 0 nothing is kept, and equal keys
    still share one fetch.

    Args:
        clock: Time.
        ttl: How long a value is kept, in seconds from its arrival.
        entries: How many values are kept at most.
    """

    def __init__(self, clock: Clock, *, ttl: float, entries: int) -> None:
        self._clock = clock
        self._ttl = ttl
        self._entries = entries if ttl > 0 else 0
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._under_way: dict[str, _Fetch] = {}

    async def get(self, key: str, fetch: Callable[[], Awaitable[T]]) -> T:
        """Return the value under `key`, fetching it when it is absent or too old.

        A failed fetch is not kept; what it raised is raised to each caller who waits for it.
        """
        kept = self._kept.get(key)
        if kept is not None and self._clock.monotonic() < kept.until:
            self._kept.move_to_end(key)
            return cast("T", kept.value)
        return cast("T", await self._share(key, fetch))

    async def _share(self, key: str, fetch: Callable[[], Awaitable[object]]) -> object:
        under_way = self._under_way.get(key)
        if under_way is None or under_way.task.done():
            under_way = self._under_way[key] = _Fetch(asyncio.create_task(self._fetch(key, fetch)))
        under_way.waiters += 1
        try:
            await asyncio.wait([under_way.task])  # unlike an await of the task, it does not hand on a cancellation
        finally:
            under_way.waiters -= 1
            if not under_way.waiters:
                await self._end(key, under_way)
        return under_way.task.result()

    async def _fetch(self, key: str, fetch: Callable[[], Awaitable[object]]) -> object:
        value = await fetch()
        if self._entries:
            self._kept[key] = _Kept(value, self._clock.monotonic() + self._ttl)
            self._kept.move_to_end(key)
            if len(self._kept) > self._entries:
                self._kept.popitem(last=False)
        return value

    async def _end(self, key: str, ended: _Fetch) -> None:
        """Forget a fetch that nobody waits for any more, and stop it if it still runs."""
        if self._under_way.get(key) is ended:
            del self._under_way[key]
        if ended.task.cancel():
            await asyncio.wait([ended.task])
        if not ended.task.cancelled():
            ended.task.exception()  # looked at, so that asyncio reports no forgotten failure
