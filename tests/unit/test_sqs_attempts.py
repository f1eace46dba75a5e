"""A receive whose answer was lost is made again by its id, for as long as that can help."""

from __future__ import annotations

import random

import pytest

from sluiceway.adapters.sqs_attempts import Attempts
from sluiceway.testing import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def attempts(clock: ManualClock, *, visibility: float = 60) -> Attempts:
    return Attempts(clock, random.Random(1), visibility=visibility)  # noqa: S311 - ids in a test


def test_each_receive_has_an_id_of_its_own(clock: ManualClock) -> None:
    chosen = attempts(clock)
    ids = {chosen.next(10).id for _ in range(100)}
    assert len(ids) == 100
    assert all(len(id_) == 32 and id_.isalnum() for id_ in ids)


def test_a_lost_one_is_made_again_once(clock: ManualClock) -> None:
    chosen = attempts(clock)
    lost = chosen.next(10)
    chosen.lost(lost)
    assert [chosen.next(10) is lost, chosen.next(10) is lost] == [True, False]


def test_a_lost_one_waits_for_a_receive_with_room_for_its_answer(clock: ManualClock) -> None:
    chosen = attempts(clock)
    large, small = chosen.next(10), chosen.next(2)
    chosen.lost(large)
    chosen.lost(small)
    assert chosen.next(1) not in (large, small)
    assert chosen.next(3) is small
    assert chosen.next(10) is large


@pytest.mark.parametrize(("visibility", "seconds"), [(60, 60), (3600, 300)])
def test_a_lost_one_is_forgotten_when_sqs_has_or_its_messages_are_visible(
    clock: ManualClock, visibility: float, seconds: float
) -> None:
    for passed, same in ((seconds - 1, True), (seconds, False)):
        chosen = attempts(clock, visibility=visibility)
        lost = chosen.next(10)
        chosen.lost(lost)
        clock.time += passed
        assert (chosen.next(10) is lost) is same
