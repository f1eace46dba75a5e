"""A clock that a test moves."""

from __future__ import annotations


class ManualClock:
    """`Clock` whose time passes only when a test sets `time`, or while somebody sleeps.

    For what asks the time and needs no event loop's: a cache, a secret that is refreshed, a lease. `VirtualClock` is
    for what waits.

    Args:
        time: The time at first, in seconds: both the time of day and the monotonic one.
    """

    def __init__(self, time: float = 0.0) -> None:
        self.time = time

    def now(self) -> float:
        """Return the time."""
        return self.time

    def monotonic(self) -> float:
        """Return the time."""
        return self.time

    async def sleep(self, seconds: float) -> None:
        """Let so much time pass, at once."""
        self.time += seconds
