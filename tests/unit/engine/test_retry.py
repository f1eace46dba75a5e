"""How long to wait, and how much may be tried again."""

# ruff: noqa: S311 - jitter, not cryptography

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from sluiceway.core.errors import Transient
from sluiceway.core.message import Message
from sluiceway.core.spec import Backoff
from sluiceway.core.units import Duration
from sluiceway.engine.retry import EACH_SECOND, MOST, SHARE, RetryBudget, backoff
from sluiceway.testing import ManualClock, StrictSink

if TYPE_CHECKING:
    from tests.unit.engine.conftest import Bench


@given(st.integers(1, 10_000), st.integers(0, 99))
def test_a_backoff_doubles_up_to_its_most_and_loses_half_at_most_by_jitter(attempt: int, seed: int) -> None:
    settings = Backoff(initial=Duration(2), max=Duration(60))
    whole = min(60, 2 * 2 ** (attempt - 1))
    assert whole / 2 < backoff(settings, attempt, random.Random(seed)) <= whole


def taken(budget: RetryBudget, wanted: int = 1000) -> int:
    return sum(budget.take() for _ in range(wanted))


def test_a_spent_budget_refuses_until_time_makes_room() -> None:
    clock = ManualClock()
    budget = RetryBudget(clock)
    assert taken(budget) == MOST
    assert taken(budget) == 0
    clock.time += 2
    assert taken(budget) == 2 * EACH_SECOND
    clock.time += 3600
    assert taken(budget) == MOST


def test_what_is_served_at_once_makes_room_for_a_share_of_retries() -> None:
    budget = RetryBudget(ManualClock())
    taken(budget)
    budget.served(50, 0)
    assert taken(budget) == 50 * SHARE


def test_a_retry_that_is_served_costs_nothing() -> None:
    budget = RetryBudget(ManualClock())
    taken(budget)
    budget.served(0, 30)
    assert taken(budget) == 30


def test_a_half_broken_dependency_is_not_hammered_with_what_it_fails(bench: type[Bench]) -> None:
    failed_again: list[float] = []

    def moody(message: Message, times: int) -> Transient | None:
        if (int(str(message.body)) * 7 + times * 3) % 4 == 0:
            return None
        if times > 1:
            failed_again.append(asyncio.get_running_loop().time())
        return Transient("throttled")

    run = bench(sinks={"bus": StrictSink(entries=moody)}, attempts=1000, in_flight=1000).send(*range(400)).run()
    assert sorted(run.bodies()) == list(range(400))
    assert run.facts == []
    served_at_once = 100
    within_five_seconds = sum(time <= 5 for time in failed_again)
    assert within_five_seconds <= MOST + EACH_SECOND * 5 + SHARE * served_at_once


def test_a_leg_without_room_in_the_budget_waits_and_is_not_failed(bench: type[Bench]) -> None:
    def once(message: Message, times: int) -> Transient | None:
        return Transient("throttled") if times == 1 and int(str(message.body)) % 2 else None

    run = bench(sinks={"bus": StrictSink(entries=once)}, attempts=2, in_flight=1000).send(*range(500)).run()
    assert sorted(run.bodies()) == list(range(500))
    assert len(run.queue.received) == 500
