"""Owners: who answers for a message under way.

An `Owner` is one delivery, with a count of what is still under way of it. A child that splits in n forks n - 1 more;
each ends exactly once; at zero the endings are combined to one verdict. An owner that is forgotten stays open: it is
never read as delivered. What a gather makes of several messages has other owners: they are in `joint.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol, TypeAlias

from sluiceway.core.message import Message
from sluiceway.core.outcome import Ack, Completion, DeadLetter, Facts, Retry, Verdict
from sluiceway.core.ports import Delivery
from sluiceway.engine.report import Ending

if TYPE_CHECKING:  # these know their owners, too
    from sluiceway.engine.lease import Lease
    from sluiceway.engine.legs import AcceptedLegs

LOST = Ending("lost", "source", "the lease was lost")


class AnyOwner(Protocol):
    """What chain and sinks know of an owner."""

    @property
    def delivery(self) -> Delivery:
        """The delivery behind it, or the first of them."""
        ...

    @property
    def taken(self) -> float:
        """When it was received, on the monotonic clock."""
        ...

    @property
    def lost(self) -> bool:
        """The lease is gone: nothing more may be started for it, and its verdict is void."""
        ...

    @property
    def attempts(self) -> int:
        """How often the message has been tried."""
        ...

    @property
    def comes_again(self) -> bool:
        """A part of it is given back, so that the whole will come again."""
        ...

    def owners(self) -> Iterator[Owner]:
        """Give each delivery behind it."""
        ...

    def had_accepted(self, message: Message, sink: str, /) -> bool:
        """Tell whether a sink has accepted exactly this message in an earlier receipt of all that is behind it."""
        ...

    def leaves(self, message: Message, /) -> Iterator[tuple[Message, AnyOwner]]:
        """Give each of those that end apart from each other, with what was its own before it was combined."""
        ...

    def complete_with(self, completion: Completion, /) -> None:
        """Have something done before the settlement."""
        ...

    def note_own_failures(self, count: int, /) -> None:
        """Note that a child or leg has failed so often by its own fault since it was received."""
        ...

    def wait(self, children: int, /) -> None:
        """Note that so many children more (or, below 0, fewer) wait in a gather for other messages."""
        ...

    def fork(self, count: int, /) -> None:
        """Expect `count` endings where one was expected."""
        ...

    def end(self, message: Message, ending: Ending, /, *, told: bool = False) -> None:
        """Record one ending; `told` when the report knows it already, from another owner of the same message."""
        ...


Item: TypeAlias = tuple[Message, AnyOwner]
"""A message under way, and who answers for it."""


class Book(Protocol):
    """Where an owner's endings are entered: the ledger."""

    def ended(self, owner: Owner, message: Message, ending: Ending, *, last: bool, told: bool = False) -> None:
        """Enter an ending; `last` when nothing of the owner is under way any more, `told` when it is known already."""
        ...


class Endings:
    """How what came of one message has ended, as far as it has.

    Attributes:
        accepted: The ids of the sinks that accepted the message or a child of it.
        rejected: The first that was rejected, and how.
        returned: How it is to come again; the longest delay, where several children are.
    """

    __slots__ = ("_open", "accepted", "rejected", "returned")

    def __init__(self) -> None:
        self.accepted: list[str] = []
        self.rejected: tuple[Message, Ending] | None = None
        self.returned: Ending | None = None
        self._open = 1

    def fork(self, count: int) -> None:
        """Expect `count` endings where one was expected."""
        self._open += count - 1

    def enter(self, message: Message, ending: Ending) -> bool:
        """Record one ending; tell whether it was the last."""
        if ending.kind == "accepted":
            if ending.where not in self.accepted:
                self.accepted.append(ending.where)
        elif ending.kind == "rejected":
            self.rejected = self.rejected or (message, ending)
        elif ending.kind == "returned":
            self.returned = max(self.returned or ending, ending, key=lambda e: e.delay)
        self._open -= 1
        return self._open == 0


class Owner(Endings):
    """One delivery under way.

    Attributes:
        delivery: What must be settled.
        taken: When it was received, on the monotonic clock: its lease begins then.
        lease: The time for which it is ours; None before the keeper holds it.
        before: The attempts that were used up before it was received this time.
        own_failures: Since then, the most own failures that any one of its children or legs has had.
        waiting: How many of its children wait in a gather for others.
        completions: What stages want to do before it is settled.
        legs: Its accepted legs, where they are recorded for whoever has it next.
        is_noted: It is noted that this receipt was not the last.
    """

    __slots__ = (
        "_book",
        "before",
        "completions",
        "delivery",
        "is_noted",
        "lease",
        "legs",
        "own_failures",
        "taken",
        "waiting",
    )

    def __init__(self, delivery: Delivery, taken: float, book: Book) -> None:
        super().__init__()
        self.delivery = delivery
        self.taken = taken
        self.lease: Lease | None = None
        self.before = delivery.receive_count - 1
        self.own_failures = 0
        self.waiting = 0
        self.completions: list[Completion] = []
        self.legs: AcceptedLegs | None = None
        self.is_noted = False
        self._book = book

    @property
    def lost(self) -> bool:
        """Its lease is gone: nothing more may be started for it, and its verdict is void."""
        return self.lease is not None and self.lease.lost

    @property
    def attempts(self) -> int:
        """How many attempts are used up, this one included."""
        return self.before + max(1, self.own_failures)

    @property
    def comes_again(self) -> bool:
        """A part of it is given back, so that the whole will come again."""
        return self.returned is not None

    @property
    def only_waits(self) -> bool:
        """All that is left of it waits in a gather for other messages."""
        return 0 < self.waiting == self._open

    def owners(self) -> Iterator[Owner]:
        """Give the one delivery behind it: itself."""
        yield self

    def leaves(self, message: Message) -> Iterator[Item]:
        """Give the one that ends by itself: itself."""
        yield message, self

    def had_accepted(self, message: Message, sink: str) -> bool:
        """Tell whether a sink has accepted exactly this message in an earlier receipt."""
        return self.legs is not None and self.legs.has(message, sink)

    def complete_with(self, completion: Completion) -> None:
        """Have something done before the settlement."""
        self.completions.append(completion)

    def note_own_failures(self, count: int) -> None:
        """Note that a child or leg has failed so often by its own fault; the one that fails most counts."""
        self.own_failures = max(self.own_failures, count)

    def wait(self, children: int) -> None:
        """Note that so many children more, or fewer, wait in a gather."""
        self.waiting += children

    def end(self, message: Message, ending: Ending, *, told: bool = False) -> None:
        """Record one ending; the last one settles the delivery."""
        if ending.kind == "accepted" and self.legs is not None:
            self.legs.add(message, ending.where)
        last = self.enter(message, ending)
        self._book.ended(self, message, ending, last=last, told=told)

    def verdict(self, pipeline: str, now: float) -> Verdict | None:
        """Combine the endings: lost before returned before rejected before done.

        Returned comes first because the message comes again then, and its rejected child will be rejected again:
        the other way round, the child that may still succeed would lie in the dead-letter queue.

        Returns:
            The verdict, or None for a lost lease: the source decides, not we.
        """
        if self.lost:
            return None
        if self.returned is not None:
            return Retry(self.returned.delay, self.returned.reason)
        if self.rejected is None:
            return Ack()
        message, ending = self.rejected
        return DeadLetter(facts(pipeline, now, message, ending, self.attempts, self.accepted))


def facts(pipeline: str, now: float, message: Message, ending: Ending, attempts: int, accepted: Sequence[str]) -> Facts:
    """Return what a dead letter says of a message that was rejected."""
    return Facts(
        pipeline=pipeline,
        stage=ending.where,
        error=ending.error or "bug",
        reason=ending.reason,
        attempts=attempts,
        accepted=tuple(accepted),
        id=message.id,
        time=datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds"),
    )
