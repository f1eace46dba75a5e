"""`delayer`: a message goes on when it is due, however it says so, and is given back when that is long."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from sluiceway import Defer, Message, Reject
from sluiceway.testing import ManualClock, run_pipeline
from sluiceway_patterns.delayer import Delayer

NOW = 1_767_225_600.0  # 2026-01-01T00:00:00Z
UNTIL = {"until": {"jmes": "body.due"}}


class Surroundings:
    def __init__(self) -> None:
        self.clock = ManualClock(NOW)


def through(message: Message, **keys: Any) -> tuple[Any, float]:
    """Return what becomes of a message, or the Reject, and how long it was held."""
    around: Any = Surroundings()

    async def run() -> Any:
        async with Delayer.model_validate(keys).open(around) as process:
            try:
                return await process(message)  # type: ignore[misc] # this one is async
            except Reject as error:
                return error

    result = asyncio.run(run())
    return result, around.clock.time - NOW


def due(value: Any) -> Message:
    return Message({"due": value}, id="m1")


def sent(value: Any) -> Message:
    return Message({}, id="m1", meta={"sent_at": value})


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("2026-01-01T00:00:30Z", 30),
        ("2026-01-01T01:00:30+01:00", 30),
        ("2025-12-31T22:00:30.500-02:00", 30.5),
        (NOW + 60, 60),
        (int(NOW) + 1, 1),
        (Decimal("1767225600.25"), 0.25),
    ],
)
def test_until_is_iso_8601_or_seconds(value: Any, seconds: float) -> None:
    assert through(due(value), **UNTIL) == (due(value), seconds)


@pytest.mark.parametrize("value", ["2026-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59", NOW - 1, 0, -1e300])
def test_what_is_due_already_goes_on_at_once(value: Any) -> None:
    assert through(due(value), **UNTIL) == (due(value), 0)


@pytest.mark.parametrize(
    "value",
    [
        "2026-01-01T00:00:30",
        "soon",
        "",
        "1767225630",
        True,
        [],
        {"a": 1},
        Decimal("1e999"),
        10**400,
        int(NOW) * 1000,
        "2026-01-15T00:00:01Z",
    ],
)
def test_what_is_no_moment_or_too_far_away_is_rejected(value: Any) -> None:
    error, held = through(due(value), **UNTIL)
    assert (type(error), error.error, held) == (Reject, "invalid", 0)
    assert "until (body.due) is " in error.reason
    assert len(error.reason) < 300


@pytest.mark.parametrize("message", [due(None), Message({}), Message("text")])
def test_what_does_not_say_when_is_rejected_as_missing(message: Message) -> None:
    error, _ = through(message, **UNTIL)
    assert (type(error), error.error) == (Reject, "missing")


@pytest.mark.parametrize(("sent_at", "held"), [("2026-01-01T00:00:00.000+00:00", 40), (NOW - 15, 25), (NOW - 41, 0)])
def test_for_counts_from_when_the_message_was_sent(sent_at: Any, held: float) -> None:
    assert through(sent(sent_at), **{"for": "40s"}) == (sent(sent_at), held)


@pytest.mark.parametrize("message", [Message({}), sent(None), sent(0), sent("1970-01-01T00:00:00+00:00")])
def test_for_needs_a_source_that_says_when_it_was_sent(message: Message) -> None:
    error, _ = through(message, **{"for": "40s"})
    assert (type(error), error.error) == (Reject, "missing")


def test_for_up_to_fourteen_days_is_not_rejected_because_of_clocks_that_differ() -> None:
    result, _ = through(sent(NOW + 5), **{"for": "14d"})
    assert isinstance(result, Defer)


@pytest.mark.parametrize(("seconds", "deferred"), [(60, False), (60.001, True), (86_400, True)])
def test_more_than_a_minute_is_given_back_and_not_held(seconds: float, *, deferred: bool) -> None:
    result, held = through(due(NOW + seconds), **UNTIL)
    if not deferred:
        assert (result, held) == (due(NOW + seconds), seconds)
    else:
        assert isinstance(result, Defer)
        assert (round(result.delay, 3), held) == (seconds, 0)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({}, "either `for` or `until`"),
        ({"for": "1s", **UNTIL}, "either `for` or `until`"),
        ({"for": "15d"}, "no queue keeps a message longer than 14d"),
        ({"for": "0s"}, "greater than 0"),
        ({"until": "2026-01-01T00:00:00Z"}, "the same for every message: write {jmes: body.…}"),
    ],
)
def test_what_cannot_be_meant_is_refused(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Delayer.model_validate(keys)
    assert message in str(caught.value)


PIPELINE = """
version: 1
name: later
source: {use: memory}
stages: [{use: delayer, with: {until: {jmes: body.due}}}]
sinks: [{id: out, use: memory}]
"""


def test_hours_of_delay_use_up_no_attempt_and_the_order_is_that_of_the_times() -> None:
    hours = (20, 0.01, 5, 60, 0)
    messages = [{"body": {"due": NOW + 3600 * each}} for each in hours]
    ran = run_pipeline(PIPELINE, messages)
    assert [message.body for message in ran.sinks["out"]] == [{"due": NOW + 3600 * each} for each in sorted(hours)]
    assert (ran.dropped, ran.dead_letters) == ([], [])
