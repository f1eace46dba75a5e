"""Virtual time: waiting costs nothing, threads are waited for, and what can never end says so."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Coroutine

import pytest

from sluiceway.testing import VirtualClock, run_virtual


def test_an_hour_of_sleep_takes_no_time_and_passes_on_the_clock() -> None:
    async def scenario() -> tuple[float, float]:
        clock = VirtualClock()
        await clock.sleep(3600)
        return clock.now(), clock.monotonic()

    before = time.perf_counter()
    assert run_virtual(scenario()) == (1767225600 + 3600, 3600)
    assert time.perf_counter() - before < 5


def test_timers_fire_in_their_order_at_their_time() -> None:
    async def scenario() -> list[tuple[str, float]]:
        loop, seen = asyncio.get_running_loop(), []

        async def sleeper(name: str, seconds: float) -> None:
            await asyncio.sleep(seconds)
            seen.append((name, loop.time()))

        loop.call_later(2, lambda: seen.append(("b", loop.time())))
        await asyncio.gather(sleeper("c", 3), sleeper("a", 1), sleeper("d", 1000))
        return seen

    assert run_virtual(scenario()) == [("a", 1), ("b", 2), ("c", 3), ("d", 1000)]


def test_a_time_out_comes_at_its_virtual_time() -> None:
    async def scenario() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(90):
                await asyncio.Event().wait()
        return asyncio.get_running_loop().time()

    assert run_virtual(scenario()) == 90


def test_a_call_in_a_thread_is_waited_for_and_takes_no_virtual_time() -> None:
    async def scenario() -> tuple[str, float]:
        go = threading.Event()
        asyncio.get_running_loop().call_soon(go.set)
        async with asyncio.timeout(0.001):
            await asyncio.to_thread(go.wait)
        name = await asyncio.to_thread(lambda: threading.current_thread().name)
        return name, asyncio.get_running_loop().time()

    name, now = run_virtual(scenario())
    assert name != threading.main_thread().name
    assert now == 0


def test_waiting_for_what_nothing_will_end_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="nothing left can happen"):
        run_virtual(asyncio.Event().wait())


def test_what_goes_on_for_ever_is_given_up_at_the_limit() -> None:
    async def endless() -> None:
        while True:  # noqa: ASYNC110 - it is to go on for ever
            await asyncio.sleep(60)

    with pytest.raises(RuntimeError, match="not done at 3660s"):
        run_virtual(endless(), limit=3600)


def test_an_error_comes_out_as_it_is() -> None:
    async def fails() -> None:
        raise KeyError("x")

    for coroutine in (fails(),):
        typed: Coroutine[object, object, None] = coroutine
        with pytest.raises(KeyError):
            run_virtual(typed)
