"""The base class of gathers: steps that combine several messages into one.

Sources: Enterprise Integration Patterns, "Aggregator" and "Resequencer".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field

from sluiceway.core.component import Stage
from sluiceway.core.message import Message
from sluiceway.core.resource import Resource
from sluiceway.core.store import StoreChoice, store_resources
from sluiceway.core.units import Duration


class Gather(Stage):
    """Several messages in, one out.

    Override `combine`, and `key` and `complete` as needed, all of them pure: the engine keeps the groups, their timers
    and the deliveries behind them; `process` and `open` are not used. What they raise is the group's: `Reject` rejects
    every member (in `key`: that message), any other exception is a bug. The combined message goes on with the body,
    headers, meta and routes that `combine` gave it; its id is a hash of the stage, the key and the members' ids.

    With `store: memory` the members' deliveries are held until the combined message has ended, and end as it does:
    none is acknowledged before it is accepted. At a stop the members of open groups are given back. A member that comes
    when its group is closed opens a new one. With a DynamoDB store each member is written there and acknowledged, but
    for the first, which guards its group: it is held until the group is closed, and comes again when its worker is
    lost. A member that comes a second time is recognised for 15 days; a new one of a closed group opens the next.

    A group is closed when `complete` says so or it has `size` members. It is closed incomplete when `within` is over
    (after an outage, when it is over again) and, with `store: memory`, when it is the oldest and one more than
    `max_groups` would be open, or no room is left to receive more members. With a DynamoDB store guardians beyond
    `max_groups` wait in the queue instead.
    """

    keyed: ClassVar[bool] = True
    """The key means something, so members must meet across workers; false where any messages may be combined."""

    size: int = Field(default=10, ge=1, le=1000, description="Members with which a group is complete in any case.")
    within: Duration = Field(default=Duration("60s"), description="How long after its first member a group is open.")
    max_groups: int = Field(
        default=10, ge=1, le=10_000, description="Groups open, or guarded, at a time in one worker."
    )
    incomplete: Literal["emit", "dead_letter"] = Field(
        default="dead_letter", description="What becomes of a group that is closed before it is complete."
    )
    store: StoreChoice = "memory"

    def resources(self) -> Sequence[Resource]:
        """Return the table that the members are kept in, if any."""
        return store_resources(self.store)

    def key(self, message: Message) -> str:
        """Return which group a message belongs to."""
        return ""

    def complete(self, members: Sequence[Message]) -> bool:
        """Tell whether a group has all that it waits for; members are in the order in which they came."""
        return False

    def combine(self, members: Sequence[Message]) -> Message | Sequence[Message]:
        """Return what becomes of a group: one message, to which the engine gives its id, or several in their order.

        Of several, a member keeps its id; what is made anew has that of the group and its place. None is a drop.
        """
        raise TypeError(f"{type(self).__name__} does not override combine")
