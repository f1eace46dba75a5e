"""The services of one scenario, and what a call does at each of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sluiceway.adapters.memory_store import MemoryStore
from sluiceway.core.errors import LeaseLost, MessageError, Reject, Transient
from sluiceway.core.message import Message
from sluiceway.core.outcome import Ack, Facts, Retry
from sluiceway.core.ports import Delivery
from sluiceway.testing import AfterEffect, StrictDeadLetters, StrictQueue, StrictSink, VirtualClock

from . import oracle
from .book import Book
from .dead_letters import DeadLetters
from .groups import Groups
from .leases import Leases
from .legs import Legs
from .loop import Life
from .oracle import root_of
from .outages import Outages
from .records import Records
from .scenario import Sent, SinkPlan, StagePlan
from .wire import Wire


class World:
    """The services of one scenario, which all of its workers share."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.scenario = book.scenario
        self.wire = Wire(book)
        self.leases = Leases(book)
        self.groups = Groups(book)
        self.records = Records(book, self.wire, MemoryStore(VirtualClock()))
        self.outages = Outages(book)
        self.legs = Legs(book, self.leases, self.groups, self.records, self.outages)
        self.dead_letters = DeadLetters(book, self.groups)
        self._after_effect: set[str] = set()
        self.queue = StrictQueue(
            VirtualClock(),
            visibility=self.scenario.lease,
            wait_time=self.scenario.wait_time,
            fifo=bool(self.scenario.fifo),
            expired_deletes=self.scenario.expired_deletes,
            entries=self._settle_fault,
            duplicates=None if self.scenario.fifo else self._is_doubled,
        )
        self.dead = StrictDeadLetters(
            entries=lambda letter, times: self._entry_fault("dead_letter", letter[0].message.id, times)
        )
        self.sinks = {plan.id: self._sink(plan) for plan in self.scenario.sinks}
        self._tries: Counter[tuple[str, str]] = Counter()

    def _is_doubled(self, name: str, receipts: int) -> bool:
        return receipts == 1 and name in self.scenario.duplicates

    def _sink(self, plan: SinkPlan) -> StrictSink:
        def fault(message: Message, times: int) -> MessageError | AfterEffect | None:
            if oracle.refused(plan, message):
                return Reject("refused for good", error="refused")
            return self._entry_fault(plan.id, root_of(message.id), times)

        return StrictSink(entries=fault)

    def _entry_fault(self, of: str, message: str, times: int) -> MessageError | AfterEffect | None:
        fault = self.wire.entry_fault(of, message, times)
        if fault is None:
            return None
        error = Transient(f"{of} says no to {message}")
        return AfterEffect(error) if fault.kind == "after entry" else error

    def _settle_fault(self, name: str, order: Ack | Retry, times: int) -> MessageError | AfterEffect | None:
        fault = self._entry_fault("settle", name, times)
        if isinstance(fault, AfterEffect):
            self._after_effect.add(name)
        return fault

    def flaky(self, plan: StagePlan, message: Message) -> bool:
        """Count a try of a flaky stage, and tell whether it fails."""
        if plan.kind != "flaky" or self.book.now >= self.scenario.quiet_at or not oracle.matches(plan, message):
            return False
        self._tries[plan.id, message.id] += 1
        return self._tries[plan.id, message.id] <= plan.times

    def put(self, sent: Sent) -> None:
        """Put a message into the queue."""
        self.book.note("queue", "is sent", sent.id)
        self.groups.sent(sent.id, sent.group)
        self.queue.send(oracle.body_of(sent), headers=oracle.headers_of(sent), id=sent.id, group=sent.group)

    async def hand_out(self, life: Life, limit: int, again: Sequence[Delivery]) -> Sequence[Delivery]:
        """Do what a receive does at the queue: a standard one hands out in any order, a FIFO one the same once more."""
        if not self.scenario.fifo:
            self.wire.shuffle(self.queue.messages)
        if not 0 < len(again) <= limit or any(self.queue.extend([d.receipt for d in again], self.scenario.lease)):
            again = ()
        deliveries = again or await self.queue.receive(limit)
        for delivery in deliveries:
            self.leases.handed_out(life, delivery)
        return deliveries

    async def settle(
        self, settlements: Sequence[tuple[Delivery, Ack | Retry]]
    ) -> Sequence[Transient | LeaseLost | None]:
        """Do what a settlement does at the queue."""
        self._after_effect.clear()
        results = await self.queue.settle(settlements)
        for (delivery, order), result in zip(settlements, results, strict=True):
            if result is None or (delivery.message.id in self._after_effect and isinstance(result, Transient)):
                self.leases.settled(self.book.receipts[delivery.receipt], order)
                if isinstance(order, Ack):
                    self.groups.deleted(delivery.message.id)
        return results

    async def send(self, plan: SinkPlan, messages: Sequence[Message]) -> Sequence[MessageError | None]:
        """Do what a send does at a sink."""
        sink = self.sinks[plan.id]
        if any(oracle.has_bug(plan, message) for message in messages):
            raise ValueError("a bug of the sink")
        results = await sink.send(messages)
        for message in sink.accepted:
            self.legs.accepted(plan, message)
        sink.accepted.clear()
        return results

    async def bury(self, letters: Sequence[tuple[Delivery, Facts]]) -> Sequence[MessageError | None]:
        """Do what the dead-letter queue does."""
        results = await self.dead.bury(letters)
        for delivery, _ in self.dead.accepted:
            self.dead_letters.kept_one(delivery)
        self.dead.accepted.clear()
        return results
