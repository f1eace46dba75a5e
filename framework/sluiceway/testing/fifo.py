"""The messages of an SQS FIFO queue in memory, by group.

Source: "While messages with a particular MessageGroupId are invisible, no more messages belonging to the same
MessageGroupId are returned"
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html), and "Amazon SQS first
attempts to return as many messages with the same message group ID as possible"
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-understanding-logic.html).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sluiceway.testing.queue import Stored


@dataclass(slots=True)
class _Group:
    """One group: its messages in order, and those of them that somebody holds or that wait for their delay to end."""

    messages: deque[tuple[int, Stored]] = field(default_factory=deque["tuple[int, Stored]"])
    invisible: set[Stored] = field(default_factory=set["Stored"])

    @property
    def until(self) -> float:
        """When the last of them becomes visible, and the group free."""
        return max((stored.visible_at for stored in self.invisible), default=0)


class Groups:
    """What a FIFO queue holds: a group is free, and its messages can be received, while none of them is invisible.

    Every change puts its group onto one of two heaps: the free ones by their oldest message, the others by when they
    become free. What such an entry says is looked up when it is taken, so that it may be out of date.
    """

    def __init__(self) -> None:
        self._groups: dict[str, _Group] = {}
        self._free: list[tuple[int, str]] = []
        self._blocked: list[tuple[float, str]] = []
        self._places = 0
        self._invisible: set[Stored] = set()

    def __bool__(self) -> bool:
        return bool(self._groups)

    def __iter__(self) -> Iterator[Stored]:
        every = (entry for group in self._groups.values() for entry in group.messages)
        return (stored for _, stored in sorted(every, key=lambda entry: entry[0]))

    def add(self, stored: Stored) -> None:
        """Put a message behind all others of its group."""
        group = self._groups.setdefault(stored.group, _Group())
        self._places += 1
        group.messages.append((self._places, stored))
        if len(group.messages) == 1:
            self._place(stored.group)

    def visible(self, limit: int, now: float) -> list[Stored]:
        """Return at most `limit` messages of free groups: of one as many as there are, in order, then of the next."""
        while self._blocked and self._blocked[0][0] <= now:
            _, name = heappop(self._blocked)
            group = self._groups.get(name)
            if group is not None and group.invisible and group.until <= now:
                self._invisible -= group.invisible
                group.invisible.clear()
                self._place(name)
        found: list[Stored] = []
        while self._free and len(found) < limit:
            place, name = heappop(self._free)
            group = self._groups.get(name)
            if group is not None and group.messages[0][0] == place and not group.invisible:
                found += [stored for _, stored in list(group.messages)[: limit - len(found)]]
        return found

    def in_flight(self, now: float) -> list[Stored]:
        """Return the messages that cannot be received whatever becomes of others of their group."""
        return [stored for stored in self._invisible if stored.visible_at > now]

    def next_free(self, default: float) -> float:
        """Return when the next group may become free."""
        return min(self._blocked[0][0], default) if self._blocked else default

    def changed(self, stored: Stored) -> None:
        """Note that a message's `visible_at` has changed."""
        self._groups[stored.group].invisible.add(stored)
        self._invisible.add(stored)
        self._place(stored.group)

    def remove(self, stored: Stored) -> None:
        """Delete a message: one that is held, so that it is among the first of its group."""
        group = self._groups[stored.group]
        group.messages.remove(next(entry for entry in group.messages if entry[1] is stored))
        group.invisible.discard(stored)
        self._invisible.discard(stored)
        if group.messages:
            self._place(stored.group)
        else:
            del self._groups[stored.group]

    def _place(self, name: str) -> None:
        group = self._groups[name]
        if group.invisible:
            heappush(self._blocked, (group.until, name))
        else:
            heappush(self._free, (group.messages[0][0], name))
