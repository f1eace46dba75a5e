"""The strict queue behaves as AWS documents a FIFO queue."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluiceway.core.errors import LeaseLost, Transient
from sluiceway.core.outcome import Ack, Retry
from sluiceway.core.ports import Delivery
from sluiceway.testing import AfterEffect, StrictQueue, VirtualClock, run_virtual

Scenario = Callable[[StrictQueue], Coroutine[Any, Any, None]]


def play(scenario: Scenario, **options: Any) -> None:
    async def scene() -> None:
        await scenario(StrictQueue(VirtualClock(), fifo=True, wait_time=0, **options))

    run_virtual(scene())


def fill(queue: StrictQueue, **groups: int) -> None:
    for group, count in groups.items():
        for n in range(count):
            queue.send(n, group=group, id=f"{group}{n}")


def ids(deliveries: Sequence[Delivery]) -> list[str]:
    return [delivery.message.id for delivery in deliveries]


def test_one_receive_brings_as_many_of_one_group_as_there_are_in_order_then_those_of_the_next() -> None:
    async def scenario(queue: StrictQueue) -> None:
        fill(queue, a=3, b=20)
        first = await queue.receive(10)
        assert ids(first) == ["a0", "a1", "a2", *(f"b{n}" for n in range(7))]
        assert [(d.group, d.message.meta["group"]) for d in first[2:4]] == [("a", "a"), ("b", "b")]

    play(scenario)


def test_a_group_is_blocked_while_one_of_its_messages_is_in_flight() -> None:
    async def scenario(queue: StrictQueue) -> None:
        fill(queue, a=5, b=1)
        first = await queue.receive(3)
        assert ids(await queue.receive(10)) == ["b0"]
        await queue.settle([(first[0], Ack()), (first[2], Ack())])
        assert await queue.receive(10) == []
        await queue.settle([(first[1], Ack())])
        assert ids(await queue.receive(10)) == ["a3", "a4"]
        assert queue.deleted == ["a0", "a2", "a1"]

    play(scenario)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_whichever_way_they_are_given_back_they_come_again_in_order(order: tuple[int, ...]) -> None:
    async def scenario(queue: StrictQueue) -> None:
        fill(queue, a=3)
        first = await queue.receive(10)
        for place in order:
            assert await queue.receive(10) == []
            await queue.settle([(first[place], Retry(0, "back"))])
        again = await queue.receive(10)
        assert (ids(again), again[0].receive_count) == (["a0", "a1", "a2"], 2)

    play(scenario)


def test_a_message_that_waits_for_its_delay_blocks_its_group() -> None:
    async def scenario(queue: StrictQueue) -> None:
        fill(queue, a=3)
        first = await queue.receive(2)
        await queue.settle([(first[0], Retry(30, "later")), (first[1], Retry(0, "back"))])
        await asyncio.sleep(29)
        assert await queue.receive(10) == []
        await asyncio.sleep(1)
        assert ids(await queue.receive(10)) == ["a0", "a1", "a2"]

    play(scenario)


def test_when_leases_end_the_group_comes_again_in_order_and_old_handles_are_worth_nothing() -> None:
    async def scenario(queue: StrictQueue) -> None:
        fill(queue, a=3)
        old = await queue.receive(2)
        assert queue.extend([old[1].receipt], 90) == [None]
        await asyncio.sleep(60)
        assert await queue.receive(10) == [], "one is held still"
        results = await queue.settle([(old[0], Ack()), (old[0], Retry(5, "r"))])
        assert all(isinstance(result, LeaseLost) for result in results), "even though nobody has received it since"
        await asyncio.sleep(30)
        assert ids(await queue.receive(10)) == ["a0", "a1", "a2"]

    play(scenario)


def test_a_long_poll_ends_when_a_group_is_free() -> None:
    async def scene() -> None:
        queue = StrictQueue(VirtualClock(), fifo=True)
        fill(queue, a=2)
        (first,) = await queue.receive(1)
        asyncio.get_running_loop().call_later(4, lambda: asyncio.ensure_future(queue.settle([(first, Ack())])))
        assert ids(await queue.receive(10)) == ["a1"]
        assert asyncio.get_running_loop().time() == 4

    run_virtual(scene())


def test_what_a_lost_answer_had_taken_comes_with_the_next_receive_by_the_same_handles() -> None:
    async def scenario(queue: StrictQueue) -> None:
        fill(queue, a=3, b=1)
        with pytest.raises(Transient):
            await queue.receive(3)
        await asyncio.sleep(50)
        assert ids(await queue.receive(2)) == ["b0"], "there is no room for three"
        again = await queue.receive(3)
        assert (ids(again), [delivery.receive_count for delivery in again]) == (["a0", "a1", "a2"], [1, 1, 1])
        await asyncio.sleep(50)  # its lease has begun anew
        assert await queue.settle([(delivery, Ack()) for delivery in again]) == [None] * 3

    play(scenario, receives=[AfterEffect(Transient("reset"))])


def test_what_a_lost_answer_had_taken_comes_as_new_once_it_is_visible() -> None:
    async def scenario(queue: StrictQueue) -> None:
        fill(queue, a=2)
        with pytest.raises(Transient):
            await queue.receive(10)
        await asyncio.sleep(60)
        assert [delivery.receive_count for delivery in await queue.receive(10)] == [2, 2]

    play(scenario, receives=[AfterEffect(Transient("reset"))])


def test_what_fits_no_kind_of_queue_is_refused() -> None:
    async def scene() -> None:
        clock = VirtualClock()
        with pytest.raises(ValueError, match="needs a group"):
            StrictQueue(clock, fifo=True).send(1)
        with pytest.raises(ValueError, match="takes none"):
            StrictQueue(clock).send(1, group="a")
        with pytest.raises(ValueError, match="neither deletes"):
            StrictQueue(clock, fifo=True, expired_deletes=True)

    run_virtual(scene())


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_whatever_is_done_to_it_no_message_of_a_group_is_handed_out_before_an_earlier_one(data: st.DataObject) -> None:
    async def scenario(queue: StrictQueue) -> None:
        held: list[Delivery] = []
        left: dict[str, list[str]] = {"a": [], "b": [], "c": []}
        for step in range(data.draw(st.integers(5, 40))):
            what = data.draw(st.sampled_from(["send", "send", "receive", "ack", "retry", "extend", "wait"]))
            if what == "send":
                group = data.draw(st.sampled_from("abc"))
                left[group].append(queue.send(step, group=group))
            elif what == "receive":
                got = await queue.receive(data.draw(st.integers(1, 10)))
                for group, names in left.items():
                    mine = [delivery.message.id for delivery in got if delivery.group == group]
                    assert mine == names[: len(mine)], "the first of what is left"
                held += got
            elif what == "wait":
                await asyncio.sleep(data.draw(st.integers(1, 70)))
            elif held:
                delivery = held.pop(data.draw(st.integers(0, len(held) - 1)))
                if what == "extend":
                    queue.extend([delivery.receipt], 60)
                    held.append(delivery)
                else:
                    verdict = Ack() if what == "ack" else Retry(data.draw(st.integers(0, 20)), "r")
                    (result,) = await queue.settle([(delivery, verdict)])
                    if what == "ack" and result is None:
                        left[str(delivery.group)].remove(delivery.message.id)
        assert [stored.id for stored in queue.messages] == sorted(
            (name for names in left.values() for name in names), key=lambda name: int(name[1:])
        )

    play(scenario)


def test_a_long_queue_is_not_searched_for_each_message() -> None:
    async def scenario(queue: StrictQueue) -> None:
        for n in range(20_000):
            queue.send(n, group=f"g{n % 200}")
        while got := await queue.receive(10):
            await queue.settle([(delivery, Ack()) for delivery in got])
        assert len(queue.deleted) == 20_000

    play(scenario)
