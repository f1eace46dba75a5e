"""Dates in expressions: points in time with their offset, zones, and nothing guessed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluiceway.core.errors import Reject
from sluiceway.core.expression import Expression
from sluiceway.core.json import JSON

ZONES = ["UTC", "Europe/Zurich", "America/New_York", "Asia/Kolkata", "Pacific/Apia", "Australia/Lord_Howe"]
OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.datetimes(datetime(1900, 1, 2), datetime(2999, 1, 1), timezones=OFFSETS)  # noqa: DTZ001 - hypothesis adds the zone


def evaluate(text: str, **view: JSON) -> JSON:
    return Expression(jmes=text).evaluate(view)


def at(value: JSON) -> datetime:
    assert isinstance(value, str)
    return datetime.fromisoformat(value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("parse_date('2026-03-01T12:00:00.120+00:00')", "2026-03-01T12:00:00.120000Z"),
        ("parse_date('2026-03-01T12:00:00.123456789Z')", "2026-03-01T12:00:00.123456Z"),
        ("parse_date('2026-03-01T12:00:00-05:30')", "2026-03-01T12:00:00-05:30"),
        ("parse_date('2026-03-01T12:00:00+02:00', `null`, 'Asia/Tokyo')", "2026-03-01T12:00:00+02:00"),
        ("parse_date('2026-10-25T02:30:00', `null`, 'Europe/Zurich')", "2026-10-25T02:30:00+02:00"),
        ("parse_date('Sun, 01 Mar 2026 08:05:09 +0100', '%a, %d %b %Y %H:%M:%S %z')", "2026-03-01T08:05:09+01:00"),
        ("parse_date('1800-01-01', `null`, 'Europe/Zurich')", "1799-12-31T23:25:52Z"),
        ("format_date('0001-01-01T00:00:00Z', '%Y-%m-%d')", "0001-01-01"),
        ("format_date('2026-03-01T15:00:00Z', '%%Y is %Y, %I %p, day %j')", "%Y is 2026, 03 PM, day 060"),
        ("format_date('2026-03-01T12:00:00.5Z', '%f%z')", "500000+0000"),
        ("shift_date('2028-02-29T00:00:00Z', 'P1Y')", "2029-02-28T00:00:00Z"),
        ("shift_date('2026-03-31T00:00:00Z', '-P1M')", "2026-02-28T00:00:00Z"),
        ("shift_date('2026-03-01T00:00:00Z', 'P1Y2M3W4DT5H6M7.25S')", "2027-05-26T05:06:07.250000Z"),
        ("shift_date('2026-03-28T12:00:00+01:00', 'PT24H', 'Europe/Zurich')", "2026-03-29T13:00:00+02:00"),
        ("shift_date('2026-03-28T02:30:00+01:00', 'P1D', 'Europe/Zurich')", "2026-03-29T03:30:00+02:00"),
        ("shift_date('2026-03-28T12:00:00+01:00', 'P1D')", "2026-03-29T12:00:00+01:00"),
        ("date_diff('2026-03-02T00:00:00Z', '2026-03-01T00:00:01Z', 'days')", 0),
        ("date_diff('2026-03-01T00:00:00Z', '2026-03-01T00:00:00.0019Z', 'milliseconds')", 1),
        ("from_epoch(`0.5`)", "1970-01-01T00:00:00.500000Z"),
        ("from_epoch(`-1`, 'ms')", "1969-12-31T23:59:59.999000Z"),
        ("from_epoch(`1772366400.1234567`)", "2026-03-01T12:00:00.123456Z"),
        ("to_epoch('1969-12-31T23:59:59Z')", -1),
        ("to_zone('2026-03-29T01:30:00Z', 'Europe/Zurich')", "2026-03-29T03:30:00+02:00"),
    ],
)
def test_a_date_is_read_written_and_moved(text: str, expected: JSON) -> None:
    assert evaluate(text) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("parse_date(body)", "'2026-03-29T02:30:00' has no offset such as Z or .01:00: say in which zone it is"),
        ("to_epoch(body)", "has no offset such as Z or .01:00: parse_date gives it one"),
        ("parse_date(body, `null`, 'Europe/Zurich')", "does not exist in Europe/Zurich: its clocks were put forward"),
        ("parse_date('31.02.2026', '%d.%m.%Y', 'UTC')", "'31.02.2026' is not of the format %d.%m.%Y: "),
        ("parse_date(other)", "'2026-13-01' is not a date as ISO 8601 has it"),
        ("shift_date(last, 'P1D')", "shift_date\\(\\): date value out of range"),
        ("shift_date(last, 'P1M')", "the result is in the year 10000: years are 1 to 9999"),
        ("shift_date(last, 'P999999999Y')", "years are 1 to 9999"),
        ("shift_date(last, 'P999999999D')", "shift_date"),
        ("from_epoch(`1772366400000000`)", "beyond the year 9999: are these milliseconds"),
        ("to_zone(last, 'Asia/Tokyo')", "to_zone\\(\\): date value out of range"),
    ],
)
def test_what_is_no_point_in_time_rejects_the_message(text: str, reason: str) -> None:
    with pytest.raises(Reject, match=reason):
        evaluate(text, body="2026-03-29T02:30:00", other="2026-13-01", last="9999-12-31T23:59:59Z")


@given(MOMENTS, st.sampled_from(ZONES))
def test_seen_from_a_zone_a_moment_stays_the_same(moment: datetime, zone: str) -> None:
    seen = at(evaluate("to_zone(at, zone)", at=moment.isoformat(), zone=zone))
    assert seen == moment
    assert seen.replace(tzinfo=None) == moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None) or seen.tzinfo is UTC


@given(MOMENTS)
def test_epochs_come_back_as_they_were(moment: datetime) -> None:
    assert at(evaluate("from_epoch(to_epoch(at))", at=moment.isoformat())) == moment


@given(MOMENTS, st.integers(-(10**6), 10**6), st.sampled_from(ZONES))
def test_hours_are_hours_whatever_the_zone(moment: datetime, minutes: int, zone: str) -> None:
    by = f"{'-' if minutes < 0 else ''}PT{abs(minutes)}M"
    view: dict[str, JSON] = {"at": moment.isoformat(), "by": by, "zone": zone}
    assert at(evaluate("shift_date(at, by, zone)", **view)) == moment + timedelta(minutes=minutes)
    assert evaluate("date_diff(at, shift_date(at, by, zone), 'minutes')", **view) == minutes


@given(st.datetimes(datetime(1970, 1, 1), datetime(2037, 1, 1)), st.sampled_from(ZONES))  # noqa: DTZ001 - a local time
def test_a_local_time_is_read_or_does_not_exist(local: datetime, zone: str) -> None:
    try:
        read = at(evaluate("parse_date(local, `null`, zone)", local=local.isoformat(), zone=zone))
    except Reject as rejected:
        assert "does not exist" in rejected.reason  # noqa: PT017 # the other branch checks when it does
        return
    assert read.astimezone(ZoneInfo(zone)).replace(tzinfo=None) == local
