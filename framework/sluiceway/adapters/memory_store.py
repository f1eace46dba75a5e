"""A store in this worker's own memory: gone with it, and seen by no other."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from itertools import count
from typing import Final

from sluiceway.core.ports import Clock, Record
from sluiceway.core.store import check_size

_OVERHEAD: Final = 400
"""Bytes that a record takes beside its key and value, about."""

SIZE: Final = 64 * 1024 * 1024
"""Bytes that a store in memory takes at most, unless told otherwise: about 150,000 small records."""


class MemoryStore:
    """`Store` in memory, bounded: when it is full it forgets what was written longest ago.

    Args:
        clock: Time.
        size: How many bytes it may take, about.
        forgot: Called for each record that had to be forgotten before its time.
    """

    def __init__(self, clock: Clock, *, size: int = SIZE, forgot: Callable[[], object] = lambda: None) -> None:
        self._clock = clock
        self._room = size
        self._forgot = forgot
        self._records: OrderedDict[str, tuple[Record, float]] = OrderedDict()  # and until when; the oldest write first
        self._versions = count(1)

    async def get(self, key: str) -> Record | None:
        """Return the record, or None."""
        return self._live(key)

    async def put(self, key: str, value: bytes, *, ttl: float, version: str | None = None) -> str | None:
        """Write a record if it still has this version (None: if there is no record)."""
        check_size(key, value)
        present = self._live(key)
        if version != (present.version if present else None):
            return None
        self._remove(key)
        record = Record(value, str(next(self._versions)))
        self._records[key] = record, self._clock.monotonic() + ttl
        self._room -= _weight(key, record)
        self._make_room()
        return record.version

    async def delete(self, key: str, *, version: str) -> bool:
        """Delete a record if it still has this version; tell whether it had."""
        present = self._live(key)
        if present is None or present.version != version:
            return False
        self._remove(key)
        return True

    def _live(self, key: str) -> Record | None:
        record, until = self._records.get(key, (None, 0.0))
        return record if until > self._clock.monotonic() else None

    def _remove(self, key: str) -> None:
        record, _ = self._records.pop(key, (None, 0.0))
        if record is not None:
            self._room += _weight(key, record)

    def _make_room(self) -> None:
        """Let go what is over, as far as it is at the front, and then as much as has no room."""
        now = self._clock.monotonic()
        while len(self._records) > 1:
            key, (_, until) = next(iter(self._records.items()))
            if until > now:
                if self._room >= 0:
                    return
                self._forgot()
            self._remove(key)


def _weight(key: str, record: Record) -> int:
    return _OVERHEAD + len(key) + len(record.value)
