"""The in-flight budget: what may be received is reserved before it is asked for."""

from __future__ import annotations

import asyncio

from sluiceway.core.spec import RECEIVE_COUNT, RECEIVE_SIZE

LARGEST = RECEIVE_SIZE
FULL = RECEIVE_COUNT


class Budget:
    """Bounds the messages, and the bytes of their bodies, that are under way.

    Args:
        messages: At most so many.
        size: At most so many bytes; at least one message is always let in.
    """

    def __init__(self, messages: int, size: int) -> None:
        self._messages = messages
        self._size = max(size, LARGEST)
        self._free = asyncio.Event()
        self._free.set()
        self._closed = False

    @property
    def spent(self) -> bool:
        """Nothing more can be received until something is settled."""
        return self._room() == 0

    def _room(self) -> int:
        return max(0, min(FULL, self._messages, self._size // LARGEST))

    async def reserve(self) -> int:
        """Wait for room; return for how many messages it was taken, or 0 when the budget is closed."""
        while not self._closed:
            room = self._room()
            if room:
                self._messages -= room
                self._size -= room * LARGEST
                return room
            self._free.clear()
            await self._free.wait()
        return 0

    def used(self, reserved: int, sizes: list[int]) -> None:
        """Give back what of a reservation was not used."""
        self._messages += reserved - len(sizes)
        self._size += reserved * LARGEST - sum(sizes)
        self._free.set()

    def release(self, size: int) -> None:
        """Give back one settled message."""
        self._messages += 1
        self._size += size
        self._free.set()

    def close(self) -> None:
        """Let nobody wait any longer: the worker drains."""
        self._closed = True
        self._free.set()
