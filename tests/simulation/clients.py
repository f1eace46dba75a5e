"""What a worker is given: a queue, sinks, a dead-letter queue and stages, behind the wire and under the book's eyes."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

from sluiceway.core.errors import LeaseLost, MessageError, Reject, Transient
from sluiceway.core.message import Message
from sluiceway.core.outcome import Ack, Facts, Result, Retry
from sluiceway.core.ports import Bury, Delivery, Send
from sluiceway.core.process import Process
from sluiceway.testing import AfterEffect, StrictDeadLetters, StrictQueue, StrictSink, VirtualClock

from . import oracle
from .book import Book
from .dead_letters import DeadLetters
from .leases import Leases
from .legs import Legs
from .loop import Life
from .oracle import root_of
from .scenario import SinkPlan, StagePlan
from .wire import Wire


class World:
    """The services of one scenario, which all of its workers share."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.scenario = book.scenario
        self.wire = Wire(book)
        self.leases = Leases(book)
        self.legs = Legs(book, self.leases)
        self.dead_letters = DeadLetters(book)
        self._after_effect: set[str] = set()
        self.queue = StrictQueue(
            VirtualClock(),
            visibility=self.scenario.lease,
            wait_time=self.scenario.wait_time,
            expired_deletes=self.scenario.expired_deletes,
            entries=self._settle_fault,
            duplicates=lambda name, receipts: receipts == 1 and name in self.scenario.duplicates,
        )
        self.dead = StrictDeadLetters(
            entries=lambda letter, times: self._entry_fault("dead_letter", letter[0].message.id, times)
        )
        self.sinks = {plan.id: self._sink(plan) for plan in self.scenario.sinks}
        self._tries: Counter[tuple[str, str]] = Counter()

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

    async def hand_out(self, life: Life, limit: int) -> Sequence[Delivery]:
        """Do what a receive does at the queue: it hands out in any order."""
        self.wire.shuffle(self.queue.messages)
        deliveries = await self.queue.receive(limit)
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


class QueueClient:
    """The queue as one life of a worker sees it."""

    def __init__(self, world: World, life: Life) -> None:
        self._world = world
        self._life = life

    async def receive(self, limit: int) -> Sequence[Delivery]:
        """Poll."""
        world, life = self._world, self._life
        world.leases.polls(life, limit)
        try:
            found = await world.wire.call("receive", lambda: world.hand_out(life, limit), down="source")
        except asyncio.CancelledError:
            world.leases.poll_cut_short(life)
            raise
        finally:
            world.leases.poll_ended(life, limit)
        deliveries = [_marked(delivery) for delivery in found]
        world.leases.opened(life, deliveries)
        world.dead_letters.received(life, deliveries)
        return deliveries

    def extend(self, receipts: Sequence[str], seconds: float) -> Sequence[Transient | LeaseLost | None]:
        """Renew leases; the keeper's thread waits for the answer."""
        world, life = self._world, self._life
        fault = world.wire.fault("extend")
        down = world.wire.is_down("source")
        before = down or (fault is not None and fault.kind == "before")
        answers: list[Transient | LeaseLost | None] = []
        for receipt in receipts:
            done = None if before else world.queue.extend([receipt], seconds)[0]
            answer = Transient("the queue did not answer") if before or (fault and done is None) else done
            effect = not before and done is None
            world.leases.extended(life, receipt, until=world.book.now + seconds if effect else None, answer=answer)
            answers.append(answer)
        return answers

    async def settle(
        self, settlements: Sequence[tuple[Delivery, Ack | Retry]]
    ) -> Sequence[Transient | LeaseLost | None]:
        """Delete, or give back."""
        world, life = self._world, self._life
        for delivery, order in settlements:
            world.legs.settles(life, delivery, order)
        results: Sequence[Transient | LeaseLost | None] = [Transient("not answered")] * len(settlements)
        try:
            results = await world.wire.call("settle", lambda: world.settle(settlements), down="source", patient=False)
        finally:
            if any(isinstance(result, Transient) for result in results):
                world.book.lives[life].settle_trouble += 1
        for (delivery, _), result in zip(settlements, results, strict=True):
            world.leases.settle_answered(world.book.receipts[delivery.receipt], result)
        return results


def _marked(delivery: Delivery) -> Delivery:
    """Return a delivery whose message tells with which receipt it came, to us: the engine does not look."""
    message = delivery.message.evolve(meta={**delivery.message.meta, "receipt": delivery.receipt})
    return Delivery(
        message,
        delivery.receipt,
        delivery.raw,
        attributes=delivery.attributes,
        receive_count=delivery.receive_count,
        sent_at=delivery.sent_at,
        group=delivery.group,
    )


def sink_client(world: World, life: Life, plan: SinkPlan) -> Send:
    """Return a sink as one life of a worker sees it."""

    async def send(messages: Sequence[Message]) -> Sequence[MessageError | None]:
        world.legs.sink_starts(life, plan, messages)
        try:
            results = await world.wire.call(plan.id, lambda: world.send(plan, messages))
        except BaseException as error:
            world.legs.sink_answered(life, plan, messages, [error] * len(messages))
            raise
        world.legs.sink_answered(life, plan, messages, results)
        return results

    return send


def bury_client(world: World, life: Life) -> Bury:
    """Return the dead-letter queue as one life of a worker sees it."""

    async def bury(letters: Sequence[tuple[Delivery, Facts]]) -> Sequence[MessageError | None]:
        for delivery, facts in letters:
            world.dead_letters.sent(life, delivery, facts)
        results: Sequence[MessageError | None] = [Transient("not answered")] * len(letters)
        try:
            results = await world.wire.call("dead_letter", lambda: world.bury(letters), patient=False)
        finally:
            for (delivery, _), result in zip(letters, results, strict=True):
                world.dead_letters.answered(delivery, result)
        return results

    return bury


def stage_function(world: World, life: Life, plan: StagePlan) -> Process:
    """Return the function of a stage."""
    legs = world.legs

    def work(message: Message) -> Result:
        if world.flaky(plan, message):
            raise Transient("not now")
        return oracle.apply(plan, message)

    def process(message: Message) -> Result:
        legs.stage_starts(plan.id, message)
        try:
            result = work(message)
        except Exception as error:
            legs.stage_ended(life, plan.id, message, error)
            raise
        legs.stage_ended(life, plan.id, message, None)
        return result

    async def remote(message: Message) -> Result:
        if plan.takes:
            await asyncio.sleep(plan.takes)
        return work(message)

    async def process_async(message: Message) -> Result:
        legs.stage_starts(plan.id, message)
        try:
            result = await world.wire.call(plan.id, lambda: remote(message))
        except BaseException as error:
            legs.stage_ended(life, plan.id, message, error)
            raise
        legs.stage_ended(life, plan.id, message, None)
        return result

    return process_async if plan.is_async else process
