"""Functions for dates: a point in time is RFC 3339 text, with its offset."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from sluiceway.core.ambient import ambient
from sluiceway.core.functions.calendar import (
    check_format,
    formatted,
    moment,
    placed,
    read,
    rfc3339,
    shifted,
    span,
    zone_of,
)
from sluiceway.core.functions.documented import documented
from sluiceway.core.functions.numbers import Number, decimal_of, number_of
from sluiceway.core.functions.signatures import NUMBER, TEXT, Takes, checked, one_of, optional, signature

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_MICROSECONDS: Final = {
    "days": 86_400_000_000,
    "hours": 3_600_000_000,
    "minutes": 60_000_000,
    "seconds": 1_000_000,
    "milliseconds": 1000,
}
_EPOCHS: Final = {"s": 1_000_000, "ms": 1000}


def _unit(text: str) -> int:
    return _MICROSECONDS[one_of(text, "the unit", list(_MICROSECONDS))]


def _epoch(text: str) -> int:
    return _EPOCHS[one_of(text, "the unit", list(_EPOCHS))]


_DATE: Final = checked(TEXT, moment)
_ZONE: Final = optional(checked(TEXT, zone_of))
_EPOCH_UNIT: Final = optional(checked(TEXT, _epoch))
_NULL_OR_FORMAT: Final[Takes] = {
    "types": ["string", "null"],
    "optional": True,
    "check": lambda text: text is None or check_format(text),
}


class DateFunctions:
    """Dates.

    A point in time is text as RFC 3339 writes it, with its offset: `2026-03-01T12:00:00+01:00`. Fractions of a second
    are kept to the microsecond. Zones are names such as `Europe/Zurich`. Formats are made of `%Y %y %m %b %B %d %j %a
    %A %H %I %p %M %S %f %z %%` as in [Python](https://docs.python.org/3/library/datetime.html#format-codes), names in
    English.
    """

    @signature()
    @documented(
        "The time, in UTC, to the millisecond. A message that is tried again sees another time.",
        ("now()", "2026-01-01T00:00:00.000Z"),
    )
    def _func_now(self) -> str:
        time = _EPOCH + timedelta(milliseconds=int(ambient().now() * 1000))
        return time.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"

    @signature(TEXT, _NULL_OR_FORMAT, _ZONE)
    @documented(
        "A point in time from text: ISO 8601, or in a format. Text without an offset is read in the zone, and rejected "
        "without one: nothing is guessed. A local time that comes twice in autumn is the first; one that spring leaves "
        "out is rejected.",
        ("parse_date('2026-03-01T12:00:00Z')", "2026-03-01T12:00:00Z"),
        ("parse_date('20260301', `null`, 'Europe/Zurich')", "2026-03-01T00:00:00+01:00"),
        ("parse_date('01.07.2026 08:30', '%d.%m.%Y %H:%M', 'Europe/Zurich')", "2026-07-01T08:30:00+02:00"),
    )
    def _func_parse_date(self, text: str, format: str | None = None, zone: str | None = None) -> str:  # noqa: A002 - as the page calls it
        return rfc3339(placed(read(text, format), text, zone))

    @signature(_DATE, checked(TEXT, check_format), _ZONE)
    @documented(
        "A point in time in a format, seen with its own offset or from a zone.",
        ("format_date('2026-03-01T23:30:00Z', '%d.%m.%Y')", "01.03.2026"),
        ("format_date('2026-03-01T23:30:00Z', '%d.%m.%Y', 'Europe/Zurich')", "02.03.2026"),
    )
    def _func_format_date(self, date: str, format: str, zone: str | None = None) -> str:  # noqa: A002 - as the page calls it
        return formatted(moment(date, zone), check_format(format))

    @signature(_DATE, checked(TEXT, zone_of))
    @documented(
        "The same point in time, seen from a zone.",
        ("to_zone('2026-07-01T12:00:00Z', 'Europe/Zurich')", "2026-07-01T14:00:00+02:00"),
        ("to_zone('2026-07-01T14:00:00+02:00', 'UTC')", "2026-07-01T12:00:00Z"),
    )
    def _func_to_zone(self, date: str, zone: str) -> str:
        return rfc3339(moment(date, zone))

    @signature(_DATE, checked(TEXT, span), _ZONE)
    @documented(
        "Earlier or later by an ISO 8601 duration such as `P1D`, `P1M`, `-PT36H` or `P1DT12H`. A month from the 31st "
        "ends where the month does. With a zone, days, weeks, months and years follow its clock: the next day at the "
        "same time, even when summer time begins between them.",
        ("shift_date('2026-01-31T12:00:00Z', 'P1M')", "2026-02-28T12:00:00Z"),
        ("shift_date('2026-03-01T12:00:00+01:00', '-PT36H')", "2026-02-28T00:00:00+01:00"),
        ("shift_date('2026-03-28T12:00:00+01:00', 'P1D', 'Europe/Zurich')", "2026-03-29T12:00:00+02:00"),
    )
    def _func_shift_date(self, date: str, by: str, zone: str | None = None) -> str:
        return rfc3339(shifted(moment(date, zone), span(by)))

    @signature(_DATE, _DATE, checked(TEXT, _unit))
    @documented(
        "How long it is from one point in time to another, in whole `days` (of 24 hours), `hours`, `minutes`, "
        "`seconds` or `milliseconds`; negative when the other was before. What is left over is cut off.",
        ("date_diff('2026-03-01T12:00:00Z', '2026-03-03T11:00:00Z', 'days')", 1),
        ("date_diff('2026-03-01T12:00:00Z', '2026-03-01T12:00:00+01:00', 'minutes')", -60),
    )
    def _func_date_diff(self, start: str, end: str, unit: str) -> int:
        steps = (moment(end) - moment(start)) // _MICROSECOND
        return abs(steps) // _unit(unit) * (1 if steps >= 0 else -1)

    @signature(_DATE, _EPOCH_UNIT)
    @documented(
        "Seconds since 1970, or with `ms` milliseconds.",
        ("to_epoch('2026-03-01T12:00:00.5Z')", 1772366400.5),
        ("to_epoch('2026-03-01T12:00:00Z', 'ms')", 1772366400000),
    )
    def _func_to_epoch(self, date: str, unit: str = "s") -> Number:
        return number_of(Decimal((moment(date) - _EPOCH) // _MICROSECOND) / _epoch(unit))

    @signature(NUMBER, _EPOCH_UNIT)
    @documented(
        "The point in time, in UTC, so many seconds after 1970, or with `ms` milliseconds.",
        ("from_epoch(`1772366400`)", "2026-03-01T12:00:00Z"),
        ("from_epoch(`1772366400123`, 'ms')", "2026-03-01T12:00:00.123000Z"),
    )
    def _func_from_epoch(self, number: Number, unit: str = "s") -> str:
        steps = decimal_of(number) * _epoch(unit)
        if abs(steps) > 10**18:  # beyond the year 9999
            raise ValueError("the number is beyond the year 9999: are these milliseconds?")
        return rfc3339(_EPOCH + int(steps) * _MICROSECOND)
