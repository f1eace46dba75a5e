"""The record of accepted legs: what one worker's sinks have accepted is not sent again by the next.

Without a store only the worker that has a delivery knows which of its legs were accepted. With one, they are written
under the message's id before the delivery is given back, and read when it comes again. A leg is known by the child's
id, the sink's id, and a digest of what was sent: when a stage was changed in between, or an enricher has answered
otherwise, the child is another one and is sent. So the record can save a repeat and never costs a message.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from sluiceway.core import json
from sluiceway.core.errors import Reject, Transient
from sluiceway.core.json import JSON
from sluiceway.core.message import Message
from sluiceway.core.ports import Store
from sluiceway.engine.surroundings import Surroundings

if TYPE_CHECKING:
    from sluiceway.engine.owner import Owner

RETENTION: Final = 14 * 86_400.0
"""Seconds for which a record is kept when the source does not say how long it keeps messages (SQS: at most 14 days)."""

PATIENCE: Final = 2.0
"""Seconds for which a batch waits for the store. Messages go on without it."""

_TRIES: Final = 3


@dataclass(slots=True)
class AcceptedLegs:
    """The legs of one delivery that a sink has accepted, in this receipt of it or an earlier one.

    Attributes:
        digests: By leg, what was sent.
        version: The record's version, as it was last read or written.
        written: How many of them the record has.
    """

    digests: dict[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])
    version: str | None = None
    written: int = 0

    def add(self, message: Message, sink: str) -> None:
        """Note that a sink has accepted a message."""
        if digest := _digest(message):
            self.digests[message.id, sink] = digest

    def has(self, message: Message, sink: str) -> bool:
        """Tell whether a sink has accepted exactly this."""
        before = self.digests.get((message.id, sink))
        return before is not None and before == _digest(message)


class Legs:
    """The records of one pipeline. A store that does not answer is said once, and holds up nothing for long.

    Args:
        store: Where they are kept; without one nothing is recorded, and nothing done.
        around: The log.
        ttl: Seconds for which a record is kept.
    """

    def __init__(self, store: Store | None, around: Surroundings, *, ttl: float | None = None) -> None:
        self._store = store
        self._log = around.log
        self._ttl = ttl or RETENTION
        self._silent = False

    async def recall(self, owners: Sequence[Owner]) -> None:
        """Let deliveries note their legs from now on, and tell those that come again what was accepted before."""
        if self._store is None:
            return
        for owner in owners:
            owner.legs = AcceptedLegs()
        await self._each(owner for owner in owners if owner.delivery.receive_count > 1)

    async def remember(self, owners: Iterable[Owner], *, patience: float = PATIENCE) -> None:
        """Write down what was accepted, as far as it is not written yet, within `patience` seconds."""
        unwritten = [owner for owner in owners if owner.legs and len(owner.legs.digests) > owner.legs.written]
        await self._each(unwritten, patience=patience, write=True)

    async def _each(self, owners: Iterable[Owner], *, patience: float = PATIENCE, write: bool = False) -> None:
        """Read each record, or write it. Whatever a store raises, it must not end the worker."""
        if not (calls := [self._sync(owner, write=write) for owner in owners]):
            return
        failed: list[BaseException]
        try:
            async with asyncio.timeout(patience):
                results = await asyncio.gather(*calls, return_exceptions=True)
            failed = [result for result in results if result is not None]
        except TimeoutError:
            failed = [TimeoutError(f"no answer within {patience:g}s")]
        if failed and not self._silent:
            reason = str(failed[0]) or type(failed[0]).__name__
            consequence = "a sink may be sent twice what comes again"
            self._log.warning("accepted legs are not recorded", reason=reason, consequence=consequence)
        elif self._silent and not failed:
            self._log.info("accepted legs are recorded again")
        self._silent = bool(failed)

    async def _sync(self, owner: Owner, *, write: bool) -> None:
        """Take in what the record has, then write all that is known; again when somebody else writes at that time."""
        legs, key = owner.legs, owner.delivery.message.id
        if self._store is None or legs is None:
            return
        for _ in range(_TRIES):
            if not write or legs.version is None:
                record = await self._store.get(key)
                legs.version = record.version if record else None
                before = _read(record.value) if record else {}
                legs.digests = before | legs.digests
                legs.written = len(before)
            if not write:
                return
            size = len(legs.digests)
            version = await self._store.put(key, _dump(legs), ttl=self._ttl, version=legs.version)
            legs.version = version
            if version is not None:
                legs.written = size
                return
        raise Transient(f"the record of message {key} was changed by others each time it was to be written")


def _digest(message: Message) -> str | None:
    """Return what tells a message from another with its id; None when it cannot be written."""
    try:
        headers = json.dump(dict(sorted(message.headers.items())))
        return blake2b(b"%d %b%b" % (len(headers), headers, message.payload), digest_size=16).hexdigest()
    except (Reject, ValueError):
        return None


def _dump(legs: AcceptedLegs) -> bytes:
    return json.dump([[child, sink, digest] for (child, sink), digest in legs.digests.items()])


def _read(value: bytes) -> dict[tuple[str, str], str]:
    entries: JSON = json.parse(value)
    legs: dict[tuple[str, str], str] = {}
    for entry in entries if isinstance(entries, list) else ():
        match entry:
            case [str(child), str(sink), str(digest)]:
                legs[child, sink] = digest
            case _:
                raise Transient("a record of accepted legs cannot be read")
    return legs
