"""How many messages may go on, and when: a token bucket, written as the time at which it will be full again.

This is the generic cell rate algorithm of ITU-T I.371: instead of a number of tokens that somebody would have to add
to, one moment is kept, and each message that goes on moves it ahead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sluiceway import JSON, Defer

LONGEST_HELD: Final = 60.0
"""Seconds that a message is held at most; one that would wait longer is given back."""

_LONGEST_AWAY: Final = 12 * 3600.0
"""Seconds after which a message that is given back comes at the latest, as SQS does not hide it for longer."""


@dataclass(frozen=True, slots=True)
class Line:
    """Those who have had their turn, or wait for it.

    Attributes:
        full: When the bucket will be full again, were nobody else to come; in seconds since 1970.
        away: The same, if all that were given back had had their turn, too.
    """

    full: float = 0.0
    away: float = 0.0

    def dump(self) -> JSON:
        """Return what a record says."""
        return {"full": self.full, "away": self.away}


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast messages may go on.

    Attributes:
        interval: Seconds from one message to the next.
        burst: How many may go on at once after a pause.
    """

    interval: float
    burst: int

    def reserve(self, line: Line, now: float, count: int) -> tuple[Line, list[float | Defer]]:
        """Give so many messages their turns.

        Args:
            line: Those before them.
            now: The time of day, in seconds since 1970.
            count: How many.

        Returns:
            The line with them in it, and for each, in order, when it may go on, or that it must come again.
        """
        slack = (self.burst - 1) * self.interval
        # Further ahead than this it cannot be, unless by a worker whose clock is wrong, or at an earlier, slower rate.
        full = min(max(line.full, now), now + slack + LONGEST_HELD + self.interval)
        away = min(max(line.away, full), now + slack + _LONGEST_AWAY)
        turns: list[float | Defer] = []
        for _ in range(count):
            turn = full - slack
            if turn <= now + LONGEST_HELD:
                full += self.interval
                turns.append(max(turn, now))
            else:
                away = max(away, full)
                turns.append(Defer(away - slack - now, f"its turn is more than {LONGEST_HELD:g} s away"))
                away = min(away + self.interval, now + slack + _LONGEST_AWAY)
        return Line(full, away), turns
