"""`throttler`: the rate is kept by whoever asks, whatever fails, and nobody is told a turn that is not his."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from sluiceway import JSON, Defer, Message, Record, Reject, Transient
from sluiceway.adapters.memory_store import MemoryStore
from sluiceway.testing import VirtualClock, run_virtual
from sluiceway_patterns.throttler import Throttler

Process = Callable[[Message], Any]


class Table(MemoryStore):
    """A table that takes its time, and fails as it is told."""

    def __init__(self, clock: Any, takes: float) -> None:
        super().__init__(clock)
        self.takes, self.down, self.loses, self.gets, self.puts = takes, False, 0, 0, 0

    async def get(self, key: str) -> Record | None:
        self.gets += 1
        await asyncio.sleep(self.takes)
        if self.down:
            raise Transient("the table is down")
        return await super().get(key)

    async def put(self, key: str, value: bytes, *, ttl: float, version: str | None = None) -> str | None:
        self.puts += 1
        await asyncio.sleep(self.takes)
        written = await super().put(key, value, ttl=ttl, version=version)
        if self.loses:
            self.loses -= 1
            raise Transient("the answer got lost")
        return written


class Shared:
    """The context of all workers: one clock, one table."""

    def __init__(self, takes: float = 0) -> None:
        self.clock = VirtualClock()
        self.random = random.Random(1)  # noqa: S311 - chance in a test, not cryptography
        self.table = Table(self.clock, takes)
        self.counts: Counter[str] = Counter()

    async def store(self, choice: object) -> Table:
        return self.table

    def count(self, name: str, amount: int = 1, **labels: str) -> None:
        self.counts[name] += amount


def on(test: Callable[..., Coroutine[Any, Any, None]], *, workers: int = 1, takes: float = 0, **keys: Any) -> None:
    async def opened() -> None:
        shared: Any = Shared(takes)
        stage = Throttler.model_validate({"rate": 10, "store": {"dynamodb": "sluiceway"}, **keys})
        async with AsyncExitStack() as stack:
            await test(shared, *[await stack.enter_async_context(stage.open(shared)) for _ in range(workers)])

    run_virtual(opened())


async def passed(shared: Shared, process: Process, body: JSON = None) -> float | Defer:
    """Return after how long a message went on, or that it was given back."""
    result = await process(Message(body))
    return result if isinstance(result, Defer) else round(shared.clock.monotonic(), 3)


def test_messages_go_on_in_the_order_in_which_they_came_evenly_after_the_burst() -> None:
    async def test(shared: Shared, process: Process) -> None:
        times = await asyncio.gather(*(passed(shared, process) for _ in range(6)))
        assert times == [0, 0, 0, 0.1, 0.2, 0.3]
        assert shared.counts == {"throttled": 3}

    on(test, burst=3)


def test_each_value_of_by_has_a_rate_of_its_own() -> None:
    async def test(shared: Shared, process: Process) -> None:
        keys: list[JSON] = ["a", "b", 1, True, ["a"], "all", "x" * 2000]
        times = await asyncio.gather(*(passed(shared, process, key) for key in [*keys, *keys]))
        assert times == [0] * len(keys) + [1] * len(keys)

    on(test, rate=1, by={"jmes": "body"})


@pytest.mark.parametrize("body", [None, "", "\ud800"])
def test_a_message_without_a_value_of_by_is_rejected(body: JSON) -> None:
    async def test(_: Shared, process: Process) -> None:
        with pytest.raises(Reject) as caught:
            await process(Message([body] if body else body))
        assert caught.value.error == ("invalid" if body else "missing")

    on(test, by={"jmes": "body"})


def test_who_would_wait_longer_than_a_minute_is_given_back_until_it_is_likely_to_be_his_turn() -> None:
    async def test(shared: Shared, process: Process) -> None:
        results = await asyncio.gather(*(passed(shared, process) for _ in range(6)))
        assert results[:4] == [0, 20, 40, 60]
        assert [round(each.delay) for each in results[4:] if isinstance(each, Defer)] == [80, 100]
        assert shared.counts == {"throttled": 3, "given_back": 2}
        assert shared.clock.monotonic() == 60

    on(test, rate=3, per="1m")


def test_all_who_wait_are_served_with_one_write_and_the_table_forgets_what_says_nothing() -> None:
    async def test(shared: Shared, process: Process) -> None:
        await asyncio.gather(*(passed(shared, process) for _ in range(200)))
        assert shared.table.puts == 2
        await shared.clock.sleep(61)
        assert await shared.table.get("all") is None

    on(test, rate=100, takes=0.05)


def test_two_workers_share_the_rate() -> None:
    async def test(shared: Shared, *processes: Process) -> None:
        times = await asyncio.gather(*(passed(shared, processes[n % 2]) for n in range(40)))
        numbers = sorted(each for each in times if isinstance(each, float))
        assert len(numbers) == 40
        assert all(last - begin >= 0.1 * 9 - 0.05 for begin, last in zip(numbers, numbers[10:], strict=False))
        assert numbers[-1] <= 4.5

    on(test, workers=2, takes=0.01, burst=2)


def test_a_table_that_is_down_is_asked_once_for_all_who_wait_and_nothing_goes_on() -> None:
    async def test(shared: Shared, process: Process) -> None:
        shared.table.down = True
        results = await asyncio.gather(*(process(Message(n)) for n in range(50)), return_exceptions=True)
        assert {type(result) for result in results} == {Transient}
        assert shared.table.gets == 2  # the first by itself, and then all who came meanwhile
        shared.table.down = False
        assert await passed(shared, process) == pytest.approx(shared.clock.monotonic(), abs=0.001)

    on(test, takes=0.05)


def test_a_write_whose_answer_got_lost_costs_turns_and_lets_nobody_through() -> None:
    async def test(shared: Shared, process: Process) -> None:
        shared.table.loses = 1
        with pytest.raises(Transient):
            await process(Message())
        assert await passed(shared, process) == 1

    on(test, rate=1)


def test_one_who_is_called_off_holds_up_nobody() -> None:
    async def test(shared: Shared, process: Process) -> None:
        first, second = (asyncio.create_task(passed(shared, process)) for _ in range(2))
        await asyncio.sleep(0.01)
        first.cancel()  # while it asks the table for both
        assert await second == pytest.approx(0.11)
        assert shared.table.puts == 1

    on(test, takes=0.05)


def test_when_too_many_write_at_once_messages_come_again_in_a_moment() -> None:
    async def test(shared: Shared, process: Process) -> None:
        async def never(*_: object, **__: object) -> None:
            return None

        shared.table.put = never  # type: ignore[method-assign] # somebody else is always quicker
        result = await process(Message())
        assert isinstance(result, Defer)
        assert 1 <= result.delay <= 2
        assert shared.clock.monotonic() < 3

    on(test)


def test_a_record_of_another_stage_is_left_alone() -> None:
    async def test(shared: Shared, process: Process) -> None:
        await shared.table.put("all", b'{"by":"m1"}', ttl=60)
        with pytest.raises(Transient, match="none of a throttler"):
            await process(Message())

    on(test)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_whoever_competes_is_called_off_or_loses_answers_the_rate_is_kept(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - chance in a test, not cryptography
    times: list[float] = []

    async def one(shared: Shared, process: Process) -> None:
        await asyncio.sleep(chance.uniform(0, 5))
        shared.table.loses = int(chance.random() < 0.1)
        try:
            async with asyncio.timeout(chance.choice([0.02, 100])):
                if isinstance(await process(Message()), Message):
                    times.append(shared.clock.monotonic())
        except (TimeoutError, Transient):
            pass

    async def test(shared: Shared, *processes: Process) -> None:
        await asyncio.gather(*(one(shared, chance.choice(processes)) for _ in range(60)))

    on(test, workers=3, takes=0.01, rate=5, burst=4)
    times.sort()
    for first, begin in enumerate(times):
        for last in range(first, len(times)):
            assert last - first + 1 <= 4 + (times[last] - begin + 0.05) * 5  # late by what the table takes


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"rate": 0}, "greater than or equal to 1"),
        ({"per": "0s"}, "greater than 0"),
        ({"per": "25h"}, "is longer than 1d"),
        ({"rate": 20_000}, "more than 10000 a second"),
        ({"burst": 0}, "greater than or equal to 1"),
    ],
)
def test_what_cannot_be_meant_is_refused(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Throttler.model_validate({"rate": 10, "store": "memory", **keys})
    assert message in str(caught.value)


def test_it_uses_the_table_that_it_names() -> None:
    stage = Throttler.model_validate({"rate": 1, "store": {"dynamodb": "rates"}})
    assert [(used.kind, used.name) for used in stage.resources()] == [("table", "rates")]
    assert Throttler.model_validate({"rate": 1, "store": "memory"}).resources() == ()
