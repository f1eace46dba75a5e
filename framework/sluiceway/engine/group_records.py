"""What a gather keeps in a store: one record for each key, and one for each member.

The record of a key names the members of its groups that are not closed. A member's record holds the member until its
group is closed, and after that says only that it was: that is how a second receipt is recognised.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar, cast

from sluiceway.core import json
from sluiceway.core.json import JSON
from sluiceway.core.message import Changes, Message
from sluiceway.core.ports import Delivery, Record, Store
from sluiceway.engine.owner import AnyOwner

T = TypeVar("T")

KEPT: Final = 15 * 86_400.0
"""Seconds for which records are kept after they were last written: a day longer than SQS can keep a message, so that
whatever comes again is recognised."""

_CLOSED: Final = b"closed"
_AT_A_TIME: Final = 16


@dataclass(slots=True)
class Group:
    """A group that is not closed.

    Attributes:
        guardian: The id of the member whose delivery is not settled before the group is closed.
        due: When its time is up, in seconds since 1970.
        members: The ids of its members, in the order in which they came.
        closer: The id of the member whose delivery closes it; empty while it is open to more members.
        token: Tells one attempt to close it from every other.
        until: When the closer's lease is over for certain, in seconds since 1970.
    """

    guardian: str
    due: float
    members: list[str] = field(default_factory=list[str])
    closer: str = ""
    token: str = ""
    until: float = 0

    @property
    def over(self) -> float:
        """When its guardian has to close it: its time is up, or that of who closes it."""
        return self.until if self.closer else self.due


@dataclass(slots=True)
class Groups:
    """The groups of one key that are not closed, and the version of the record that says so."""

    version: str | None = None
    groups: list[Group] = field(default_factory=list[Group])

    def of(self, member: str) -> Group | None:
        """Return the group that a message is a member of."""
        return next((group for group in self.groups if member in group.members), None)

    @property
    def open(self) -> Group | None:
        """The group that takes more members, if there is one."""
        return next((group for group in self.groups if not group.closer), None)


@dataclass(frozen=True, slots=True)
class Member:
    """A member as it is kept.

    Attributes:
        message: The message.
        deliveries: What it came in, for a dead letter.
        version: Its record's.
    """

    message: Message
    deliveries: tuple[Delivery, ...]
    version: str


class Closed(Exception):
    """The group of a member was closed already."""


class GroupRecords:
    """The records of one gather.

    Args:
        store: Where they are kept.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def read(self, key: str) -> Groups:
        """Return the groups of a key.

        Raises:
            Transient: The store did not answer; so for all that follows here.
        """
        record = await self._store.get(_key_name(key))
        if record is None:
            return Groups()
        groups = cast("dict[str, Any]", json.parse(record.value))["groups"]
        return Groups(record.version, [Group(**group) for group in groups])

    async def write(self, key: str, groups: Groups) -> bool:
        """Write the groups of a key, unless somebody else has written them since they were read; tell whether.

        A key without a group keeps its record: its version is what shows that a group has come and gone meanwhile.
        """
        value = json.dump({"key": key, "groups": [_as_json(group) for group in groups.groups]})
        written = await self._store.put(_key_name(key), value, ttl=KEPT, version=groups.version)
        groups.version = written or groups.version
        return written is not None

    async def keep(self, key: str, message: Message, owner: AnyOwner) -> None:
        """Keep a member. One that is kept already is written again, so that `forget` lets this receipt of it be.

        Raises:
            Closed: It was a member of a group that is closed.
            Reject: It is too large (`oversize`).
        """
        value = json.dump(_member_json(message, [each.delivery for each in owner.owners()]))
        name, version = _member_name(key, message.id), None
        while await self._store.put(name, value, ttl=KEPT, version=version) is None:
            record = await self._store.get(name)
            if record is not None and record.value == _CLOSED:
                raise Closed
            version = record.version if record else None

    async def load(self, key: str, members: Sequence[str], like: Message) -> list[Member]:
        """Return the members of a group, without those that somebody has deleted.

        Args:
            key: The group's.
            members: Their ids.
            like: A message of the same pipeline, whose source reads bodies as theirs did.

        Raises:
            Closed: The group was closed, and only its record is still there.
        """
        records = await self._get_all(key, members)
        if any(record.value == _CLOSED for record in records.values()):
            raise Closed
        return [_member(records[name], like) for name in members if name in records]

    async def mark_closed(self, key: str, members: Sequence[str]) -> None:
        """Put, in the place of the members of a group, that it was closed."""

        async def mark(member: str) -> None:
            name, written = _member_name(key, member), None
            while written is None and (record := await self._store.get(name)) and record.value != _CLOSED:
                written = await self._store.put(name, _CLOSED, ttl=KEPT, version=record.version)

        await _each(mark, members)

    async def forget(self, key: str, members: Sequence[Member]) -> None:
        """Delete members, so that they can come again from the dead-letter queue, but for those that already have."""

        async def delete(member: Member) -> None:
            await self._store.delete(_member_name(key, member.message.id), version=member.version)

        await _each(delete, members)

    async def _get_all(self, key: str, members: Sequence[str]) -> dict[str, Record]:
        found: dict[str, Record] = {}

        async def get(name: str) -> None:
            if record := await self._store.get(_member_name(key, name)):
                found[name] = record

        await _each(get, members)
        return found


async def _each(call: Callable[[T], Awaitable[None]], members: Sequence[T]) -> None:
    """Call for each member, a few at a time."""
    for start in range(0, len(members), _AT_A_TIME):
        await asyncio.gather(*map(call, members[start : start + _AT_A_TIME]))


def _key_name(key: str) -> str:
    return f"key/{_digest(key)}"


def _member_name(key: str, member: str) -> str:
    return f"member/{_digest(key)}/{_digest(member)}"


def _digest(text: str) -> str:
    """Return a short name for a text of any length."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _as_json(group: Group) -> dict[str, JSON]:
    return {name: getattr(group, name) for name in Group.__slots__}


def _member_json(message: Message, deliveries: Sequence[Delivery]) -> dict[str, JSON]:
    """Return a member as JSON. A body that is still the one received is kept once, as the bytes that came."""
    received = {delivery.message.id: delivery for delivery in deliveries}
    untouched = message.payload == deliveries[0].raw
    return {
        "id": message.id,
        "body": None if untouched else message.body,
        "untouched": untouched,
        "headers": dict(message.headers),
        "meta": dict(message.meta),
        "routes": list(message.routes),
        "deliveries": [_delivery_json(delivery) for delivery in received.values()],
    }


def _delivery_json(delivery: Delivery) -> dict[str, JSON]:
    return {
        "id": delivery.message.id,
        "raw": _text(delivery.raw),
        "attributes": {
            name: {
                part: {"bytes": _text(value)} if isinstance(value, bytes) else value for part, value in parts.items()
            }
            for name, parts in delivery.attributes.items()
        },
        "receive_count": delivery.receive_count,
        "sent_at": delivery.sent_at,
        "group": delivery.group,
    }


def _member(record: Record, like: Message) -> Member:
    kept = cast("dict[str, Any]", json.parse(record.value, exact=True))
    deliveries = tuple(_delivery(delivery) for delivery in kept["deliveries"])
    message = like.with_payload(deliveries[0].raw) if kept["untouched"] else like.with_body(kept["body"])
    rest = {name: kept[name] for name in ("id", "headers", "meta", "routes")}
    return Member(message.evolve(**cast("Changes", rest)), deliveries, record.version)


def _delivery(kept: dict[str, Any]) -> Delivery:
    attributes = {name: _parts(parts) for name, parts in cast("dict[str, dict[str, JSON]]", kept["attributes"]).items()}
    return Delivery(
        Message(id=kept["id"]),
        f"kept/{kept['id']}",  # its own receipt is settled
        _bytes(kept["raw"]),
        attributes=attributes,
        receive_count=kept["receive_count"],
        sent_at=kept["sent_at"],
        group=kept["group"],
    )


def _parts(written: dict[str, JSON]) -> dict[str, JSON | bytes]:
    return {part: _bytes(str(each["bytes"])) if isinstance(each, dict) else each for part, each in written.items()}


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text)
