"""Guardians that are held: first members of groups in a store, which look at their group now and then."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Final

from sluiceway.core.message import Message
from sluiceway.core.ports import Clock
from sluiceway.engine.gather import STOPS
from sluiceway.engine.owner import LOST, AnyOwner, Item
from sluiceway.engine.report import Ending
from sluiceway.engine.surroundings import Spawn

SOONEST: Final = 1.0
"""Seconds after which a guardian looks at its group for the first time; then whenever its age has doubled."""

_SHORTEST: Final = 0.01
"""Seconds between two looks at least, however near the group's time is."""


@dataclass(slots=True, eq=False)
class Guard:
    """A guardian.

    Attributes:
        key: Its group's key.
        message: The member.
        owner: Answers for it.
        since: When it was first held, in seconds since 1970.
        due: When it has to close its group, in seconds since 1970.
        timer: Wakes it for the next look; None while it is not held.
    """

    key: str
    message: Message
    owner: AnyOwner
    since: float
    due: float
    timer: asyncio.TimerHandle | None = None


class Guards:
    """The guardians that one gather holds.

    Args:
        where: The gather's id.
        most: How many are held at a time; the oldest beyond that wait in the queue.
        look: Called with a guardian, which is held no longer, when it is time for it to look at its group.
        clock: Time.
        spawn: Starts a task.
    """

    def __init__(
        self,
        where: str,
        most: int,
        look: Callable[[Guard], Coroutine[object, object, None]],
        clock: Clock,
        spawn: Spawn,
    ) -> None:
        self._where = where
        self._most = most
        self._look = look
        self._clock = clock
        self._spawn = spawn
        self._held: dict[tuple[str, str], Guard] = {}  # by key and member, the oldest first
        self._draining = False

    def hold(self, guard: Guard) -> None:
        """Hold a guardian until its group's time is up, or until its age has doubled."""
        now = self._clock.now()
        place = (guard.key, guard.message.id)
        if self._draining:
            guard.owner.end(guard.message, Ending("returned", self._where, STOPS))
            return
        if place in self._held:
            self._give_back(self._held[place], "it came again", max(SOONEST, guard.due - now))
        if len(self._held) >= self._most:
            self.defer_oldest(f"more than max_groups ({self._most}) are held here")
        wait = min(max(SOONEST, now - guard.since), max(guard.due - now, _SHORTEST))
        guard.timer = asyncio.get_running_loop().call_later(wait, self._wake, guard)
        guard.owner.wait(1)
        self._held[place] = guard

    def let_go(self, key: str, member: str) -> Item | None:
        """Hold a guardian no longer and return it, to be ended; None when it is not held here."""
        guard = self._held.get((key, member))
        return None if guard is None else self._take_out(guard)

    def defer_oldest(self, reason: str) -> bool:
        """Give the oldest guardian back until its group's time is up; tell whether there was one."""
        oldest = next(iter(self._held.values()), None)
        if oldest is not None:
            self._give_back(oldest, reason, oldest.due - self._clock.now())
        return oldest is not None

    def drain(self) -> None:
        """Give all of them back at once: they guard on where they come next."""
        self._draining = True
        for guard in list(self._held.values()):
            self._give_back(guard, STOPS, 0)

    def _wake(self, guard: Guard) -> None:
        message, owner = self._take_out(guard)
        if owner.lost:
            owner.end(message, LOST)
        else:
            self._spawn(self._look(guard))

    def _take_out(self, guard: Guard) -> Item:
        if guard.timer is not None:
            guard.timer.cancel()
        del self._held[guard.key, guard.message.id]
        guard.owner.wait(-1)
        return guard.message, guard.owner

    def _give_back(self, guard: Guard, reason: str, delay: float) -> None:
        message, owner = self._take_out(guard)
        owner.end(message, LOST if owner.lost else Ending("returned", self._where, reason, delay=max(0, delay)))
