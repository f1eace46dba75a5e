"""Gathers whose members are kept in a store that all workers share.

Members of a group come to whichever worker receives them. So each is written to the store and then acknowledged, and
whoever brings the one that completes the group closes it. What makes this safe is one rule: **the delivery of the
first member, the guardian, is not settled before its group is closed.** It is held and looks at its group now and then;
when its worker is lost it comes again and looks on. So a group has a timer, and somebody who comes back to it, without
a scan of the table; everything else may be lost or repeated.

- *Joining*: the member is kept under its own id, then the group's record, which names its members, is written if it is
  still as it was read. A record read without a member, and that member not marked as closed afterwards, show that it is
  in no group; so a second receipt is recognised, and is acknowledged, whether its group is open or closed.
- *Closing* is fenced: the write that freezes a group says who closes it, under which token. The combined message
  travels under the closer's lease. When it has been accepted, dropped or rejected, members are marked as closed, the
  group is taken out of the record if the token is still in it, and only then the closer is settled.
- *When a closer dies* its delivery comes again, sees its own id, and closes again with a new token: the source has
  shown that the earlier lease is over. Should it never come, the guardian does so once that lease is over for certain.
  Whoever finds another token than its own does not settle: it is given back, and acknowledged when it comes again.
- *A new member of a closed group*, or of one that is being closed, opens the next group of its key.
- *A group that is dead-lettered*, incomplete or rejected, is put into the dead-letter queue member by member, each as
  it was received, before it is taken out of the record. A member that comes while its group is being closed is given
  back: it may have come from there.
- *A store that fails* uses up nobody's attempts: it cannot be told which messages groups wait for.

Not promised: a sink that accepted the combined message of a closer that died right after may see it again, with the
same id.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Coroutine
from typing import Final

from sluiceway.core.errors import Transient
from sluiceway.core.gather import Gather
from sluiceway.core.message import Message
from sluiceway.core.spec import Pipeline
from sluiceway.engine.call import timed
from sluiceway.engine.circuit import Down
from sluiceway.engine.gather import Combiner, Resume
from sluiceway.engine.group_end import Attempt, GroupEnd
from sluiceway.engine.group_records import Closed, Group, Groups
from sluiceway.engine.guards import Guard, Guards
from sluiceway.engine.joint import Fenced
from sluiceway.engine.ledger import Ledger
from sluiceway.engine.owner import LOST, Item
from sluiceway.engine.report import Ending
from sluiceway.engine.surroundings import Spawn, Surroundings

_MOST_CLOSING: Final = 4
"""Groups of one key that are being closed at a time; while there are more, its new members are given back."""

_BUSY: Final = 5.0
"""Seconds after which a message comes again that was given back because groups are being closed."""

_STEP_ASIDE: Final = 0.1
"""Seconds, at most, before a record that somebody else has written meanwhile is read again."""


class SharedGather:
    """A gather with a store.

    Args:
        combiner: Its author's functions.
        end: Ends groups, and has their records.
        pipeline: Whose it is.
        ledger: Turns failures into endings.
        around: Time, chance, log and report.
        spawn: Starts a task.
        resume: Takes on what a group that closes by itself is combined to.
    """

    def __init__(  # noqa: PLR0913 - what the chain, the sinks and the settler each need a part of
        self,
        combiner: Combiner,
        end: GroupEnd,
        pipeline: Pipeline,
        ledger: Ledger,
        *,
        around: Surroundings,
        spawn: Spawn,
        resume: Resume,
    ) -> None:
        self._combiner = combiner
        self._gather = combiner.gather
        self._where = combiner.where
        self._timeout = combiner.spec.timeout
        self._permits = asyncio.Semaphore(combiner.spec.concurrency)
        self._records = end.records
        self._end = end
        self._longest_lease = float(pipeline.source.component.visibility.limit)
        self._ledger = ledger
        self._clock = around.clock
        self._random = around.random
        self._spawn = spawn
        self._resume = resume
        self._guards = Guards(self._where, self._gather.max_groups, self._look, self._clock, spawn)

    async def run(self, items: list[Item]) -> list[Item]:
        """Take messages in, and return what the groups that they complete are combined to.

        Those of one key are taken one after the other: they would only get into each other's way.
        """
        out: list[Item] = []
        by_key: dict[str, list[Item]] = {}
        for message, owner in items:
            if owner.lost:
                owner.end(message, LOST)
            elif not self._combiner.applies(message):
                out.append((message, owner))
            elif (key := self._combiner.key(message, owner)) is not None:
                by_key.setdefault(key, []).append((message, owner))
        for closed in await asyncio.gather(*(self._take(key, members) for key, members in by_key.items())):
            out += closed
        return out

    def drain(self) -> None:
        """Give guardians back: they guard on where they come next."""
        self._guards.drain()

    def relieve(self) -> bool:
        """Give the oldest guardian back until its group's time is up; tell whether there was one."""
        return self._guards.defer_oldest("limits.in_flight leaves no room to hold it")

    async def _take(self, key: str, items: list[Item]) -> list[Item]:
        async with self._permits:
            return [closed for item in items for closed in await self._guarded(item, self._join(key, item))]

    async def _guarded(self, item: Item, work: Coroutine[object, object, list[Item]]) -> list[Item]:
        """Do what has to do with the store; when that fails, the message has failed."""
        message, owner = item
        try:
            with self._ledger.calls.noted(self._where, (message,), self._timeout):
                closed = await timed(work, self._where, self._timeout)
        except Exception as error:  # noqa: BLE001 - whatever a store raises, its message must not be lost
            own = None
            if isinstance(error, Transient):
                own = False  # dead-lettered, a guardian or closer would leave its group to nobody
                if not isinstance(error, Down):
                    self._ledger.dependencies.failed(self._where, error.reason, error.retry_after)
            self._ledger.failed(owner, self._where, message, error, own=own)
            return []
        self._ledger.dependencies.served(self._where)
        return closed

    async def _join(self, key: str, item: Item) -> list[Item]:
        """Make a message a member of a group, whose record is written if nobody else has written it meanwhile."""
        message, owner = item
        while True:
            groups = await self._records.read(key)
            group = groups.of(message.id)
            if group is not None and group.closer != message.id:
                return await self._go_on(key, group, item)
            if group is not None:
                # The source has handed out again who closes it: the lease under which it was closed is over.
                self._freeze(group, item)
            elif len(groups.groups) > _MOST_CLOSING:
                return self._busy(item, "earlier groups of its key are being closed")
            else:
                try:
                    await self._records.keep(key, message, owner)
                except Closed:
                    self._gathered(item, "its group was closed before")
                    return []
                group = await self._enter(key, groups, item)
            if group and await self._records.write(key, groups):
                return await self._go_on(key, group, item)
            await self._clock.sleep(self._random.random() * _STEP_ASIDE)

    async def _enter(self, key: str, groups: Groups, item: Item) -> Group | None:
        """Put a message into the open group of its key, and freeze that when it is complete; None if it is closed."""
        message, _ = item
        now = self._clock.now()
        group = groups.open
        if group is None:
            group = Group(message.id, now + self._gather.within)
            groups.groups.append(group)
        elif now > group.due + self._longest_lease:
            group.guardian = message.id  # the one before would have come by now: somebody has deleted it
        group.members.append(message.id)
        try:
            if await self._is_full(key, group, message):
                self._freeze(group, item)
        except Closed:
            return None
        return group

    async def _is_full(self, key: str, group: Group, message: Message) -> bool:
        if len(group.members) >= self._gather.size:
            return True
        if type(self._gather).complete is Gather.complete:
            return False  # so the members need not be read
        members = await self._records.load(key, group.members, message)
        return self._combiner.is_full([member.message for member in members])

    def _freeze(self, group: Group, item: Item) -> None:
        """Let nobody join a group any more, and say who closes it. No two receipts have the same token."""
        message, owner = item
        group.closer = message.id
        group.token = hashlib.sha256(f"{owner.delivery.receipt} {message.id}".encode()).hexdigest()[:32]
        group.until = self._clock.now() + self._longest_lease

    async def _go_on(self, key: str, group: Group, item: Item) -> list[Item]:
        """Do a member's duty: close its group, guard it, or leave it to others."""
        message, owner = item
        if group.closer == message.id:
            return await self._close(key, group, item)
        if group.guardian == message.id:
            self._guards.hold(Guard(key, message, owner, self._clock.now(), group.over))
        elif group.closer:
            return self._busy(item, "its group is being closed")
        else:
            self._gathered(item, "kept until its group is closed")
        return []

    async def _close(self, key: str, group: Group, item: Item) -> list[Item]:
        message, owner = item
        attempt = Attempt(key, group, (), message, owner)
        finish = Fenced(item, lambda fenced, ending: self._spawn(self._finish(attempt, fenced, ending)))
        try:
            attempt.members = await self._records.load(key, group.members, message)
        except Closed:  # by somebody who died before the group was taken out of the record
            finish.end(message, Ending("gathered", self._where, "its group was closed before"), told=True)
            return []
        members = [member.message for member in attempt.members]
        return self._combiner.close(key, members, finish, f"within ({self._gather.within}) was over")

    async def _finish(self, attempt: Attempt, fenced: Fenced, ending: Ending) -> None:
        """Close a group once what it was combined to has ended, and let its closer and its guardian go."""
        ended = await self._end.finish(attempt, ending, fenced.accepted)
        if ended.kind in ("gathered", "rejected"):
            guardian = self._guards.let_go(attempt.key, attempt.group.guardian)
            if guardian is not None:
                self._gathered(guardian, "its group is closed")
        attempt.owner.end(attempt.message, ended)

    def _gathered(self, item: Item, reason: str) -> None:
        message, owner = item
        owner.end(message, Ending("gathered", self._where, reason))

    def _busy(self, item: Item, reason: str) -> list[Item]:
        message, owner = item
        owner.end(message, Ending("returned", self._where, reason, delay=_BUSY))
        return []

    async def _look(self, guard: Guard) -> None:
        """See what has become of a guardian's group; close it when nobody else does."""
        self._resume(await self._guarded((guard.message, guard.owner), self._watch(guard)))

    async def _watch(self, guard: Guard) -> list[Item]:
        item = guard.message, guard.owner
        while True:
            groups = await self._records.read(guard.key)
            group = groups.of(guard.message.id)
            if group is None or group.guardian != guard.message.id:
                self._gathered(item, "its group is closed, or guarded by another")
                return []
            now = self._clock.now()
            guard.due = group.until if group.closer else max(group.due, now + self._combiner.time_left())
            if now < guard.due:
                self._guards.hold(guard)
                return []
            self._freeze(group, item)
            if await self._records.write(guard.key, groups):
                return await self._close(guard.key, group, item)
            await self._clock.sleep(self._random.random() * _STEP_ASIDE)
