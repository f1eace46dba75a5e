"""Throttler in workers that compete and die: restart, repeats, late messages, the cap."""

# ruff: noqa: S311 - chance in a test is no cryptography

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.engine.crew import LATE, Crew, play
from tests.unit.engine.test_competing_workers import Life, beside

from sluiceway_patterns.throttler import Throttler

if TYPE_CHECKING:
    from tests.unit.engine.conftest import Bench


def throttler(**keys: Any) -> Throttler:
    return Throttler.model_validate({"rate": 5, "burst": 3, "store": {"dynamodb": "sluiceway"}, **keys})


def keeps_rate(times: Sequence[float], *, rate: float = 5, burst: int = 3) -> bool:
    return all(
        last - first + 1 <= burst + rate * (times[last] - times[first] + LATE)
        for first in range(len(times))
        for last in range(first, len(times))
    )


def test_two_workers_keep_the_rate_of_one_table_at_the_sink(bench: type[Bench]) -> None:
    async def scenario() -> None:
        crew = Crew(bench, throttler())
        for number in range(60):
            crew.queue.send(number)
        await asyncio.gather(crew.work(), crew.work())
        assert crew.bodies() == Counter(map(str, range(60)))
        assert keeps_rate(crew.times)
        assert crew.times[-1] < 60 / 5 + 2

    play(scenario)


def test_a_worker_is_killed_and_its_messages_come_again_at_the_same_rate(bench: type[Bench]) -> None:
    async def scenario() -> None:
        crew, life = Crew(bench, throttler()), Life()
        for number in range(60):
            crew.queue.send(number)
        async with beside(crew.work(life)):
            other = asyncio.create_task(crew.work())
            await asyncio.sleep(3)
            life.over = True
            await other
        assert set(crew.bodies()) == set(map(str, range(60)))
        assert crew.queue.is_empty
        assert keeps_rate(crew.times)
        assert crew.bench.facts == []

    play(scenario)


def test_a_worker_without_a_table_forgets_with_its_end(bench: type[Bench]) -> None:
    async def scenario() -> None:
        crew, life = Crew(bench, throttler(rate=1, per="1m", store="memory")), Life()
        crew.shares = False
        for number in range(3):
            crew.queue.send(number)
        async with beside(crew.work(life)):
            await asyncio.sleep(1)
            assert len(crew.arrived) == 3
            life.over = True
            for number in range(3):
                crew.queue.send(number)
            await crew.work()
        assert [round(time) for time in crew.times] == [0, 0, 0, 1, 1, 1]

    play(scenario)


def test_a_worker_with_a_table_remembers_after_a_restart(bench: type[Bench]) -> None:
    async def scenario() -> None:
        crew = Crew(bench, throttler(rate=6, per="1m"))
        for number in range(3):
            crew.queue.send(number)
        await crew.work()
        for number in range(3):
            crew.queue.send(number)
        await crew.work()
        assert [round(time) for time in crew.times] == [0, 0, 0, 10, 20, 30]

    play(scenario)


def test_a_repeated_message_takes_a_turn_each_time(bench: type[Bench]) -> None:
    async def scenario() -> None:
        crew = Crew(bench, throttler(burst=1), duplicates=lambda _, times: times == 1)
        for number in range(10):
            crew.queue.send(number)
        await asyncio.gather(crew.work(), crew.work())
        assert set(crew.bodies().values()) == {2}
        assert keeps_rate(crew.times, burst=1)

    play(scenario)


def test_those_beyond_a_minute_are_given_back_once_each_and_use_up_no_attempt(bench: type[Bench]) -> None:
    async def scenario() -> None:
        crew = Crew(bench, throttler(rate=2, per="1m", burst=1))
        for number in range(12):
            crew.queue.send(number)
        await asyncio.gather(crew.work(), crew.work())
        assert sorted(crew.bodies()) == sorted(map(str, range(12)))
        assert keeps_rate(crew.times, rate=2 / 60, burst=1)
        assert all(delay > 60 for _, delay in crew.queue.released)
        assert len(crew.queue.released) <= 12 + 9
        assert crew.bench.facts == []

    play(scenario)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_whoever_dies_when_nothing_is_lost_and_the_rate_is_kept(bench: type[Bench], seed: int) -> None:
    chance = random.Random(seed)

    async def scenario() -> None:
        crew = Crew(bench, throttler(rate=chance.choice([1, 5, 50]), burst=3))
        for number in range(40):
            crew.queue.send(number)
        mortals = (Life(lambda *_: chance.random() < 0.02) for _ in range(3))
        async with beside(*(crew.work(life) for life in mortals)):
            await crew.work()
        assert crew.queue.is_empty
        assert set(crew.bodies()) == set(map(str, range(40)))
        assert keeps_rate(crew.times, rate=crew.stage.rate)  # type: ignore[attr-defined] # of the throttler

    play(scenario)
