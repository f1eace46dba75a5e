"""A circuit: what is known of one dependency, and who may call it while it serves nobody."""

from __future__ import annotations

import math

from sluiceway.core.errors import Transient
from sluiceway.core.ports import Clock
from sluiceway.engine.surroundings import Log

THRESHOLD = 5
"""Calls in a row that fail for now, with nothing served between them, that open a circuit."""

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
"""Seconds for which an open circuit lets nobody through; doubled while those who then try it fail."""

LONGEST_ASKED = 300.0
"""Seconds for which a dependency itself may lengthen a pause (Retry-After)."""


class Down(Transient):
    """A dependency is down and was not asked.

    That is no failure of anybody's: it counts for nothing, and a message that is old does not expire by it.
    """


class Circuit:
    """One dependency: closed while it serves, open while it serves nobody.

    While it is open one round of callers is let through after each pause, to try it: one batch to a sink, a few calls
    of a stage. When one of them is served the circuit closes; when they fail the pause doubles. A caller of whom
    nothing is heard again does no harm: another pause later the next may try.

    Nothing that was asked before the circuit opened can close it: a slow answer says nothing of now.

    Attributes:
        served_count: What it has served since it is watched.
        waiting: What only it can settle and tries it: while something does, nothing is received to try it with.
    """

    def __init__(self, name: str, clock: Clock, log: Log) -> None:
        self.served_count = 0
        self.waiting: set[object] = set()
        self._name = name
        self._clock = clock
        self._log = log
        self._failures = 0
        self._pause = 0.0
        self._opened = 0.0
        self._until = 0.0
        self._closed = -math.inf
        self._asked_until = 0.0
        self._is_tried = False
        self._tries_left = 0

    @property
    def is_open(self) -> bool:
        """It serves nobody."""
        return self._pause > 0

    @property
    def wait(self) -> float:
        """Seconds until somebody may try it; 0 or less when somebody may."""
        return self._until - self._clock.monotonic() if self.is_open else 0

    @property
    def quiet(self) -> float:
        """Seconds since it was last open."""
        return 0 if self.is_open else self._clock.monotonic() - self._closed

    def admits(self, most: int = 1) -> bool:
        """Tell whether a call may be made now; while the circuit is open, so many a round may try it."""
        if not self.is_open:
            return True
        if self.wait <= 0:
            self._is_tried = True
            self._tries_left = most
            self._until = self._clock.monotonic() + self._pause
        self._tries_left -= 1
        return self._tries_left >= 0

    def served(self, count: int = 1, *, since: float | None = None) -> None:
        """Note that it has served.

        Args:
            count: How many messages.
            since: When it was asked, on the monotonic clock; just now, if nothing is said.
        """
        self.served_count += count
        if self.is_open:
            if since is not None and since <= self._opened:
                return
            self._pause = 0
            self._closed = self._clock.monotonic()
            self._log.info("resumed", dependency=self._name)
        self._failures = 0
        self._asked_until = 0
        self._is_tried = False

    def failed(self, reason: str, retry_after: float | None = None) -> None:
        """Note that one call has failed for now.

        Args:
            reason: What happened.
            retry_after: Seconds that it asked to be left alone; it says so to one caller and means them all.
        """
        now = self._clock.monotonic()
        self._failures += 1
        self._asked_until = max(self._asked_until, now + min(retry_after or 0, LONGEST_ASKED))
        if not self.is_open:
            if self._failures < THRESHOLD:
                return
            self._opened = now
            self._lengthen(now)
            consequence = "nothing is received; what is held tries it from time to time"
            self._log.warning("paused", dependency=self._name, reason=reason, consequence=consequence)
        elif self._is_tried or self.wait <= 0:
            self._lengthen(now)
        self._until = max(self._until, self._asked_until)

    def _lengthen(self, now: float) -> None:
        self._is_tried = False
        self._pause = min(LONGEST_PAUSE, self._pause * 2 or FIRST_PAUSE)
        self._until = now + self._pause
