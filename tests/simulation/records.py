"""Rule 2 across receipts: what is recorded as accepted is not sent again by whoever has the message next."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import orjson

from sluiceway.adapters.memory_store import MemoryStore
from sluiceway.core.ports import Record

from .book import Book, Receipt
from .loop import Life
from .oracle import Leg
from .wire import Wire

T = TypeVar("T")


class Records:
    """Watches the record of accepted legs, in a store that all workers share."""

    def __init__(self, book: Book, wire: Wire, store: MemoryStore) -> None:
        self._book = book
        self._wire = wire
        self.store = store

    async def call(self, life: Life, effect: Callable[[], Awaitable[T]]) -> T:
        """Call the store, and remember when it did not do as it was told: a record is a help, not a promise."""
        try:
            return await self._wire.call("store", effect, patient=False)
        except (Exception, asyncio.CancelledError) as error:
            self.trouble(life, error)
            raise

    def trouble(self, life: Life, what: object) -> None:
        """Note that the store did not do what a worker wanted."""
        self._book.lives[life].store_trouble = self._book.now
        self._book.note(life, "store fails", repr(what))

    def opened(self, receipt: Receipt) -> None:
        """Note what is recorded when a worker receives a message again."""
        if self._book.scenario.store and receipt.count > 1:
            receipt.recorded = self._recorded(receipt.message)

    def _recorded(self, message: str) -> set[Leg]:
        record = self.store._live(message)  # pyright: ignore[reportPrivateUsage] - without a call
        return {(sink, child) for child, sink, _ in orjson.loads(record.value)} if record else set()

    def sink_starts(self, receipt: Receipt, leg: Leg) -> None:
        """Check that a sink is not sent what was recorded as accepted before this receipt."""
        if leg in receipt.recorded and not self._excused(receipt):
            sink, child = leg
            self._book.violation("R2", f"{child} is sent to {sink} again though it is recorded as accepted")

    def gives_back(self, receipt: Receipt) -> None:
        """Check that what was accepted is recorded before a message is given back."""
        if not self._book.scenario.store or not receipt.started or self._excused(receipt):
            return
        accepted = {leg for leg, state in receipt.legs.items() if state == "accepted"}
        if missing := accepted - self._recorded(receipt.message):
            self._book.violation("R2", f"{receipt.handle} is given back; {missing} are accepted and not recorded")

    def _excused(self, receipt: Receipt) -> bool:
        record = self._book.lives[receipt.life]
        return record.store_trouble >= receipt.handed_at or record.longest_block > 0


class StoreClient:
    """The store as one life of a worker sees it."""

    def __init__(self, records: Records, life: Life) -> None:
        self._records = records
        self._life = life

    async def get(self, key: str) -> Record | None:
        """Read a record."""
        return await self._records.call(self._life, lambda: self._records.store.get(key))

    async def put(self, key: str, value: bytes, *, ttl: float, version: str | None = None) -> str | None:
        """Write a record."""
        store = self._records.store
        written = await self._records.call(self._life, lambda: store.put(key, value, ttl=ttl, version=version))
        if written is None:
            self._records.trouble(self._life, "somebody else was quicker")
        return written

    async def delete(self, key: str, *, version: str) -> bool:
        """Delete a record."""
        return await self._records.call(self._life, lambda: self._records.store.delete(key, version=version))
