"""Scatter-gather in workers that compete and die: restart, repeats, late answers, the cap."""

# ruff: noqa: S311 - chance in a test is no cryptography

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.engine.crew import LATE, Crew, play
from tests.unit.engine.test_competing_workers import Life, beside

from sluiceway import JSON
from sluiceway_patterns.scatter_gather import ScatterGather

if TYPE_CHECKING:
    from tests.unit.engine.conftest import Bench


def asking(*seconds: int, **keys: Any) -> ScatterGather:
    no = {"no": {"jmes": "body.no"}}
    ask = {f"s{each}": {"url": f"https://s{each}.example/{{no}}", "params": no} for each in seconds}
    return ScatterGather.model_validate({"ask": ask, "into": "said", **keys})


def said(crew: Crew) -> list[JSON]:
    return [message.body["said"] for _, message in crew.arrived]  # type: ignore[index, call-overload] # bodies are objects


def test_two_workers_ask_once_for_each_message_and_take_the_first_answers(bench: type[Bench]) -> None:
    async def scenario() -> None:
        crew = Crew(bench, asking(1, 2, 4, wait={"quorum": 2}))
        for number in range(20):
            crew.queue.send({"no": number})
        await asyncio.gather(crew.work(), crew.work())
        assert said(crew) == [{"s1": 1, "s2": 1}] * 20
        assert set(Counter(crew.asked).values()) == {1}
        assert crew.times[-1] < 2 + LATE

    play(scenario)


def test_a_worker_is_killed_and_all_are_asked_again(bench: type[Bench]) -> None:
    async def scenario() -> None:
        crew, life = Crew(bench, asking(1, 3)), Life()
        crew.queue.send({"no": 7})
        async with beside(crew.work(life)):
            await asyncio.sleep(2)  # one has answered
            life.over = True
            await crew.work()
        assert said(crew) == [{"s1": 1, "s3": 1}]
        assert sorted(crew.asked) == ["https://s1.example/7"] * 2 + ["https://s3.example/7"] * 2

    play(scenario)


def test_a_repeated_message_is_asked_about_again(bench: type[Bench]) -> None:
    async def scenario() -> None:
        crew = Crew(bench, asking(1, 2), duplicates=lambda _, times: times == 1)
        crew.queue.send({"no": 7})
        await asyncio.gather(crew.work(), crew.work())
        assert said(crew) == [{"s1": 1, "s2": 1}] * 2
        assert len(crew.asked) == 4

    play(scenario)


def test_a_late_answer_is_thrown_away_and_the_message_is_tried_again(bench: type[Bench]) -> None:
    async def scenario() -> None:
        crew = Crew(bench, asking(1, 9, within="5s"))
        crew.queue.send({"no": 7})
        working = asyncio.create_task(crew.work())
        await asyncio.sleep(60)
        assert crew.arrived == []
        assert len(crew.asked) >= 4
        working.cancel()

    play(scenario)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_whoever_dies_when_nothing_is_lost(bench: type[Bench], seed: int) -> None:
    chance = random.Random(seed)

    async def scenario() -> None:
        crew = Crew(bench, asking(1, 2, 3, wait={"quorum": 2}))
        sent = [crew.queue.send({"no": number}) for number in range(30)]
        mortals = (Life(lambda *_: chance.random() < 0.02) for _ in range(3))
        async with beside(*(crew.work(life) for life in mortals)):
            await crew.work()
        assert crew.queue.is_empty
        assert {message.id for _, message in crew.arrived} == set(sent)
        assert all(answers == {"s1": 1, "s2": 1} for answers in said(crew))

    play(scenario)
