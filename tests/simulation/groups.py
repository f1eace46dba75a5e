"""FIFO: what is earlier in a group is done before what is later begins, and no group waits for another."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence

from sluiceway.core.outcome import Facts, Retry

from .book import Book, Receipt
from .loop import Life
from .oracle import Leg, root_of

_HEAD_WAITS = 90.0
"""Seconds for which the first of a group may wait for a stage or a sink that is busy with other groups."""

_FOLLOWER_WAITS = 15.0
"""Seconds after which what was behind a message that is given back must be on its way back, too."""


class Groups:
    """Watches the groups of a FIFO queue; of a standard one it sees none.

    A message may be begun once everything earlier of its group is deleted from the queue. That is more than to accept
    nothing out of order: what is not deleted yet may come again, and would come after the later one.
    """

    def __init__(self, book: Book) -> None:
        self._book = book
        self._left: defaultdict[str, deque[str]] = defaultdict(deque)
        self._group_of: dict[str, str] = {}
        self._place: dict[str, int] = {}
        self._last_begun: dict[tuple[Receipt, str], tuple[int, ...]] = {}
        self._released: defaultdict[tuple[Life, str], set[str]] = defaultdict(set)

    def sent(self, message: str, group: str) -> None:
        """Note the order in which the messages of a group are sent."""
        if group:
            self._left[group].append(message)
            self._group_of[message] = group
            self._place[message] = len(self._place)

    def deleted(self, message: str) -> None:
        """Note that the queue has deleted a message."""
        if group := self._group_of.pop(message, ""):
            self._left[group].remove(message)

    def opened(self, life: Life, receipts: Sequence[Receipt]) -> None:
        """Note what a worker has received, and what that is earlier in its group it holds, too."""
        for receipt in receipts:
            for other in self._book.lives[life].open.values() if receipt.group else ():
                if other.group != receipt.group or other is receipt:
                    continue
                if self._place[other.message] <= self._place[receipt.message]:
                    receipt.behind.append(other)
                if other.message == receipt.message:  # which of them comes to its lane first is open
                    other.behind.append(receipt)

    def begins(self, message: str, what: str) -> None:
        """Check that nothing earlier of its group is left."""
        group = self._group_of.get(root_of(message))  # none once it is deleted: it is only a repeat of itself
        if group is None:
            return
        first = self._left[group][0]
        if first != root_of(message):
            self._book.counts["inversions"] += 1
            self._book.violation("FIFO", f"{what} before {first}, which is earlier in {group}, is settled")

    def sink_starts(self, receipt: Receipt, leg: Leg) -> None:
        """Check that the children of one message come to a sink in their order, each when the one before is over."""
        if not receipt.group:
            return
        sink, child = leg
        place = _place(child)
        if place < self._last_begun.get((receipt, sink), ()):
            self._book.violation("FIFO", f"{child} is sent to {sink} after a later part of its message")
        self._last_begun[receipt, sink] = place
        for (where, other), state in receipt.legs.items():
            if where == sink and other != child and state == "under way":
                self._book.violation("FIFO", f"{child} is sent to {sink} while {other} is on its way there")
            if where == sink and _place(other) < place and state == "failed":
                receipt.overtaken.append((sink, other, child))

    def gives_back(self, receipt: Receipt, order: Retry) -> None:
        """Check what goes back to the queue."""
        if not receipt.group:
            return
        if not receipt.started:
            self._released[receipt.life, receipt.message].add(receipt.handle)
            # What has been on its way back for longer than it is held does not count: the queue has it long since.
            after = [r for r in receipt.behind if isinstance(r.order, Retry) and r.lease_end > (receipt.opened_at or 0)]
            if order.delay and after:
                self._book.violation("FIFO", f"{receipt.handle} only waited for its group, and comes after a delay")
        for sink, first, later in receipt.overtaken:
            # When something else fails it all comes again, be a part rejected or not.
            if all(where == sink for where, _, _ in receipt.failures) and not self._may_be_rejected(receipt, first):
                self._book.violation("FIFO", f"{first} comes again, and {later}, which is after it, was sent already")

    def _may_be_rejected(self, receipt: Receipt, child: str) -> bool:
        """Tell whether the attempts of a part may be used up, or its time: then what is after it goes on."""
        scenario = self._book.scenario
        failures = sum(name == child for _, name, _ in receipt.failures)
        age = self._book.now - self._book.oracle.sent[receipt.message].at
        used_up = scenario.fifo == "dead_letter" and receipt.count - 1 + failures >= scenario.attempts
        return used_up or (scenario.max_age is not None and age >= scenario.max_age)

    def may_go_back(self, receipt: Receipt) -> bool:
        """Tell whether it goes back because something before it does, or is lost."""
        return not receipt.started and any(
            isinstance(earlier.order, Retry) or earlier.lost or earlier.lease_end <= self._book.now
            for earlier in receipt.behind
        )

    def buried(self, receipt: Receipt, facts: Facts) -> None:
        """Check that no message is dead-lettered for what another of its group has done."""
        if self._book.scenario.fifo == "block" and facts.error in ("bug", "exhausted"):
            self._book.violation("FIFO", f"{receipt.handle} is dead-lettered as {facts.error}; it should block")
        tried = receipt.count - len(self._released[receipt.life, receipt.message]) + max(1, len(receipt.failures)) - 1
        if receipt.group and facts.attempts > tried:
            self._book.violation("FIFO", f"{receipt.handle} was tried {tried} times, and {facts.attempts} are counted")

    def sweep(self, life: Life) -> None:
        """Look for messages that are held up by something else than their own group."""
        record, now = self._book.lives[life], self._book.now
        if record.stopped_at is not None or record.longest_block:
            return
        for receipt in record.open.values():
            if not receipt.group or receipt.started or receipt.lost or receipt.order or receipt.lease_end <= now:
                continue
            if any(earlier.handle in record.open for earlier in receipt.behind):
                continue
            if any(outage.start <= now < outage.end for outage in self._book.scenario.outages):
                receipt.free_since = None  # what is down is tried with one message at a time, which may be any
                continue
            receipt.free_since = now if receipt.free_since is None else receipt.free_since
            came_back = any(isinstance(earlier.order, Retry) for earlier in receipt.behind)
            if now - receipt.free_since > (_FOLLOWER_WAITS if came_back else _HEAD_WAITS):
                self._book.violation("FIFO", f"{receipt.handle} is held, and nothing of {receipt.group} is before it")


def _place(child: str) -> tuple[int, ...]:
    return tuple(int(index) for index in child.split("/")[1:])
