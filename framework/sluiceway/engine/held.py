"""What waits to be tried again, each with a time of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)


class Held(Generic[T]):
    """What waits.

    Args:
        again: Is given each when its time has come.
    """

    def __init__(self, again: Callable[[T], None]) -> None:
        self._again = again
        self._timers: dict[T, asyncio.TimerHandle] = {}

    def __len__(self) -> int:
        return len(self._timers)

    def hold(self, item: T, seconds: float) -> None:
        """Let one wait."""
        self._timers[item] = asyncio.get_running_loop().call_later(seconds, self._try, item)

    def hasten(self, seconds: Callable[[], float], together: int) -> None:
        """Let all that waits come after another time, so many together."""
        items = self.clear()
        for start in range(0, len(items), together):
            wait = seconds()
            for item in items[start : start + together]:
                self.hold(item, wait)

    def clear(self) -> list[T]:
        """Return all that waits; from now on it is the caller's."""
        for timer in self._timers.values():
            timer.cancel()
        items, self._timers = list(self._timers), {}
        return items

    def _try(self, item: T) -> None:
        del self._timers[item]
        self._again(item)
