"""Moments, as messages write them."""

from __future__ import annotations

import math
from datetime import datetime
from decimal import Decimal
from typing import Final

from sluiceway import Message, Reject
from sluiceway_patterns.values import shown

LAST: Final = 253_402_300_799
"""The last second of the year 9999; what is later is most likely given in milliseconds."""


def moment(value: object, what: str, *, least: float = -math.inf) -> float:
    """Return a moment in seconds since 1970.

    Args:
        value: ISO 8601 with an offset, or a number of seconds since 1970.
        what: Where it stands, for the reason.
        least: The first that can be meant.

    Raises:
        Reject: It is none (class `invalid`).
    """
    seconds = _seconds(value)
    if seconds is None:
        wanted = "ISO 8601 with an offset, such as 2026-01-31T12:00:00Z, or seconds since 1970"
        raise Reject(f"{what} is {shown(value)}, not {wanted}")
    if not least <= seconds <= LAST:
        hint = "; are these milliseconds?" if seconds > LAST else ""
        raise Reject(f"{what} is {shown(value)}, which is no moment from 1970 to the year 9999{hint}")
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
        seconds = _iso(value) if isinstance(value, str) else float(value)
    except (ValueError, OverflowError):
        return None
    return seconds if seconds is not None and math.isfinite(seconds) else None


def _iso(text: str) -> float | None:
    if not text.isascii() or len(text) > 40:
        return None
    read = datetime.fromisoformat(text)
    return None if read.tzinfo is None else read.timestamp()  # whose midnight would be meant?
