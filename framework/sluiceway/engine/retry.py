"""How long to wait after a failure."""

from __future__ import annotations

from sluiceway.core import spec
from sluiceway.core.ports import Random


def backoff(settings: spec.Backoff, attempt: int, random: Random) -> float:
    """Return how many seconds to wait after the `attempt`-th failure (from 1): doubled each time, with jitter.

    The jitter takes up to half away, so that messages which failed together do not come back together.
    """
    doubled = settings.initial * 2.0 ** min(attempt - 1, 40)
    return min(float(settings.max), doubled) * (1 - random.random() / 2)
