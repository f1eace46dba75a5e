"""Stages for the examples of lint."""

from __future__ import annotations

from sluiceway import Gather, Message, stage


@stage(routes=("vip", "rest"))
def by_tier(message: Message) -> Message:
    """Put orders of gold customers on the route `vip`, all others on `rest`."""
    match message.body:
        case {"tier": "gold"}:
            return message.to("vip")
        case _:
            return message.to("rest")


class WholeOrder(Gather):
    """Wait for every parcel of an order."""

    def key(self, message: Message) -> str:
        """Return the order that a parcel belongs to."""
        return str(message.body)
