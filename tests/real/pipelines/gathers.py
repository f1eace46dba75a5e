"""A gather of the pipelines beside this file."""

from __future__ import annotations

from collections.abc import Sequence

from sluiceway import Gather, Message


class WholeOrder(Gather):
    """Wait for every parcel of an order, and tell of them together."""

    def key(self, message: Message) -> str:
        """Return the order that a parcel belongs to."""
        return str(message.body["order"])

    def complete(self, members: Sequence[Message]) -> bool:
        """Tell whether as many are there as each says."""
        return len(members) == members[0].body["of"]

    def combine(self, members: Sequence[Message]) -> Message:
        """Return the order with its parcels."""
        parcels = sorted(member.body["parcel"] for member in members)
        return members[0].with_body({"order": members[0].body["order"], "parcels": parcels})
