"""Reading, writing and shifting points in time."""

from __future__ import annotations

import calendar
import difflib
import re
import zoneinfo
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, NamedTuple

from sluiceway.core.functions.signatures import short

_MAX_CHARACTERS: Final = 100
"""Of a date, a format, a zone's name or a duration."""
_DIRECTIVE: Final = re.compile("%(.?)", re.DOTALL)
_DIRECTIVES: Final = "YymbBdjaAHIpMSfz%"
_SPAN: Final = re.compile(
    r"([+-]?)P(?=[0-9T])(?:([0-9]{1,9})Y)?(?:([0-9]{1,9})M)?(?:([0-9]{1,9})W)?(?:([0-9]{1,9})D)?"
    r"(?:T(?=[0-9])(?:([0-9]{1,9})H)?(?:([0-9]{1,9})M)?(?:([0-9]{1,9})(?:[.,]([0-9]{1,6}))?S)?)?"
)


class Span(NamedTuple):
    """A duration: months and days go by the calendar, the time by the clock."""

    months: int
    days: int
    time: timedelta


def _refuse_long(text: str) -> None:
    if len(text) > _MAX_CHARACTERS:
        raise ValueError(f"{short(text)} is longer than {_MAX_CHARACTERS} characters")


def zone_of(name: str) -> zoneinfo.ZoneInfo:
    """Return a time zone.

    Raises:
        ValueError: There is none of that name.
    """
    _refuse_long(name)
    zone = _zone(name)
    if zone is None:
        near = difflib.get_close_matches(name, _zone_names(), n=1)
        hint = f"did you mean {near[0]}?" if near else "zones are named as Europe/Zurich or UTC"
        raise ValueError(f"there is no time zone {short(name)}: {hint}")
    return zone


@lru_cache(maxsize=1024)  # names that are wrong too: looking one up reads the disk
def _zone(name: str) -> zoneinfo.ZoneInfo | None:
    try:
        return zoneinfo.ZoneInfo(name)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):  # OSError: the name of a folder of zones
        return None


@lru_cache(maxsize=1)
def _zone_names() -> list[str]:
    return sorted(zoneinfo.available_timezones())


def check_format(text: str) -> str:
    """Return a format.

    Raises:
        ValueError: It has a directive that is not known.
    """
    _refuse_long(text)
    for directive in _DIRECTIVE.findall(text):
        if not directive or directive not in _DIRECTIVES:
            raise ValueError(f"the format has %{directive}: it may have {' '.join('%' + d for d in _DIRECTIVES)}")
    return text


def read(text: str, form: str | None) -> datetime:
    """Return the time that a text says, with an offset where it has one.

    Raises:
        ValueError: It is no date, or not in the format.
    """
    _refuse_long(text)
    try:
        if form is None:
            return datetime.fromisoformat(text)
        return datetime.strptime(text, check_format(form))  # noqa: DTZ007 - without an offset, `placed` asks for the zone
    except ValueError as error:
        wanted = "a date as ISO 8601 has it" if form is None else f"of the format {form}"
        raise ValueError(f"{short(text)} is not {wanted}: {error}") from None


def placed(time: datetime, text: str, zone: str | None) -> datetime:
    """Return a time that has an offset: its own, or the zone's at that time.

    Raises:
        ValueError: There is neither, or the zone's clocks never show that time.
    """
    if time.tzinfo is not None:
        return time
    if zone is None:
        raise ValueError(f"{short(text)} has no offset such as Z or +01:00: say in which zone it is")
    local = time.replace(tzinfo=zone_of(zone))
    if local.astimezone(UTC).astimezone(local.tzinfo).replace(tzinfo=None) != time:
        raise ValueError(f"{short(text)} does not exist in {zone}: its clocks were put forward")
    return local


def moment(text: str, zone: str | None = None) -> datetime:
    """Return the point in time that a text says, seen from a zone where one is given.

    Raises:
        ValueError: It is no date, or has no offset.
    """
    time = read(text, None)
    if time.tzinfo is None:
        raise ValueError(f"{short(text)} has no offset such as Z or +01:00: parse_date gives it one")
    return time if zone is None else time.astimezone(zone_of(zone))


def rfc3339(time: datetime) -> str:
    """Write a point in time; in UTC where its offset has seconds, which RFC 3339 cannot say."""
    offset = time.utcoffset() or timedelta()
    if offset.seconds % 60 or offset.microseconds:
        time, offset = time.astimezone(UTC), timedelta()
    return time.isoformat() if offset else time.replace(tzinfo=None).isoformat() + "Z"


def formatted(time: datetime, form: str) -> str:
    """Write a point in time in a format."""
    # The C library does not fill up %Y.
    return time.strftime(_DIRECTIVE.sub(lambda found: f"{time.year:04}" if found[1] == "Y" else found[0], form))


def span(text: str) -> Span:
    """Return what an ISO 8601 duration says.

    Raises:
        ValueError: It is none.
    """
    found = _SPAN.fullmatch(text)
    if found is None:
        raise ValueError(f"{short(text)} is not a duration such as P1D, -PT36H or P1Y2M3DT4H5M6.5S")
    sign = -1 if found[1] == "-" else 1
    years, months, weeks, days, hours, minutes, seconds = (int(part or 0) for part in found.groups()[1:8])
    fraction = int((found[9] or "").ljust(6, "0"))
    time = timedelta(hours=hours, minutes=minutes, seconds=seconds, microseconds=fraction)
    return Span(sign * (12 * years + months), sign * (7 * weeks + days), sign * time)


def shifted(time: datetime, by: Span) -> datetime:
    """Return a point in time moved by the calendar of its zone, then by the clock."""
    month = time.year * 12 + time.month - 1 + by.months
    year, month = month // 12, month % 12 + 1
    if not 1 <= year <= 9999:
        raise ValueError(f"the result is in the year {year}: years are 1 to 9999")
    day = min(time.day, calendar.monthrange(year, month)[1])
    local = time.replace(year=year, month=month, day=day) + timedelta(days=by.days)
    return (local.astimezone(UTC) + by.time).astimezone(time.tzinfo)
