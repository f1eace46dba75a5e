"""`message_expiration`: until when a message is good, and what becomes of it then."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sluiceway import JSON, Drop, Message, Reject
from sluiceway.testing import ManualClock, Ran, run_pipeline
from sluiceway_patterns.expiration import MessageExpiration

NOW = 1_767_225_600  # 2026-01-01T00:00:00Z, when virtual time begins

FILE = """
version: 1
name: offers
source: {use: memory}
stages:
  - {id: good, use: message_expiration, with: WITH}
sinks:
  - {id: out, use: memory}
  - {id: late, use: memory, routes: [late]}
"""


def run(settings: str, body: JSON = None, **meta: JSON) -> Ran:
    file = FILE if "{to: late}" in settings else FILE.replace("  - {id: late, use: memory, routes: [late]}\n", "")
    return run_pipeline(file.replace("WITH", settings), [{"body": body, "meta": meta}])


def ends(ran: Ran) -> list[Any]:
    dead = [(ended.error, ended.reason) for ended in ran.dead_letters]
    return [m.routes for m in ran.sinks["out"]] + [ended.reason for ended in ran.dropped] + dead


@pytest.mark.parametrize(
    ("sent_at", "is_good"),
    [
        ("2026-01-01T00:00:00.000+00:00", True),
        ("2025-12-31T23:00:00.001Z", True),
        ("2025-12-31T23:00:00Z", False),
        (NOW - 3599, True),
        (NOW - 3600, False),
        (NOW - 3599.5, True),
        ("2026-01-01T00:30:00+01:00", True),
    ],
)
def test_a_message_is_good_for_so_long_since_it_was_sent(sent_at: JSON, is_good: bool) -> None:  # noqa: FBT001 - a case
    assert ends(run("{after: 1h, expired: drop}", sent_at=sent_at)) == ([()] if is_good else ["expired"])


def test_what_has_expired_is_dead_lettered_dropped_or_put_on_a_route() -> None:
    at: JSON = {"until": NOW}
    assert ends(run("{at: {jmes: body.until}}", at)) == [
        ("expired", "the message has expired at 2026-01-01T00:00:00+00:00")
    ]
    assert ends(run("{at: {jmes: body.until}, expired: drop}", at)) == ["expired"]
    ran = run("{at: {jmes: body.until}, expired: {to: late}}", at)
    assert [m.routes for m in ran.sinks["late"]] == [("late",)]


@pytest.mark.parametrize("until", [None, NOW + 1, NOW + 0.5, "2026-01-01T00:00:01Z", "20260101T010000+00:00"])
def test_what_is_not_over_passes_and_what_has_no_end_never_is(until: JSON) -> None:
    assert ends(run("{at: {jmes: body.until}}", {"until": until})) == [()]
    assert ends(run("{at: {jmes: body.until}}", "no object")) == [()]


@pytest.mark.parametrize(
    "until",
    [
        "2026-01-01T00:00:00",
        "2026-01-01",
        "tomorrow",
        "",
        str(NOW),
        0,
        -1,
        NOW * 1000,
        True,
        [],
        {},
        "٢٠٢٦-01-01T00:00:00Z",
    ],
)
def test_what_is_no_moment_is_rejected_with_its_path(until: JSON) -> None:
    ((error, reason),) = ends(run("{at: {jmes: body.until}}", {"until": until}))
    assert error == "invalid"
    assert reason.startswith("at (body.until) is ")
    assert ("milliseconds" in reason) == (until == NOW * 1000)


@given(
    st.just(10**400)
    | st.decimals()
    | st.floats()
    | st.integers()
    | st.datetimes().map(lambda moment: moment.isoformat() + "-23:59")
)
def test_no_number_and_no_date_is_too_much(until: Any) -> None:
    stage = MessageExpiration.model_validate({"at": {"jmes": "body"}, "expired": "drop"})
    message = Message(until)
    if isinstance(until, Decimal) and until.is_signed():
        with pytest.raises(Reject):
            stage.process(message)
        return
    with suppress(Reject):
        assert stage.process(message) in (message, Drop("expired"))


@pytest.mark.parametrize(
    ("meta", "error"), [({}, "missing"), ({"sent_at": None}, "missing"), ({"sent_at": []}, "invalid")]
)
@pytest.mark.parametrize("unknown", [{}, {"sent_at": 0}, {"sent_at": "1970-01-01T00:00:00.000+00:00"}])
def test_a_message_of_which_nobody_knows_when_it_was_sent_is_rejected(
    meta: dict[str, JSON], error: str, unknown: dict[str, JSON]
) -> None:
    stage = MessageExpiration.model_validate({"after": "1h"})
    for given_meta, wanted in ((meta, error), (unknown, "missing")):
        with pytest.raises(Reject, match=r"meta\.sent_at") as caught:
            stage.process(Message(meta=given_meta))
        assert caught.value.error == wanted


@pytest.mark.parametrize("settings", [{}, {"after": "1h", "at": {"jmes": "body.a"}}, {"after": "0s"}, {"at": "body.a"}])
def test_exactly_one_of_after_and_at_says_when(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        MessageExpiration.model_validate(settings)


async def test_the_clock_is_the_run_s_for_messages_and_decisions_alike() -> None:
    class Surroundings:
        clock = ManualClock(NOW)

    stage = MessageExpiration.model_validate({"after": "1h", "expired": {"to": "late"}})
    assert (stage.labels(), stage.branches()) == (["late"], (("expired",),))
    message = Message(meta={"sent_at": Surroundings.clock.now()})
    async with stage.open(Surroundings()):  # type: ignore[arg-type] # what is used of a context
        (early,) = stage.decisions(message)
        Surroundings.clock.time += 3600
        (late,) = stage.decisions(message)
    assert (early.taken, late.taken) == (False, True)
    assert early.text.startswith("it expires at ")
    (never,) = MessageExpiration.model_validate({"at": {"jmes": "body"}}).decisions(Message())
    assert (never.text, never.taken) == ("it never expires", False)
