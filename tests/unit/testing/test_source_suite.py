"""The suite for sources: the memory source and the strict queues pass it, and it catches what it is for."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from unittest import SkipTest

import pytest

from sluiceway.adapters.memory import MemorySource
from sluiceway.core.errors import LeaseLost, Transient
from sluiceway.core.message import Message
from sluiceway.core.outcome import Ack, Retry
from sluiceway.core.ports import Delivery
from sluiceway.testing import AfterEffect, StrictQueue, VirtualClock, run_virtual, source_faults, sources
from sluiceway.testing.abilities import When
from sluiceway.testing.mocks import Mock, MockContext, RunFailed
from sluiceway.testing.source_case import Call
from sluiceway.testing.sources import CHECKS, Check, SourceCase

named = pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)


def strict_case(kind: type[StrictQueue] = StrictQueue, *, fifo: bool = False, **options: Any) -> SourceCase:
    clock = VirtualClock()
    faults: dict[Call, Exception | AfterEffect | None] = {"receive": None, "settle": None, "extend": None}
    queue = kind(
        clock,
        fifo=fifo,
        wait_time=0,
        receives=lambda _: faults["receive"],
        settles=lambda _: faults["settle"],
        extends=lambda _: faults["extend"],
        **options,
    )

    @contextmanager
    def failing(call: Call, when: When) -> Iterator[None]:
        faults[call] = Transient("reset") if when == "before" else AfterEffect(Transient("reset"))
        yield
        faults[call] = None

    async def send(body: bytes, headers: Mapping[str, str], group: str) -> None:
        queue.send(body, headers=headers, group=group)

    return SourceCase(queue, send, other=queue, lease=60, elapse=clock.sleep, ordered=fifo, failing=failing)


@asynccontextmanager
async def memory_case() -> AsyncIterator[SourceCase]:
    clock = VirtualClock()
    chance = random.Random(1)  # noqa: S311 - chance in a test, not cryptography
    context = MockContext("p", "s", clock, chance, Mock("s", RunFailed), Counter())
    async with MemorySource().open(context) as receiver:

        async def send(body: bytes, headers: Mapping[str, str], group: str) -> None:
            assert not group
            receiver.inject(body, headers=headers)

        yield SourceCase(receiver, send, elapse=clock.sleep)


@named
@pytest.mark.parametrize("fifo", [False, True], ids=["standard", "fifo"])
def test_the_strict_queue_does_what_every_source_must(check: Check, *, fifo: bool) -> None:
    async def scene() -> None:
        await check(strict_case(fifo=fifo))

    run_virtual(scene())


@named
def test_the_memory_source_does_what_every_source_must(check: Check) -> None:
    async def scene() -> None:
        async with memory_case() as case:
            await check(case)

    run_virtual(scene())


def test_a_check_is_skipped_by_the_name_of_what_the_case_lacks() -> None:
    async def scene(check: Check) -> str:
        async with memory_case() as case:
            try:
                await check(case)
            except SkipTest as skipped:
                return str(skipped)
            return ""

    reasons = Counter(run_virtual(scene(check)) for check in CHECKS)
    del reasons[""]
    assert reasons == {
        "the case has no `lease`": 4,
        "the case has no `failing`": 3,
        "the case has no `ordered`": 2,
        "the case has no `other`": 1,
    }


def changed(delivery: Delivery, **changes: Any) -> Delivery:
    parts: dict[str, Any] = {"raw": delivery.raw, "receipt": delivery.receipt, "count": delivery.receive_count}
    parts |= {"id": delivery.message.id, "headers": delivery.message.headers, **changes}
    message = Message.received(parts["raw"], lambda _: None, id=parts["id"], headers=parts["headers"])
    return Delivery(message, parts["receipt"], parts["raw"], receive_count=parts["count"], group=delivery.group)


def hands_out(change: Callable[[Delivery], Delivery]) -> type[StrictQueue]:
    """Return a queue whose deliveries are changed on their way."""

    class Changing(StrictQueue):
        async def receive(self, limit: int) -> Sequence[Delivery]:
            return [change(delivery) for delivery in await super().receive(limit)]

    return Changing


class Generous(StrictQueue):
    """Gives more than it is asked for."""

    async def receive(self, limit: int) -> Sequence[Delivery]:
        return await super().receive(limit + 1)


class Ghost(StrictQueue):
    """Gives a message where there is none."""

    async def receive(self, limit: int) -> Sequence[Delivery]:
        if not await super().receive(limit):
            self.send(b"ghost")
        return await super().receive(limit)


class Doubling(StrictQueue):
    """Hands everything out twice."""

    def __init__(self, clock: VirtualClock, **options: Any) -> None:
        super().__init__(clock, duplicates=lambda _, receipts: receipts == 1, **options)


class Settling(StrictQueue):
    """Settles as it is told by `turns`, in the place of what was asked."""

    def turn(self, delivery: Delivery, verdict: Ack | Retry) -> Ack | Retry:
        return verdict

    async def settle(self, settlements: Sequence[tuple[Delivery, Ack | Retry]]) -> Sequence[Any]:
        return await super().settle([(delivery, self.turn(delivery, verdict)) for delivery, verdict in settlements])


class Hoarding(Settling):
    """Keeps what is acknowledged, until its lease ends."""

    def turn(self, delivery: Delivery, verdict: Ack | Retry) -> Ack | Retry:
        return Retry(30, "not yet") if isinstance(verdict, Ack) else verdict


class Losing(Settling):
    """Deletes what is given back."""

    def turn(self, delivery: Delivery, verdict: Ack | Retry) -> Ack | Retry:
        return Ack()


class Hasty(Settling):
    """Gives back at once."""

    def turn(self, delivery: Delivery, verdict: Ack | Retry) -> Ack | Retry:
        return Retry(0, "now") if isinstance(verdict, Retry) else verdict


class Short(StrictQueue):
    """Tells the results of other entries than those that were asked about."""

    async def settle(self, settlements: Sequence[tuple[Delivery, Ack | Retry]]) -> Sequence[Any]:
        results = await super().settle(settlements)
        return results[:1] if len(results) > 2 else results

    def extend(self, receipts: Sequence[str], seconds: float) -> Sequence[Any]:
        return super().extend(receipts, seconds)[::-1]


class Forgetful(StrictQueue):
    """Settles the message, whoever holds it by now."""

    async def settle(self, settlements: Sequence[tuple[Delivery, Ack | Retry]]) -> Sequence[Any]:
        now = {stored.id: stored.receipt for stored in self.messages}
        return await super().settle(
            [(changed(each, receipt=now.get(each.message.id, each.receipt)), verdict) for each, verdict in settlements]
        )


class Lax(StrictQueue):
    """Says that it holds longer, and does not."""

    def extend(self, receipts: Sequence[str], seconds: float) -> Sequence[Any]:
        return super().extend(receipts, 1)


class Untidy(StrictQueue):
    """Puts what is given back behind all others, and blocks no group."""

    async def receive(self, limit: int) -> Sequence[Delivery]:
        received = await super().receive(10)
        await super().settle([(each, Retry(0, "too many")) for each in received[:-1]])
        return received[-1:]


class Nervous(StrictQueue):
    """Takes its own failures for something else."""

    async def receive(self, limit: int) -> Sequence[Delivery]:
        try:
            return await super().receive(limit)
        except Transient:
            return []

    async def settle(self, settlements: Sequence[tuple[Delivery, Ack | Retry]]) -> Sequence[Any]:
        try:
            return await super().settle(settlements)
        except Transient:
            return [LeaseLost("it failed")] * len(settlements)

    def extend(self, receipts: Sequence[str], seconds: float) -> Sequence[Any]:
        results = super().extend(receipts, seconds)
        return [LeaseLost("it failed") if result else None for result in results]


class Stingy(StrictQueue):
    """Loses what was in a receive that failed."""

    async def receive(self, limit: int) -> Sequence[Delivery]:
        try:
            return await super().receive(limit)
        except Transient:
            for stored in self.messages:
                stored.visible_at = 1e9
            raise


NOT_AGAIN = hands_out(lambda each: changed(each, id=f"{each.message.id}.{each.receive_count}"))
BAD: list[tuple[Check, type[StrictQueue], bool]] = [
    (sources.what_is_sent_is_received_byte_for_byte, hands_out(lambda d: changed(d, raw=d.raw.strip(b"{"))), False),
    (sources.what_is_sent_is_received_byte_for_byte, hands_out(lambda d: changed(d, headers={})), False),
    (sources.what_is_sent_is_received_byte_for_byte, hands_out(lambda d: changed(d, id="same")), False),
    (sources.what_is_sent_is_received_byte_for_byte, hands_out(lambda d: changed(d, receipt="same")), False),
    (sources.a_receive_gives_at_most_what_is_asked_for, Generous, False),
    (sources.an_empty_place_gives_nothing, Ghost, False),
    (sources.what_is_received_is_handed_to_nobody_else, Doubling, False),
    (sources.what_is_acknowledged_never_comes_again, Hoarding, False),
    (sources.what_is_given_back_comes_again, Losing, False),
    (sources.what_is_given_back_comes_again, NOT_AGAIN, False),
    (sources.what_is_given_back_comes_again, hands_out(lambda d: changed(d, count=1)), False),
    (sources.what_is_given_back_for_later_comes_no_sooner, Hasty, False),
    (sources.each_settlement_of_a_batch_has_its_own_result, Short, False),
    (sources.each_settlement_of_a_batch_has_its_own_result, Losing, False),
    (sources.each_extension_of_a_batch_has_its_own_result, Short, False),
    (sources.of_two_receivers_each_message_goes_to_one, Doubling, False),
    (sources.a_group_comes_in_order_and_one_after_the_other, Untidy, True),
    (sources.what_is_given_back_stays_before_what_follows_it, Untidy, True),
    (source_faults.what_is_not_settled_comes_again_when_its_lease_ends, NOT_AGAIN, False),
    (source_faults.who_has_lost_a_lease_cannot_delete_what_another_holds, Forgetful, False),
    (source_faults.who_has_lost_a_lease_cannot_give_back_what_another_holds, Forgetful, False),
    (source_faults.a_lease_that_is_extended_lasts_longer, Lax, False),
    (source_faults.a_receive_that_fails_loses_nothing, Nervous, False),
    (source_faults.a_receive_that_fails_loses_nothing, Stingy, False),
    (source_faults.a_settlement_that_fails_can_be_made_again, Nervous, False),
    (source_faults.an_extension_that_fails_can_be_made_again, Nervous, False),
]


@pytest.mark.parametrize(("check", "kind", "fifo"), BAD, ids=lambda value: getattr(value, "__name__", ""))
def test_a_check_catches_what_it_is_for(check: Check, kind: type[StrictQueue], *, fifo: bool) -> None:
    async def scene() -> None:
        with pytest.raises(AssertionError):
            await check(strict_case(kind, fifo=fifo))

    run_virtual(scene())


def test_every_check_has_something_that_it_catches() -> None:
    assert {check for check, _, _ in BAD} == set(CHECKS)
