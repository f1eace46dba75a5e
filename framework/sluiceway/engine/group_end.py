"""How a group that is kept in a store ends: closed for good, or put into the dead-letter queue member by member."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sluiceway.core.errors import MessageError, Transient
from sluiceway.core.message import Message
from sluiceway.core.outcome import DeadLetter
from sluiceway.core.ports import Delivery
from sluiceway.core.spec import Backoff
from sluiceway.core.units import Duration
from sluiceway.engine.budget import FULL
from sluiceway.engine.dead_letters import DeadLetters
from sluiceway.engine.group_records import Group, GroupRecords, Member
from sluiceway.engine.owner import AnyOwner, facts
from sluiceway.engine.report import Ending
from sluiceway.engine.retry import backoff
from sluiceway.engine.surroundings import Surroundings

_TRIES: Final = 5
_BACKOFF: Final = Backoff(max=Duration("30s"))


@dataclass(slots=True, eq=False)
class Attempt:
    """One attempt to close a group.

    Attributes:
        key: The group's key.
        group: The group, with this attempt's token.
        members: Its members, as far as they are still kept.
        message: The closing member.
        owner: Answers for it.
        removing: The group may have been taken out of the record already.
    """

    key: str
    group: Group
    members: Sequence[Member]
    message: Message
    owner: AnyOwner
    removing: bool = False

    def others(self) -> list[tuple[Message, Delivery]]:
        """Return the deliveries that were acknowledged for the group, each once, and a member of each."""
        own = {owner.delivery.message.id for owner in self.owner.owners()}
        others: dict[str, tuple[Message, Delivery]] = {}
        for member in self.members:
            for delivery in member.deliveries:
                if delivery.message.id not in own:
                    others.setdefault(delivery.message.id, (member.message, delivery))
        return list(others.values())


class GroupEnd:
    """Ends groups.

    Args:
        where: The gather's id.
        pipeline: The pipeline's name.
        records: The gather's records.
        dead_letters: Where members are kept that are dead-lettered.
        around: Time, chance, log and report.

    Attributes:
        records: The gather's records.
    """

    def __init__(
        self, where: str, pipeline: str, records: GroupRecords, dead_letters: DeadLetters, around: Surroundings
    ) -> None:
        self._where = where
        self._pipeline = pipeline
        self.records = records
        self._dead_letters = dead_letters
        self._around = around

    async def finish(self, attempt: Attempt, ending: Ending, accepted: Sequence[str]) -> Ending:
        """End a group as what it was combined to has ended.

        Returns:
            How the closing member ends: given back, to close the group again, unless the store says that it is closed.
        """
        if ending.kind in ("lost", "returned"):
            return ending
        letters = attempt.others() if ending.kind == "rejected" else []
        reason = ""
        for tries in range(1, _TRIES + 1):
            try:
                return await self._close(attempt, ending, letters, accepted)
            except MessageError as error:
                reason = error.reason
                await self._around.clock.sleep(backoff(_BACKOFF, tries, self._around.random))
        for _, delivery in letters:
            self._dead_letters.forget(delivery)
        self._around.log.warning(
            "group not closed", stage=self._where, reason=reason, consequence="it is closed again, with the same id"
        )
        return Ending("returned", self._where, reason)

    async def _close(
        self, attempt: Attempt, ending: Ending, letters: list[tuple[Message, Delivery]], accepted: Sequence[str]
    ) -> Ending:
        is_rejected = ending.kind == "rejected"
        closed = ending if is_rejected else Ending("gathered", self._where, "its group is closed")
        if not attempt.removing:
            if not await self._is_mine(attempt):
                return Ending("returned", self._where, "another worker closes its group", delay=1)
            if not is_rejected:
                await self.records.mark_closed(attempt.key, attempt.group.members)
            await self._dead_letter(letters, ending, accepted)
        if not await self._remove(attempt):
            return Ending("returned", self._where, "another worker closes its group", delay=1)
        if is_rejected:
            await self._forget(attempt)
        return closed

    async def _is_mine(self, attempt: Attempt) -> bool:
        group = (await self.records.read(attempt.key)).of(attempt.message.id)
        return group is not None and group.token == attempt.group.token

    async def _remove(self, attempt: Attempt) -> bool:
        """Take a group out of its key's record; tell whether it was still ours, or is out already."""
        while True:
            groups = await self.records.read(attempt.key)
            group = groups.of(attempt.message.id)
            if group is None or group.token != attempt.group.token:
                return attempt.removing and group is None
            groups.groups.remove(group)
            attempt.removing = True  # from here on a failed write may have been made
            if await self.records.write(attempt.key, groups):
                return True

    async def _forget(self, attempt: Attempt) -> None:
        try:
            await self.records.forget(attempt.key, attempt.members)
        except MessageError as error:
            self._around.log.warning(
                "members not deleted", stage=self._where, reason=error.reason, consequence="they are kept for days"
            )

    async def _dead_letter(
        self, letters: list[tuple[Message, Delivery]], ending: Ending, accepted: Sequence[str]
    ) -> None:
        """Have members kept as dead letters, as they were received; what is kept is taken from the list.

        Raises:
            Transient: The dead-letter queue did not take all of them.
        """
        now = self._around.clock.now()
        while letters:
            batch, letters[:] = letters[:FULL], letters[FULL:]
            entries = [
                (delivery, facts(self._pipeline, now, message, ending, delivery.receive_count, accepted))
                for message, delivery in batch
            ]
            results = await self._dead_letters.keep(entries)
            for (message, delivery), (_, why), result in zip(batch, entries, results, strict=True):
                if result is None:
                    self._around.report.buried(delivery, message, ending, DeadLetter(why))
                else:
                    letters.append((message, delivery))
            if failed := next((result for result in results if result is not None), None):
                raise Transient(f"not all members can be dead-lettered: {failed}")
