"""Moments, as messages write them."""

from __future__ import annotations

import math
from datetime import datetime
from decimal import Decimal
from typing import Final

from sluiceway import Message, Reject
from sluiceway_patterns.values import shown

_LAST: Final = 253_402_300_799
"""The last second of the year 9999; what is later is most likely given in milliseconds."""


def moment(value: object, what: str) -> float:
    """Return a moment in seconds since 1970.

    Args:
        value: ISO 8601 with an offset, or a number of seconds since 1970.
        what: Where it stands, for the reason.

    Raises:
        Reject: It is none (class `invalid`).
    """
    seconds = _seconds(value)
    if seconds is None:
        wanted = "ISO 8601 with an offset, such as 2026-01-31T12:00:00Z, or seconds since 1970"
        raise Reject(f"{what} is {shown(value)}, not {wanted}")
    if seconds > _LAST:
        raise Reject(f"{what} is {shown(value)}, which is beyond the year 9999; are these milliseconds?")
    return seconds


def sent_at(message: Message) -> float:
    """Return when a message was sent, in seconds since 1970.

    Raises:
        Reject: Its source does not say (class `missing`).
    """
    value = message.meta.get("sent_at")
    seconds = 0.0 if value is None else moment(value, "meta.sent_at")
    if seconds <= 0:  # what SQS would say of a message that has no time is 1970
        raise Reject("the source does not say when the message was sent (meta.sent_at)", error="missing")
    return seconds


def _seconds(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        return None
    try:
        if not isinstance(value, str):
            seconds = float(value)
        elif (read := datetime.fromisoformat(value)).tzinfo is None:
            return None  # whose midnight is meant?
        else:
            seconds = read.timestamp()
    except (ValueError, OverflowError):
        return None
    return seconds if math.isfinite(seconds) else None
