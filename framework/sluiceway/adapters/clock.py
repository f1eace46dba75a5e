"""The system's time."""

from __future__ import annotations

import asyncio
import time


class SystemClock:
    """`Clock` as the machine tells it."""

    def now(self) -> float:
        """Return the time of day, in seconds since 1970, UTC."""
        return time.time()

    def monotonic(self) -> float:
        """Return seconds on a clock that never goes back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)
