"""Owners of what a gather has made: of several deliveries, or of members that are kept in a store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence

from sluiceway.core.message import Message
from sluiceway.core.outcome import Completion
from sluiceway.core.ports import Delivery
from sluiceway.engine.owner import LOST, AnyOwner, Endings, Item, Owner
from sluiceway.engine.report import Ending


class Joint:
    """Several owners behind one message: it is settled for each of them, and none is settled before it has ended.

    It counts nothing itself: every fork and every ending reaches each of its members, which count as ever. So a member
    may be one of many children of its delivery, two members may be of one delivery, and a joint may be in a joint.

    Args:
        members: The messages that it was made of, and their owners; one at least.
    """

    __slots__ = ("members",)

    def __init__(self, members: Sequence[Item]) -> None:
        self.members = members

    @property
    def delivery(self) -> Delivery:
        """The first member's."""
        return self.members[0][1].delivery

    @property
    def lost(self) -> bool:
        """The lease of a member is gone: nothing more may be started for any of them."""
        return any(owner.lost for _, owner in self.members)

    @property
    def taken(self) -> float:
        """When the first of them was received."""
        return min(owner.taken for _, owner in self.members)

    @property
    def attempts(self) -> int:
        """How often that of them has been tried which was tried most often."""
        return max(owner.attempts for _, owner in self.members)

    @property
    def comes_again(self) -> bool:
        """A part of one of them is given back."""
        return any(owner.comes_again for _, owner in self.members)

    def owners(self) -> Iterator[Owner]:
        """Give each delivery behind it."""
        for _, owner in self.members:
            yield from owner.owners()

    def had_accepted(self, message: Message, sink: str) -> bool:
        """Tell whether a sink has accepted exactly this in an earlier receipt of all of them."""
        return all(owner.had_accepted(message, sink) for _, owner in self.members)

    def leaves(self, message: Message) -> Iterator[Item]:
        """Give each member, down through the joints among them."""
        del message
        for member, owner in self.members:
            yield from owner.leaves(member)

    def complete_with(self, completion: Completion) -> None:
        """Have something done before the first of them is settled as done, or when none of them is."""
        owners = list(self.owners())
        shared = _Shared(completion, len(owners))
        for owner in owners:
            owner.complete_with(shared)

    def note_own_failures(self, count: int) -> None:
        """Note it for each of them."""
        for _, owner in self.members:
            owner.note_own_failures(count)

    def wait(self, children: int) -> None:
        """Note it for each of them."""
        for _, owner in self.members:
            owner.wait(children)

    def fork(self, count: int) -> None:
        """Expect `count` endings where one was expected."""
        for _, owner in self.members:
            owner.fork(count)

    def end(self, message: Message, ending: Ending, *, told: bool = False) -> None:
        """Record one ending for each member. What ends well is told once; what ends badly, by member.

        Those of a group that has lost one of its members are given back: without that one it is not what it was.
        """
        once = ending.kind in ("accepted", "dropped", "gathered")
        for place, (member, owner) in enumerate(self.members):
            own = ending
            if ending.kind == "lost" and not owner.lost:
                own = Ending("returned", ending.where, "the lease of another member of its group was lost")
            owner.end(message if once else member, own, told=told or (once and place > 0))


class _Shared:
    """One completion for several deliveries: done as soon as one of them is, given up only when none was."""

    def __init__(self, complete: Completion, count: int) -> None:
        self._complete = complete
        self._left = count
        self._is_done = False
        self._lock = asyncio.Lock()

    async def __call__(self, done: bool) -> None:  # noqa: FBT001 - a completion's own argument
        async with self._lock:
            self._left -= not done
            if not self._is_done and (done or not self._left):
                await self._complete(done)
                self._is_done = True


class Fenced(Endings):
    """What a group that is kept in a store was combined to, under the lease of the delivery that closes the group.

    When all that came of it has ended, `finish` closes the group, and only then ends the closing member: until the
    store says that the group is closed, nothing is settled.

    Args:
        closing: The member whose delivery closes the group, and its owner.
        finish: Called once, with what the endings come to.
    """

    __slots__ = ("_closing", "_finish")

    def __init__(self, closing: Item, finish: Callable[[Fenced, Ending], None]) -> None:
        super().__init__()
        self._closing = closing
        self._finish = finish

    @property
    def _owner(self) -> AnyOwner:
        return self._closing[1]

    @property
    def delivery(self) -> Delivery:
        """The closing member's."""
        return self._owner.delivery

    @property
    def lost(self) -> bool:
        """The closing member's lease is gone: it is for others to close the group now."""
        return self._owner.lost

    @property
    def taken(self) -> float:
        """When the closing member was received."""
        return self._owner.taken

    @property
    def attempts(self) -> int:
        """How often the closing member has been tried."""
        return self._owner.attempts

    @property
    def comes_again(self) -> bool:
        """A part of the closing member's delivery is given back."""
        return self.returned is not None or self._owner.comes_again

    def owners(self) -> Iterator[Owner]:
        """Give the deliveries behind the closing member."""
        return self._owner.owners()

    def had_accepted(self, message: Message, sink: str) -> bool:
        """Tell whether a sink has accepted exactly this when the closing member was received before."""
        return self._owner.had_accepted(message, sink)

    def leaves(self, message: Message) -> Iterator[Item]:
        """Give itself: the group ends as one."""
        yield message, self

    def complete_with(self, completion: Completion) -> None:
        """Have something done before the closing member is settled."""
        self._owner.complete_with(completion)

    def note_own_failures(self, count: int) -> None:
        """Note it for the closing member."""
        self._owner.note_own_failures(count)

    def wait(self, children: int) -> None:
        """Note it for the closing member."""
        self._owner.wait(children)

    def end(self, message: Message, ending: Ending, *, told: bool = False) -> None:
        """Record one ending; the last one closes the group, or has it closed again.

        What ends well is the closing delivery's at once; what ends badly is told by member when the group ends.
        """
        if ending.kind in ("accepted", "dropped", "gathered"):
            self._owner.fork(2)
            self._owner.end(message, ending, told=told)
        if self.enter(message, ending):
            self._finish(self, self._sum(ending))

    def _sum(self, last: Ending) -> Ending:
        """Return what the endings come to, in the order that holds for a delivery's verdict."""
        if self.lost:
            return LOST
        if self.returned is not None:
            return self.returned
        return self.rejected[1] if self.rejected else last
