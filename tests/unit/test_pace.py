"""The token bucket behind `throttler`: never more than the burst and the rate allow, in any time."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluiceway import Defer
from sluiceway_patterns.pace import LONGEST_HELD, Line, Pace

START = 1_767_225_600.0
ROUNDING = 1e-5  # the time of day in a double, added up some hundred times

paces = st.builds(Pace, st.floats(0.001, 100), st.integers(1, 20))
arrivals = st.lists(st.tuples(st.floats(0, 50), st.integers(1, 30)), min_size=1, max_size=30)


def turns_of(pace: Pace, steps: list[tuple[float, int]]) -> list[tuple[float, float | Defer]]:
    """Return when each message came, and the turn that it was given."""
    line, now, given_turns = Line(), START, list[tuple[float, float | Defer]]()
    for wait, count in steps:
        now += wait
        line, turns = pace.reserve(line, now, count)
        given_turns += [(now, turn) for turn in turns]
    return given_turns


@given(pace=paces, steps=arrivals)
def test_in_any_time_no_more_go_on_than_the_burst_and_the_rate(pace: Pace, steps: list[tuple[float, int]]) -> None:
    turns = [turn for _, turn in turns_of(pace, steps) if isinstance(turn, float)]
    for first, begin in enumerate(turns):
        for last in range(first, len(turns)):
            allowed = pace.burst + (turns[last] - begin) / pace.interval
            assert last - first + 1 <= allowed + ROUNDING / pace.interval + 1e-6


@given(pace=paces, steps=arrivals)
def test_turns_come_in_order_not_before_the_message_and_within_what_may_be_held(
    pace: Pace, steps: list[tuple[float, int]]
) -> None:
    given_turns = turns_of(pace, steps)
    turns = [turn for _, turn in given_turns if isinstance(turn, float)]
    assert all(before <= after for before, after in pairwise(turns))
    for now, turn in given_turns:
        if isinstance(turn, float):
            assert now <= turn <= now + LONGEST_HELD + ROUNDING
        else:
            assert turn.delay > LONGEST_HELD - ROUNDING


def test_after_a_pause_the_burst_goes_on_at_once_and_the_others_evenly() -> None:
    pace = Pace(interval=0.5, burst=3)
    line, turns = pace.reserve(Line(), START, 5)
    assert turns == [START, START, START, START + 0.5, START + 1.0]
    _, turns = pace.reserve(line, START + 3600, 4)
    assert turns == [START + 3600] * 3 + [START + 3600.5]


def test_those_given_back_come_again_one_after_the_other_and_not_all_at_once() -> None:
    pace = Pace(interval=30, burst=1)
    line, turns = pace.reserve(Line(), START, 6)
    assert turns[:3] == [START, START + 30, START + 60]
    assert [turn.delay for turn in turns[3:] if isinstance(turn, Defer)] == [90, 120, 150]
    _, (turn,) = pace.reserve(line, START, 1)
    assert isinstance(turn, Defer)
    assert turn.delay == 180


def test_nobody_is_sent_away_for_longer_than_a_queue_can_hide_a_message() -> None:
    _, turns = Pace(interval=3600, burst=1).reserve(Line(), START, 30)
    assert max(turn.delay for turn in turns if isinstance(turn, Defer)) == 12 * 3600


@pytest.mark.parametrize("wrong", [Line(START + 86_400, START + 86_400), Line(START * 2, 0)])
def test_a_worker_whose_clock_is_ahead_does_not_stop_the_others(wrong: Line) -> None:
    pace = Pace(interval=1, burst=5)
    line, (first,) = pace.reserve(wrong, START, 1)
    assert isinstance(first, Defer)
    _, (then,) = pace.reserve(line, START + 61, 1)
    assert isinstance(then, float)
