"""A circuit: who may call a dependency that serves nobody, and what opens and closes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sluiceway.engine.circuit import FIRST_PAUSE, LONGEST_ASKED, LONGEST_PAUSE, THRESHOLD, Circuit
from sluiceway.testing import ManualClock

if TYPE_CHECKING:
    from tests.unit.engine.conftest import Lines


@pytest.fixture
def circuit(clock: ManualClock, lines: Lines) -> Circuit:
    return Circuit("bus", clock, lines)


@pytest.fixture
def opened(circuit: Circuit) -> Circuit:
    fail(circuit, THRESHOLD)
    assert circuit.is_open
    return circuit


def fail(circuit: Circuit, times: int = 1, retry_after: float | None = None) -> None:
    for _ in range(times):
        circuit.failed("503", retry_after)


def test_a_closed_circuit_admits_everybody(circuit: Circuit) -> None:
    fail(circuit, THRESHOLD - 1)
    assert all(circuit.admits() for _ in range(100))


def test_an_open_circuit_admits_one_after_each_pause(opened: Circuit, clock: ManualClock) -> None:
    assert [opened.admits() for _ in range(3)] == [False] * 3
    clock.time += FIRST_PAUSE
    assert [opened.admits() for _ in range(3)] == [True, False, False]


def test_a_round_of_several_is_admitted_together_and_doubles_the_pause_once(
    opened: Circuit, clock: ManualClock
) -> None:
    clock.time += FIRST_PAUSE
    assert [opened.admits(3) for _ in range(5)] == [True, True, True, False, False]
    fail(opened, 3)
    assert opened.wait == 2 * FIRST_PAUSE
    assert not opened.admits(3)


def test_one_of_whom_nothing_is_heard_again_keeps_nobody_out_for_ever(opened: Circuit, clock: ManualClock) -> None:
    for _ in range(5):
        clock.time += opened.wait
        assert opened.admits()
        assert 0 < opened.wait <= LONGEST_PAUSE


def test_when_the_one_that_tries_it_is_served_it_closes(opened: Circuit, clock: ManualClock, lines: Lines) -> None:
    clock.time += FIRST_PAUSE
    assert opened.admits()
    opened.served(since=clock.monotonic())
    assert not opened.is_open
    assert opened.admits()
    assert lines == ["paused", "resumed"]


def test_a_late_success_of_a_slow_call_closes_nothing(circuit: Circuit, clock: ManualClock, lines: Lines) -> None:
    asked = clock.monotonic()
    clock.time += 5
    fail(circuit, THRESHOLD)
    clock.time += 5
    circuit.served(3, since=asked)
    assert circuit.is_open
    assert circuit.served_count == 3  # it did serve: a message that fails meanwhile has something to do with it
    assert lines == ["paused"]


def test_late_failures_of_slow_calls_neither_open_it_twice_nor_lengthen_its_pause(
    opened: Circuit, clock: ManualClock, lines: Lines
) -> None:
    clock.time += FIRST_PAUSE / 2
    fail(opened, 50)
    assert opened.wait == FIRST_PAUSE / 2
    clock.time += FIRST_PAUSE / 2
    assert opened.admits()
    opened.served(since=clock.monotonic())
    fail(opened, THRESHOLD - 1)
    assert not opened.is_open
    assert lines == ["paused", "resumed"]


def test_a_success_that_is_slow_but_asked_after_the_opening_closes_it(opened: Circuit, clock: ManualClock) -> None:
    clock.time += FIRST_PAUSE
    assert opened.admits()
    asked = clock.monotonic()
    clock.time += FIRST_PAUSE
    assert opened.admits()
    fail(opened)
    opened.served(since=asked)
    assert not opened.is_open


def test_retry_after_lengthens_the_pause_of_an_open_circuit(circuit: Circuit, clock: ManualClock) -> None:
    fail(circuit, THRESHOLD, retry_after=120)
    assert circuit.wait == 120
    clock.time += 120
    assert circuit.admits()
    fail(circuit, retry_after=60)
    assert circuit.wait == 60


def test_retry_after_lengthens_a_pause_to_five_minutes_at_most(circuit: Circuit) -> None:
    fail(circuit, THRESHOLD, retry_after=86_400)
    assert circuit.wait == LONGEST_ASKED


def test_retry_after_to_one_caller_pauses_nobody_while_others_are_served(circuit: Circuit) -> None:
    for _ in range(20):
        fail(circuit, retry_after=3600)
        circuit.served()
    assert circuit.admits()
    fail(circuit, THRESHOLD)
    assert circuit.wait == FIRST_PAUSE
