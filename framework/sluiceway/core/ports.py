"""The contracts between the engine and the world: what an adapter does, and what time and chance are."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

from sluiceway.core.errors import LeaseLost, MessageError, Transient
from sluiceway.core.json import JSON
from sluiceway.core.message import Message
from sluiceway.core.outcome import Ack, Facts, Retry

Random: TypeAlias = random.Random
"""Chance, seeded in tests."""


class Clock(Protocol):
    """Time. Production has the system's; tests have one that jumps."""

    def now(self) -> float:
        """Return the time of day, in seconds since 1970, UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds on a clock that never goes back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class Delivery:
    """One receipt of one message by one source: what must be settled. Stages never see it.

    Attributes:
        message: What stages see.
        receipt: The source's handle for this receipt; two receipts of one message have different ones.
        raw: The body as it was received, byte for byte.
        attributes: The original attributes in the source's own form, for the dead letter.
        receive_count: How often the source has handed it out, this time included.
        sent_at: When it was sent, in seconds since 1970; 0 when the source does not say.
        group: The FIFO message group, if there is one.
        taken: Since when the source holds it for us, on the monotonic clock; None for since just now. A source whose
            answer may lie unread while the process stands still says it, so that an old lease is not taken for new.
    """

    __slots__ = ("attributes", "group", "message", "raw", "receipt", "receive_count", "sent_at", "taken")

    def __init__(  # noqa: PLR0913 - one value, seven facts
        self,
        message: Message,
        receipt: str,
        raw: bytes,
        *,
        attributes: Mapping[str, Mapping[str, JSON | bytes]] | None = None,
        receive_count: int = 1,
        sent_at: float = 0,
        group: str | None = None,
        taken: float | None = None,
    ) -> None:
        self.message = message
        self.receipt = receipt
        self.raw = raw
        self.attributes = attributes or {}
        self.receive_count = receive_count
        self.sent_at = sent_at
        self.group = group
        self.taken = taken

    def __repr__(self) -> str:
        return f"<Delivery {self.message.id} receive_count={self.receive_count}>"


class Receiver(Protocol):
    """An open source."""

    async def receive(self, limit: int) -> Sequence[Delivery]:
        """Wait for up to the source's wait time and return at most `limit` deliveries.

        Raises:
            Transient: The service did not answer, or throttled. The worker backs off.
            OutsideError: The queue is gone or access is denied.
        """
        ...

    def extend(self, receipts: Sequence[str], seconds: float) -> Sequence[Transient | LeaseLost | None]:
        """Hold these receipts for `seconds` from now; one result each, None when extended.

        Blocking: it is called on the lease keeper's own thread, so that a busy event loop loses no lease.
        """
        ...

    async def settle(
        self, settlements: Sequence[tuple[Delivery, Ack | Retry]]
    ) -> Sequence[Transient | LeaseLost | None]:
        """Delete what is acknowledged, give back what is to be retried; one result each, None when done."""
        ...


@runtime_checkable
class Queue(Protocol):
    """An open source that knows its queue's own rules; None where it was not allowed to ask.

    Attributes:
        retention: Seconds for which the queue keeps a message.
        redrive_max_receives: Receives after which the queue itself moves a message to its dead-letter queue.
    """

    retention: float | None
    redrive_max_receives: int | None


@dataclass(frozen=True, slots=True)
class Record:
    """A record in a store.

    Attributes:
        value: Its bytes.
        version: Changes with every write and never comes back, so that a late writer cannot mistake a new record for
            the one that it has read.
    """

    value: bytes
    version: str


class Store(Protocol):
    """Small records by key, shared by competing workers or one worker's own; every write is conditional.

    A record whose time to live is over is as good as gone, whether it is still stored or not.
    """

    async def get(self, key: str) -> Record | None:
        """Return the record as the latest write left it, or None.

        Raises:
            Transient: The store did not answer, or throttled.
        """
        ...

    async def put(self, key: str, value: bytes, *, ttl: float, version: str | None = None) -> str | None:
        """Write a record if it still has this version (None: if there is no record).

        Args:
            key: Whose record; at most 1 KiB.
            value: Its bytes; at most 350 KiB.
            ttl: Seconds after which it is forgotten.
            version: What was read.

        Returns:
            The new version; None when somebody else was quicker, and nothing was written.

        Raises:
            Transient: The store did not answer, or throttled: it may have been written or not.
            Reject: The key or the value is too large (`oversize`).
        """
        ...

    async def delete(self, key: str, *, version: str) -> bool:
        """Delete a record if it still has this version; tell whether it had.

        Where an answer got lost on the way, the delete may have been made twice and False be said of the second: who
        must be sure to be the only one writes (`put`) first.

        Raises:
            Transient: As for `put`.
        """
        ...


Send: TypeAlias = Callable[[Sequence[Message]], Awaitable[Sequence[MessageError | None]]]
"""An open sink: takes a batch and gives one result each: None when accepted, else the Reject or Transient."""

Bury: TypeAlias = Callable[[Sequence[tuple[Delivery, Facts]]], Awaitable[Sequence[MessageError | None]]]
"""An open dead-letter sink: keeps original bytes and attributes beside the facts; one result each."""
