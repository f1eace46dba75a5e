"""Delayer in workers that compete and die: restart, repeats, late messages, the cap."""

# ruff: noqa: S311 - chance in a test is no cryptography

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.engine.crew import LATE, Crew, play
from tests.unit.engine.test_competing_workers import Life, beside

from sluiceway import JSON
from sluiceway.testing.virtual_time import EPOCH
from sluiceway_patterns.delayer import Delayer

if TYPE_CHECKING:
    from tests.unit.engine.conftest import Bench


def delayer() -> Delayer:
    return Delayer.model_validate({"until": {"jmes": "body.due"}})


def due(seconds: float) -> JSON:
    return {"due": EPOCH + seconds}


def is_on_time(crew: Crew) -> bool:
    return all(time >= message.body["due"] - EPOCH - 1e-6 for time, message in crew.arrived)  # type: ignore[index, call-overload, operator] # as `due` made it


def test_whichever_worker_has_it_a_message_goes_on_when_it_is_due_and_holds_up_no_other(bench: type[Bench]) -> None:
    async def scenario() -> None:
        crew = Crew(bench, delayer())
        when = [0, -100, 1, 7, 7, 30, 59, 61, 200, 5]
        for seconds in when:
            crew.queue.send(due(seconds))
        await asyncio.gather(crew.work(), crew.work())
        late = [time - max(0, seconds) for time, seconds in zip(crew.times, sorted(when), strict=True)]
        assert all(0 <= each < LATE for each in late)

    play(scenario)


def test_beyond_a_minute_the_queue_has_it_and_no_lease_is_kept(bench: type[Bench]) -> None:
    async def scenario() -> None:
        crew = Crew(bench, delayer())
        crew.queue.send(due(13 * 3600))
        working = asyncio.create_task(crew.work())
        await asyncio.sleep(1)
        assert crew.workers[0].held == 0
        await working
        first, then = (delay for _, delay in crew.queue.released)
        assert first == pytest.approx(12 * 3600, abs=300)  # a receipt can be hidden for no longer
        assert then == pytest.approx(13 * 3600 - first, abs=1)
        assert crew.queue.extended == []
        assert is_on_time(crew)
        assert crew.bench.facts == []

    play(scenario)


def test_a_worker_is_killed_and_what_it_held_goes_on_when_it_is_due_or_its_lease_is_over(bench: type[Bench]) -> None:
    async def scenario() -> None:
        crew, life = Crew(bench, delayer()), Life()
        for seconds in (20, 50, 59):
            crew.queue.send(due(seconds))
        async with beside(crew.work(life)):
            await asyncio.sleep(30)
            life.over = True
            await asyncio.sleep(12)  # until the queue has answered its last receive
            crew.queue.send(due(45))
            await crew.work()
        assert is_on_time(crew)
        assert [round(time) for time in crew.times] == [20, 45, 80, 80]  # its lease was renewed at 20 s, for 60

    play(scenario)


def test_a_repeated_message_is_not_delayed_a_second_time(bench: type[Bench]) -> None:
    async def scenario() -> None:
        crew = Crew(bench, delayer(), duplicates=lambda _, times: times == 1)
        crew.queue.send(due(40))
        await asyncio.gather(crew.work(), crew.work())
        crew.queue.send(due(40))
        await crew.work()
        assert [round(time) for time in crew.times] == [40, 40, 40, 40]

    play(scenario)


def test_a_worker_that_is_told_to_stop_gives_back_what_is_not_due_and_another_has_it_in_time(
    bench: type[Bench],
) -> None:
    async def scenario() -> None:
        crew = Crew(bench, delayer())
        for seconds in (10, 50):
            crew.queue.send(due(seconds))
        first = asyncio.create_task(crew.work())
        await asyncio.sleep(1)
        crew.workers[0].stop()
        await first
        assert crew.clock.monotonic() <= 1 + 25  # stop_timeout less the 5 s by which it has left
        assert crew.queue.released == [("m2", 0)]
        await crew.work()
        assert [round(time) for time in crew.times] == [10, 50]

    play(scenario)


def test_on_a_fifo_queue_a_message_that_waits_holds_up_its_group_and_no_other(bench: type[Bench]) -> None:
    async def scenario() -> None:
        crew = Crew(bench, delayer(), fifo=True)
        for group, seconds in (("a", 30), ("a", 0), ("b", 10), ("c", 90), ("c", 0)):
            crew.queue.send(due(seconds), group=group)
        await asyncio.gather(crew.work(), crew.work())
        arrived = [(round(time), message.id) for time, message in crew.arrived]
        assert arrived == [(10, "m3"), (30, "m1"), (30, "m2"), (90, "m4"), (90, "m5")]

    play(scenario)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_whoever_dies_when_nothing_goes_on_too_early_and_nothing_is_lost(bench: type[Bench], seed: int) -> None:
    chance = random.Random(seed)

    async def scenario() -> None:
        crew = Crew(bench, delayer())
        sent = [crew.queue.send(due(chance.uniform(-10, 300))) for _ in range(30)]
        mortals = (Life(lambda *_: chance.random() < 0.02) for _ in range(3))
        async with beside(*(crew.work(life) for life in mortals)):
            await crew.work()
        assert crew.queue.is_empty
        assert {message.id for _, message in crew.arrived} == set(sent)
        assert is_on_time(crew)

    play(scenario)
