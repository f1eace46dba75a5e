"""Lanes: the messages of one FIFO group one after the other, groups side by side.

Only the head of a lane is under way. The one behind it enters when the source has confirmed that the head is deleted,
so nothing later of a group reaches a sink before everything earlier has been accepted, dropped or dead-lettered.

The order rests on what a FIFO queue does ("While messages with a particular MessageGroupId are invisible, no more
messages belonging to the same MessageGroupId are returned", API reference of ReceiveMessage), and on nothing that
workers would have to agree on:

- A group is handed out to one poll at a time, of whichever worker, oldest first. Another poll gets some of it only once
  nothing of it is in flight. What it brings while our own last confirmation is still on its way waits behind the head.
- When the head goes back, what is behind it goes back too, after it. Until the last of them is visible the group stays
  blocked, and then the head comes first: neither the order of these calls nor the failure of one can invert anything.
- At a stop those that wait go back at once, while their heads are finished: a head in flight blocks its group.
- A head whose lease is lost ends its lane when its own calls have ended; what is behind it holds the group until then.

A group takes at most what one receive brings (ten) of the in-flight budget: the queue gives no more of it before those
are settled. A head that is tried again under its lease keeps these places for up to `errors.retry.hold`; given back, it
leaves them to other groups until its delay is over. So a hot or failing group slows others down only where the
budget is small (ten or less), and never for good.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from sluiceway.engine.owner import Owner
from sluiceway.engine.report import Ending

_NOT_STARTED: Final = Ending("returned", "source", "it waits for its group")


@dataclass(slots=True)
class _Lane:
    head: Owner
    behind: deque[Owner] = field(default_factory=deque[Owner])


class Lanes:
    """The lanes of one worker whose source is ordered.

    Args:
        start: Takes heads into the chain, in one batch.
    """

    def __init__(self, start: Callable[[list[Owner]], None]) -> None:
        self._start = start
        self._lanes: dict[str, _Lane] = {}
        self._freed: list[Owner] = []

    def enter(self, owners: Iterable[Owner]) -> list[Owner]:
        """Take what was received, in order, and return what may start now; the rest waits behind it."""
        heads: list[Owner] = []
        for owner in owners:
            group = owner.delivery.group
            if group is None:
                heads.append(owner)
            elif group in self._lanes:
                self._lanes[group].behind.append(owner)
            else:
                self._lanes[group] = _Lane(owner)
                heads.append(owner)
        return heads

    def leave(self, owner: Owner, *, done: bool) -> None:
        """Note that a delivery is settled: the next of its lane starts when it is done, else all of them go back."""
        group = owner.delivery.group or ""
        lane = self._lanes.get(group)
        if lane is None or lane.head is not owner:
            return  # it was given back before it was a head
        if done and lane.behind:
            lane.head = lane.behind.popleft()
            self._free(lane.head)
        else:
            del self._lanes[group]
            self._give_back(lane)

    def drain(self) -> None:
        """Give back what has not started; heads are finished."""
        for lane in self._lanes.values():
            self._give_back(lane)

    def _free(self, head: Owner) -> None:
        """Start it together with those that are freed at the same time: a batch to settle makes a batch to carry."""
        if not self._freed:
            asyncio.get_running_loop().call_soon(self._start_freed)
        self._freed.append(head)

    def _start_freed(self) -> None:
        heads, self._freed = self._freed, []
        self._start(heads)

    def _give_back(self, lane: _Lane) -> None:
        while lane.behind:
            owner = lane.behind.popleft()
            owner.end(owner.delivery.message, _NOT_STARTED)
