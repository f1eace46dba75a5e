"""Where messages come in: when to receive, how much, and when to wait instead."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence

from sluiceway.core.errors import SourceExhausted, Transient
from sluiceway.core.ports import Delivery, Receiver
from sluiceway.core.spec import Backoff
from sluiceway.core.units import Duration
from sluiceway.engine.budget import Budget
from sluiceway.engine.circuit import FIRST_PAUSE, LONGEST_ASKED, LONGEST_PAUSE
from sluiceway.engine.dependencies import Dependencies
from sluiceway.engine.drain import give_back
from sluiceway.engine.retry import backoff
from sluiceway.engine.surroundings import Spawn, Surroundings

RECEIVERS = 4
"""Polls at a time while the queue is deep; one while it is not, because empty polls cost money."""

_UNANSWERED = Backoff(max=Duration(LONGEST_PAUSE))


class Intake:
    """The polls of one pipeline.

    Args:
        receiver: The open source.
        budget: What may be under way; room is reserved before it is asked for.
        dependencies: While one of them is down, nothing is received.
        around: Chance and the log.
        spawn: Starts a task.

    Attributes:
        polls: How many are under way, or about to be.
        deep: The queue probably has more: a poll has brought as much as there was room for, and none since has brought
            nothing. (SQS often hands out fewer than it was asked for, however deep it is.)
    """

    def __init__(
        self, receiver: Receiver, budget: Budget, dependencies: Dependencies, around: Surroundings, spawn: Spawn
    ) -> None:
        self.polls = 0
        self.deep = False
        self._receiver = receiver
        self._budget = budget
        self._dependencies = dependencies
        self._log = around.log
        self._random = around.random
        self._spawn = spawn
        self._stopped = asyncio.Event()
        self._poll_ended = asyncio.Event()
        self._unanswered = 0

    @property
    def is_stopped(self) -> bool:
        """Nothing more is received."""
        return self._stopped.is_set()

    def stop(self) -> None:
        """Start no more polls."""
        self._stopped.set()
        self._budget.close()
        self._poll_ended.set()

    async def stopped(self) -> None:
        """Wait until `stop` was called, or the source has nothing more to give."""
        await self._stopped.wait()

    async def polls_ended(self) -> None:
        """Wait until no poll is under way."""
        while self.polls:
            self._poll_ended.clear()
            await self._poll_ended.wait()

    async def run(self, carry: Callable[[int], Coroutine[object, object, None]]) -> None:
        """Start one poll after the other, for as long as there is room and nothing that is needed is down."""
        while not self.is_stopped:
            if self.polls >= self._most_polls():
                self._poll_ended.clear()
                await self._poll_ended.wait()
            elif room := await self._budget.reserve():
                self.polls += 1  # from here on the room is taken
                # Asked last: while room was waited for, something may have gone down.
                while (pause := self._dependencies.pause()) > 0 and not self.is_stopped:
                    await self._wait(min(pause, FIRST_PAUSE))  # it may serve again before
                if self.is_stopped:
                    self.polls -= 1
                    self._poll_ended.set()
                else:
                    self._spawn(carry(room))

    def _most_polls(self) -> int:
        """Return how many polls may be under way; what is down is tried with what one of them brings."""
        return RECEIVERS if self.deep and not self._dependencies.down else 1

    async def poll(self, room: int) -> Sequence[Delivery]:
        """Receive up to `room` messages. A poll under way at the stop is awaited; what it brings is given back."""
        deliveries: Sequence[Delivery] = ()
        try:
            if not self.is_stopped:  # it may have been since the poll was started
                deliveries = await self._receiver.receive(room)
                self._source_answered()
        except SourceExhausted:
            self.stop()
        except Transient as error:
            await self._source_failed(error)
        finally:
            self._budget.used(room, [len(delivery.raw) for delivery in deliveries])
            self.deep = len(deliveries) == room or (self.deep and bool(deliveries))
            self.polls -= 1
            self._poll_ended.set()
        if self.is_stopped and deliveries:
            await give_back(deliveries, self._receiver, self._log)
            for delivery in deliveries:
                self._budget.release(len(delivery.raw))
            return ()
        return deliveries

    def _source_answered(self) -> None:
        if self._unanswered:
            self._unanswered = 0
            self._log.info("source answers again")

    async def _source_failed(self, error: Transient) -> None:
        self._unanswered += 1
        if self._unanswered == 1:
            self._log.warning("source does not answer", reason=error.reason, consequence="tried again")
        asked = min(error.retry_after or 0, LONGEST_ASKED)
        await self._wait(asked or backoff(_UNANSWERED, self._unanswered, self._random))

    async def _wait(self, seconds: float) -> None:
        """Wait, but not beyond `stop`."""
        try:
            async with asyncio.timeout(seconds):
                await self._stopped.wait()
        except TimeoutError:
            return
