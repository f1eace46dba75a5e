from __future__ import annotations

import asyncio
import gc

import pytest

from sluiceway.core.cache import MemoryCache
from sluiceway.core.errors import Transient
from sluiceway.testing import ManualClock


class Fetch:
    """Counts its calls and answers when it is let; at once unless `held`."""

    def __init__(self, *, held: bool = False, error: Exception | None = None) -> None:
        self.calls = 0
        self.cancelled = False
        self.error = error
        self.may_answer = asyncio.Event()
        if not held:
            self.may_answer.set()

    async def __call__(self) -> int:
        self.calls += 1
        number = self.calls
        try:
            await self.may_answer.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        if self.error is not None:
            raise self.error
        return number


async def turns(count: int = 5) -> None:
    """Let every task that can go on do so."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_a_value_is_fetched_once_while_it_is_fresh() -> None:
    clock, fetch = ManualClock(), Fetch()
    cache = MemoryCache(clock, ttl=60, entries=10)

    assert await cache.get("a", fetch) == 1
    clock.time = 59.9
    assert await cache.get("a", fetch) == 1
    clock.time = 60
    assert await cache.get("a", fetch) == 2


async def test_none_is_a_value_like_any_other() -> None:
    calls = 0

    async def nothing() -> None:
        nonlocal calls
        calls += 1

    cache = MemoryCache(ManualClock(), ttl=60, entries=10)
    await cache.get("a", nothing)
    await cache.get("a", nothing)

    assert calls == 1


async def test_the_least_recently_used_entry_leaves_first() -> None:
    cache = MemoryCache(ManualClock(), ttl=60, entries=2)
    a, b, c = Fetch(), Fetch(), Fetch()
    await cache.get("a", a)
    await cache.get("b", b)
    await cache.get("a", a)
    await cache.get("c", c)

    await cache.get("a", a)
    await cache.get("b", b)

    assert (a.calls, b.calls, c.calls) == (1, 2, 1)


async def test_an_entry_that_is_fetched_again_is_young_again() -> None:
    clock = ManualClock()
    cache = MemoryCache(clock, ttl=60, entries=2)
    a, b, c = Fetch(), Fetch(), Fetch()
    await cache.get("a", a)
    clock.time = 30
    await cache.get("b", b)
    clock.time = 60
    await cache.get("a", a)
    await cache.get("c", c)

    await cache.get("a", a)

    assert a.calls == 2


@pytest.mark.parametrize(("ttl", "entries"), [(60, 10), (0, 10), (60, 0), (0, 0)])
async def test_equal_keys_share_one_fetch_under_way(ttl: float, entries: int) -> None:
    fetch, other = Fetch(held=True), Fetch()
    cache = MemoryCache(ManualClock(), ttl=ttl, entries=entries)
    callers = [asyncio.create_task(cache.get("a", fetch)) for _ in range(20)]
    await turns()

    assert await cache.get("b", other) == 1
    fetch.may_answer.set()

    assert await asyncio.gather(*callers) == [1] * 20


@pytest.mark.parametrize(("ttl", "entries"), [(0, 10), (60, 0)])
async def test_without_time_or_room_nothing_is_kept(ttl: float, entries: int) -> None:
    fetch = Fetch()
    cache = MemoryCache(ManualClock(), ttl=ttl, entries=entries)

    assert [await cache.get("a", fetch) for _ in range(3)] == [1, 2, 3]


async def test_a_caller_who_comes_when_the_fetch_has_just_ended_gets_a_new_one() -> None:
    fetch = Fetch()
    cache = MemoryCache(ManualClock(), ttl=0, entries=0)
    seen: list[int] = []

    async def caller() -> None:
        seen.extend([await cache.get("a", fetch) for _ in range(10)])

    await asyncio.gather(*(caller() for _ in range(4)))

    assert max(seen) == fetch.calls >= 10


async def test_a_failed_fetch_reaches_each_waiter_and_is_not_kept() -> None:
    fetch = Fetch(held=True, error=Transient("customers.internal answered 503"))
    cache = MemoryCache(ManualClock(), ttl=60, entries=10)
    callers = [asyncio.create_task(cache.get("a", fetch)) for _ in range(3)]
    await turns()
    fetch.may_answer.set()

    results = await asyncio.gather(*callers, return_exceptions=True)
    assert results == [fetch.error] * 3

    fetch.error = None
    assert await cache.get("a", fetch) == 2


async def test_the_first_caller_may_give_up_and_the_others_get_their_value() -> None:
    fetch = Fetch(held=True)
    cache = MemoryCache(ManualClock(), ttl=60, entries=10)
    first, second, third = (asyncio.create_task(cache.get("a", fetch)) for _ in range(3))
    await turns()

    first.cancel()
    await turns()
    fetch.may_answer.set()

    assert await asyncio.gather(second, third) == [1, 1]
    assert first.cancelled()
    assert not fetch.cancelled


async def test_the_fetch_stops_when_the_last_caller_has_given_up() -> None:
    fetch = Fetch(held=True)
    cache = MemoryCache(ManualClock(), ttl=60, entries=10)
    callers = [asyncio.create_task(cache.get("a", fetch)) for _ in range(2)]
    await turns()
    for caller in callers:
        caller.cancel()

    await asyncio.gather(*callers, return_exceptions=True)
    assert fetch.cancelled

    fetch.may_answer.set()
    assert await cache.get("a", fetch) == 2


@pytest.mark.parametrize("turns_later", range(4))
async def test_a_failure_that_nobody_waits_for_is_no_noise(turns_later: int) -> None:
    noise: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, what: noise.append(what))
    fetch = Fetch(held=True, error=Transient("down"))
    cache = MemoryCache(ManualClock(), ttl=60, entries=10)
    caller = asyncio.create_task(cache.get("a", fetch))
    await turns()

    fetch.may_answer.set()
    await turns(turns_later)
    caller.cancel()
    await asyncio.gather(caller, return_exceptions=True)
    del caller
    gc.collect()

    assert noise == []
