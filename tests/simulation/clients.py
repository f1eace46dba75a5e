"""What a worker is given: a queue, sinks, a dead-letter queue, stages and a store, behind the wire and watched."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from sluiceway.core.errors import LeaseLost, MessageError, Transient
from sluiceway.core.message import Message
from sluiceway.core.outcome import Ack, Facts, Result, Retry
from sluiceway.core.ports import Bury, Delivery, Send
from sluiceway.core.process import Process

from . import oracle
from .loop import Life
from .scenario import SinkPlan, StagePlan
from .world import World


class QueueClient:
    """The queue as one life of a worker sees it."""

    def __init__(self, world: World, life: Life) -> None:
        self._world = world
        self._life = life
        self._unanswered: Sequence[Delivery] = ()

    async def receive(self, limit: int) -> Sequence[Delivery]:
        """Poll; from a FIFO queue what an earlier answer had that was lost, as with its ReceiveRequestAttemptId."""
        world, life = self._world, self._life
        again, self._unanswered = self._unanswered, ()
        handed_out: list[Delivery] = []

        async def effect() -> Sequence[Delivery]:
            handed_out.extend(await world.hand_out(life, limit, again))
            return handed_out

        world.leases.polls(life, limit)
        world.outages.polls(life)
        try:
            found = await world.wire.call("receive", effect, down="source")
        except asyncio.CancelledError:
            world.leases.poll_cut_short(life)
            raise
        except Transient:
            self._unanswered = handed_out if world.scenario.fifo else ()
            raise
        finally:
            world.leases.poll_ended(life, limit)
        deliveries = [_marked(delivery) for delivery in found]
        world.leases.opened(life, deliveries)
        receipts = [world.book.receipts[delivery.receipt] for delivery in deliveries]
        world.groups.opened(life, receipts)
        for receipt in receipts:
            world.records.opened(receipt)
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
            receipts = [world.book.receipts[delivery.receipt] for delivery, _ in letters]
            world.outages.answered(life, "dead_letter", receipts, results)
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
