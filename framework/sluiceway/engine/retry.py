"""How long to wait after a failure, and how much may be tried again at all."""

from __future__ import annotations

from sluiceway.core import spec
from sluiceway.core.ports import Clock, Random

SHARE = 0.2
"""Retries that a message served at the first attempt makes room for."""

EACH_SECOND = 10.0
"""Retries for which a second makes room, so that a dependency with little to do is tried again too."""

MOST = 100.0
"""Retries for which there is room at most."""


def backoff(settings: spec.Backoff, attempt: int, random: Random) -> float:
    """Return how many seconds to wait after the `attempt`-th failure (from 1): doubled each time, with jitter.

    The jitter takes up to half away, so that messages which failed together do not come back together.
    """
    doubled = settings.initial * 2.0 ** min(attempt - 1, 40)
    return min(float(settings.max), doubled) * (1 - random.random() / 2)


class RetryBudget:
    """How much one dependency may be tried again with: it must not be kept down by what it has failed already.

    Retries that are served cost nothing in the end. Those that fail again are, over time, at most a fifth of what is
    served at once and ten a second more. Retry budgets are described in "Handling Overload", Site Reliability
    Engineering, chapter 21 (https://sre.google/sre-book/handling-overload/).
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._room = MOST
        self._at = clock.monotonic()

    def take(self) -> bool:
        """Tell whether there is room for one retry, and take it."""
        now = self._clock.monotonic()
        self._add((now - self._at) * EACH_SECOND)
        self._at = now
        if self._room < 1:
            return False
        self._room -= 1
        return True

    def served(self, first: int, again: int) -> None:
        """Note how many messages were served, at the first attempt and when they were tried again."""
        self._add(first * SHARE + again)

    def _add(self, room: float) -> None:
        self._room = min(MOST, self._room + room)
