"""The strict queue behaves as AWS documents a standard queue."""

# ruff: noqa: ARG001, ARG005 - made-up stages and faults name what they are given

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from sluiceway.core.errors import LeaseLost, SourceExhausted, Transient
from sluiceway.core.outcome import Ack, Retry
from sluiceway.testing import AfterEffect, StrictDeadLetters, StrictQueue, StrictSink, VirtualClock, run_virtual

Scenario = Callable[[StrictQueue], Coroutine[Any, Any, None]]


def play(scenario: Scenario, **options: Any) -> None:
    async def scene() -> None:
        await scenario(StrictQueue(VirtualClock(), **options))

    run_virtual(scene())


def test_a_received_message_is_invisible_until_its_lease_ends() -> None:
    async def scenario(queue: StrictQueue) -> None:
        queue.send({"n": 1}, headers={"Tenant": "x"})
        (first,) = await queue.receive(10)
        assert (first.message.id, first.message.body, first.raw) == ("m1", {"n": 1}, b'{"n":1}')
        assert (first.message.headers, first.sent_at) == ({"Tenant": "x"}, 1767225600)
        assert await queue.receive(10) == []
        (second,) = await queue.receive(10)
        assert asyncio.get_running_loop().time() == 15
        assert (first.receive_count, second.receive_count) == (1, 2)
        assert first.receipt != second.receipt

    play(scenario, visibility=15, wait_time=10)


def test_a_receive_hands_out_ten_at_most_and_what_was_asked_for() -> None:
    async def scenario(queue: StrictQueue) -> None:
        for n in range(25):
            queue.send(n)
        assert [len(await queue.receive(limit)) for limit in (3, 100, 10)] == [3, 10, 10]
        with pytest.raises(ValueError, match="1 message"):
            await queue.receive(0)

    play(scenario)


def test_a_long_poll_ends_when_a_message_comes() -> None:
    async def scenario(queue: StrictQueue) -> None:
        asyncio.get_running_loop().call_later(4, queue.send, "late")
        assert len(await queue.receive(1)) == 1
        assert asyncio.get_running_loop().time() == 4

    play(scenario)


@pytest.mark.parametrize("expired_deletes", [False, True])
def test_a_delete_after_the_lease_is_refused_unless_told_otherwise(*, expired_deletes: bool) -> None:
    async def scenario(queue: StrictQueue) -> None:
        queue.send("a")
        (delivery,) = await queue.receive(1)
        await asyncio.sleep(61)
        (result,) = await queue.settle([(delivery, Ack())])
        assert (result is None) is expired_deletes
        assert isinstance(result, LeaseLost | None)
        assert queue.deleted == (["m1"] if expired_deletes else [])

    play(scenario, expired_deletes=expired_deletes)


def test_a_stale_handle_neither_deletes_nor_delays_nor_extends() -> None:
    async def scenario(queue: StrictQueue) -> None:
        queue.send("a")
        (stale,) = await queue.receive(1)
        await asyncio.sleep(61)
        (fresh,) = await queue.receive(1)
        results = [*await queue.settle([(stale, Ack()), (stale, Retry(5, "r"))]), *queue.extend([stale.receipt], 60)]
        assert results[0] is None, "which AWS answers, and deletes nothing"
        assert all(isinstance(result, LeaseLost) for result in results[1:])
        assert [stored.id for stored in queue.messages] == ["m1"]
        assert await queue.settle([(fresh, Ack())]) == [None]
        assert (queue.messages, queue.deleted) == ([], ["m1"])

    play(scenario, expired_deletes=True)


def test_what_is_given_back_comes_again_after_its_delay() -> None:
    async def scenario(queue: StrictQueue) -> None:
        queue.send("a")
        (delivery,) = await queue.receive(1)
        assert await queue.settle([(delivery, Retry(7, "r"))]) == [None]
        assert len(await queue.receive(1)) == 1
        assert asyncio.get_running_loop().time() == 7

    play(scenario)


def test_a_lease_can_be_extended_and_a_message_delayed_up_to_twelve_hours() -> None:
    async def scenario(queue: StrictQueue) -> None:
        queue.send("a")
        (delivery,) = await queue.receive(1)
        assert queue.extend([delivery.receipt], 11 * 3600) == [None]
        await asyncio.sleep(10 * 3600)
        assert isinstance(queue.extend([delivery.receipt], 2 * 3600 + 1)[0], LeaseLost)
        late, last = Retry(2 * 3600 + 1, "r"), Retry(2 * 3600, "r")
        assert isinstance((await queue.settle([(delivery, late)]))[0], LeaseLost)
        assert queue.extend([delivery.receipt], 2 * 3600) == [None]
        assert await queue.settle([(delivery, last)]) == [None]

    play(scenario)


@pytest.mark.parametrize("fifo", [False, True])
def test_a_delete_of_what_has_been_deleted_succeeds(*, fifo: bool) -> None:
    async def scenario(queue: StrictQueue) -> None:
        queue.send("a", group="g" if fifo else "")
        (delivery,) = await queue.receive(1)
        assert await queue.settle([(delivery, Ack()), (delivery, Ack())]) == [None, None]
        assert queue.deleted == ["m1"]
        results = [*await queue.settle([(delivery, Retry(5, "r"))]), *queue.extend([delivery.receipt], 60)]
        assert all(isinstance(result, LeaseLost) for result in results)

    play(scenario, fifo=fifo)


def test_a_queue_that_closes_says_so_once_nothing_is_left_or_held() -> None:
    async def scenario(queue: StrictQueue) -> None:
        queue.send("a")
        (delivery,) = await queue.receive(1)
        assert await queue.receive(1) == []
        await queue.settle([(delivery, Ack())])
        with pytest.raises(SourceExhausted):
            await queue.receive(1)

    play(scenario, close_when_empty=True)


def test_faults_come_before_or_after_the_effect() -> None:
    async def scenario(queue: StrictQueue) -> None:
        queue.send("a")
        queue.send("b")
        deliveries = await queue.receive(2)
        for expected in ([], ["m1", "m2"]):
            with pytest.raises(Transient):
                await queue.settle([(delivery, Ack()) for delivery in deliveries])
            assert queue.deleted == expected

    play(scenario, settles=[Transient("reset"), AfterEffect(Transient("reset"))])


def test_single_settlements_fail_before_or_after_their_effect() -> None:
    def moody(name: str, verdict: Ack | Retry, times: int) -> Transient | AfterEffect | None:
        return {"m1": Transient("503"), "m2": AfterEffect(Transient("reset")), "m3": None}[name]

    async def scenario(queue: StrictQueue) -> None:
        for body in "abc":
            queue.send(body)
        results = await queue.settle([(delivery, Ack()) for delivery in await queue.receive(3)])
        assert [result is None for result in results] == [False, False, True]
        assert queue.deleted == ["m2", "m3"]

    play(scenario, entries=moody)


def test_a_duplicate_is_a_copy_with_its_own_receipt() -> None:
    async def scenario(queue: StrictQueue) -> None:
        queue.send("a")
        (one,), (two,) = await queue.receive(1), await queue.receive(1)
        assert one.message.id == two.message.id
        assert await queue.settle([(one, Ack()), (two, Ack())]) == [None, None]

    play(scenario, duplicates=lambda _, receipts: receipts == 1)


def test_a_strict_sink_records_what_it_accepted_and_fails_as_told() -> None:
    async def scenario() -> None:
        clock = VirtualClock()
        queue = StrictQueue(clock)
        sink = StrictSink(
            takes=3,
            calls=[Transient("down")],
            entries=lambda message, times: AfterEffect(Transient("reset")) if message.body == "a" else None,
        )
        queue.send("a")
        queue.send("b")
        messages = [delivery.message for delivery in await queue.receive(2)]
        with pytest.raises(Transient, match="down"):
            await sink.send(messages)
        results = await sink.send(messages)
        assert [result is None for result in results] == [False, True]
        assert [message.body for message in sink.accepted] == ["a", "b"]
        assert sink.calls == [("m1", "m2")] * 2
        assert clock.monotonic() == 6

    run_virtual(scenario())


def test_a_strict_sink_refuses_to_give_what_no_sink_may_give() -> None:
    async def scenario() -> None:
        queue = StrictQueue(VirtualClock())
        queue.send("a")
        (delivery,) = await queue.receive(1)
        with pytest.raises(TypeError, match="must be a MessageError"):
            await StrictDeadLetters(entries=lambda letter, times: KeyError("x")).bury([(delivery, None)])

    run_virtual(scenario())
