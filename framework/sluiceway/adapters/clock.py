"""The system's time."""

from __future__ import annotations

import asyncio
import time
from typing import Final

_CLOCK: Final[int] = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Leases go on while a machine sleeps: on Linux this clock does too, `time.monotonic` does not."""


class SystemClock:
    """`Clock` as the machine tells it."""

    def now(self) -> float:
        """Return the time of day, in seconds since 1970, UTC."""
        return time.time()

    def monotonic(self) -> float:
        """Return seconds on a clock that never goes back."""
        return time.clock_gettime(_CLOCK)

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)
