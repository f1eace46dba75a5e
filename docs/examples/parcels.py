"""Parcels of one order, until all of them are there."""

from collections.abc import Sequence

from sluiceway import Gather, Message, Reject


class WholeOrder(Gather):
    """Wait for every parcel of an order, and tell of them together."""

    def key(self, message: Message) -> str:
        """Return the order that a parcel belongs to."""
        match message.body:
            case {"order": str(order), "of": int()}:
                return order
        raise Reject("a parcel has an `order`, and says `of` how many it is", error="missing")

    def complete(self, members: Sequence[Message]) -> bool:
        """Tell whether as many are there as the first one says."""
        body = members[0].body
        return isinstance(body, dict) and len(members) == body["of"]

    def combine(self, members: Sequence[Message]) -> Message:
        """Return the order with its parcels, in the order in which they came."""
        parcels = [member.body["parcel"] for member in members if isinstance(member.body, dict)]
        return members[0].with_body({"order": self.key(members[0]), "parcels": parcels})
