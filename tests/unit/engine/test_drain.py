"""Drain: after stop() nothing is received, everything held is settled or given back, and the worker leaves in time."""

# ruff: noqa: ARG005 - made-up stages and faults name what they are given

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from sluiceway.core.errors import Transient
from sluiceway.core.message import Message
from sluiceway.core.outcome import Ack, Retry
from sluiceway.core.ports import Delivery
from sluiceway.testing import AfterEffect, StrictDeadLetters, StrictQueue, StrictSink, run_virtual
from sluiceway.testing.virtual_time import VirtualLoop

if TYPE_CHECKING:
    from tests.unit.engine.conftest import Bench

OPEN = {"close_when_empty": False}


def test_what_is_held_at_the_stop_is_finished(bench: type[Bench]) -> None:
    run = bench(sinks={"bus": StrictSink(takes=8)}, in_flight=20, queue_options=OPEN).send(*range(50))
    run.stop_at(2).run()
    assert len(run.queue.deleted) == 20
    assert len(run.bodies()) == 20
    assert run.queue.in_flight == []
    assert run.ended_at == pytest.approx(8)


def test_work_still_in_the_stages_is_finished_too(bench: type[Bench]) -> None:
    async def slow(message: Message) -> Message:
        await asyncio.sleep(9)
        return message

    run = bench(stages={"slow": slow}, queue_options=OPEN).send(*range(5)).stop_at(1).run()
    assert sorted(run.bodies()) == [0, 1, 2, 3, 4]
    assert len(run.queue.deleted) == 5


def test_a_poll_under_way_is_awaited_and_what_it_brings_is_given_back_at_once(bench: type[Bench]) -> None:
    run = bench(queue_options=OPEN).stop_at(1)
    run.at(5, lambda: run.queue.send("late")).run()
    assert run.queue.received == ["m1"]
    assert run.queue.released == [("m1", 0)]
    assert run.bodies() == []
    assert run.ended_at == pytest.approx(5)


def test_an_empty_poll_under_way_ends_by_itself(bench: type[Bench]) -> None:
    run = bench(queue_options=OPEN).stop_at(1).run()
    assert run.ended_at == pytest.approx(10)


def test_held_legs_are_given_back_at_once(bench: type[Bench]) -> None:
    run = bench(sinks={"bus": StrictSink(calls=lambda _: Transient("503"))}, queue_options=OPEN).send("a", "b")
    run.stop_at(100).run()
    assert sorted(run.queue.released[-2:]) == [("m1", 0), ("m2", 0)]
    assert run.queue.deleted == []
    assert run.queue.in_flight == []
    assert run.ended_at <= 110


def test_a_stop_during_an_outage_gives_everything_back_at_once_whatever_was_waited_for(bench: type[Bench]) -> None:
    down = StrictSink(calls=lambda _: Transient("503"))
    run = bench(sinks={"bus": down}, in_flight=20, queue_options=OPEN).send(*range(50)).stop_at(100)
    run.run()
    assert run.log.count("paused") == 1
    assert run.worker.down == ["bus"]
    assert len(run.queue.messages) == 50
    assert run.queue.in_flight == []
    assert run.ended_at == pytest.approx(100, abs=0.1)


def test_a_stop_while_the_source_does_not_answer_is_heeded_at_once(bench: type[Bench]) -> None:
    run = bench(queue_options={**OPEN, "receives": lambda _: Transient("503")}).stop_at(100).run()
    assert run.log.count("source does not answer") == 1
    assert run.ended_at == pytest.approx(100, abs=0.1)


def test_what_is_given_back_at_the_deadline_is_not_touched_again(bench: type[Bench]) -> None:
    asked: list[tuple[float, str]] = []

    class Deaf(StrictQueue):
        async def settle(self, settlements: Sequence[tuple[Delivery, Ack | Retry]]) -> Sequence[object]:
            asked.extend((self._clock.monotonic(), type(verdict).__name__) for _, verdict in settlements)
            return [Transient("503")] * len(settlements)

    async def until_well_after_the_end() -> None:
        await run.scenario()
        await asyncio.sleep(300)

    run = bench(queue_class=Deaf, queue_options=OPEN).send("a").stop_at(1)
    run_virtual(until_well_after_the_end())
    assert run.log.count("drain cut short") == 1
    assert asked[-1] == (run.ended_at, "Retry")


def test_a_poll_that_does_not_end_is_cut_off_at_the_deadline(bench: type[Bench]) -> None:
    class Silent(StrictQueue):
        async def receive(self, limit: int) -> Sequence[Delivery]:
            await asyncio.sleep(100_000)
            return ()

    run = bench(queue_class=Silent, queue_options=OPEN).stop_at(1).run()
    assert run.log.count("drain cut short") == 1
    assert run.ended_at <= 1 + 30 - 5


def test_a_leg_that_fails_during_the_drain_is_given_back(bench: type[Bench]) -> None:
    fails = StrictSink(takes=3, calls=lambda _: Transient("503"))
    run = bench(sinks={"bus": fails}, queue_options=OPEN).send("a").stop_at(1).run()
    # Twice: the poll under way at the stop gets the message once more, and gives it back too.
    assert run.queue.released == [("m1", 0)] * 2
    assert run.queue.in_flight == []


def test_a_settlement_that_waits_for_its_next_try_is_tried_at_once(bench: type[Bench]) -> None:
    run = bench(queue_options={**OPEN, "settles": lambda call: Transient("503") if call <= 7 else None}).send("a")
    run.stop_at(100).run()
    assert run.queue.deleted == ["m1"]
    assert run.ended_at <= 110.1


def test_what_cannot_be_dead_lettered_is_given_back_at_the_drain(bench: type[Bench]) -> None:
    run = bench(dead=StrictDeadLetters(calls=lambda _: Transient("down")), queue_options=OPEN).send("x" * 2000)
    run.stop_at(20).run()
    assert run.queue.deleted == []
    assert run.queue.released == [("m1", 0)]


def test_at_the_deadline_unfinished_work_is_cancelled_and_given_back(bench: type[Bench]) -> None:
    ends: list[str] = []

    async def endless(message: Message) -> Message:
        try:
            await asyncio.sleep(10_000)
        finally:
            ends.append(message.id)
        return message

    run = bench(stages={"endless": endless}, timeout=20_000, queue_options=OPEN).send(*range(3)).stop_at(1).run()
    assert sorted(ends) == ["m1", "m2", "m3"]
    assert sorted(run.queue.released) == [("m1", 0), ("m2", 0), ("m3", 0)]
    assert run.queue.in_flight == []
    assert run.ended_at <= 1 + 30 - 5
    assert run.log.count("drain cut short") == 1


@pytest.mark.parametrize("stop_timeout", [12, 30, 120])
def test_the_worker_leaves_five_seconds_before_its_stop_time_out_whatever_hangs(
    bench: type[Bench], stop_timeout: float
) -> None:
    async def stubborn(message: Message) -> Message:
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                await asyncio.sleep(3600)
        return message

    class Hanging(StrictDeadLetters):
        async def bury(self, letters: object) -> object:
            await asyncio.sleep(100_000)
            return letters

    run = bench(stages={"stubborn": stubborn}, timeout=9e9, stop_timeout=stop_timeout, queue_options=OPEN)
    run.dead = Hanging()
    run.send("a").stop_at(1).run()
    assert run.ended_at <= 1 + stop_timeout - 5
    assert run.queue.released == [("m1", 0)]


def test_a_stage_that_swallows_its_cancellation_is_given_no_further_message(bench: type[Bench]) -> None:
    seen: list[object] = []

    async def stubborn(message: Message) -> Message:
        seen.append(message.body)
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(1000)
        return message

    run = bench(stages={"stubborn": stubborn}, concurrency=1, timeout=2000, queue_options=OPEN).send(*range(5))
    run.stop_at(1).run()
    assert seen == [0]
    assert run.bodies() == []
    assert sorted(run.queue.released) == [(f"m{n}", 0) for n in range(1, 6)]


def test_a_settlement_that_is_cancelled_from_within_ends_the_worker_and_is_not_forgotten(bench: type[Bench]) -> None:
    def cancelled_once(call: int) -> None:
        if call == 1:
            raise asyncio.CancelledError

    run = bench(queue_options={**OPEN, "settles": cancelled_once}).send("a")
    with pytest.raises(RuntimeError, match="cancelled from within"):
        run.run()
    assert run.queue.released == [("m1", 0)]


def test_what_the_source_does_not_take_back_is_said_and_comes_when_its_lease_ends(bench: type[Bench]) -> None:
    options = {**OPEN, "entries": lambda _, verdict, times: Transient("503")}
    run = bench(queue_options=options).stop_at(1)
    run.at(5, lambda: run.queue.send("late")).run()
    assert run.log.count("not given back") == 1


def test_a_second_stop_changes_nothing(bench: type[Bench]) -> None:
    run = bench(sinks={"bus": StrictSink(takes=8)}, queue_options=OPEN).send("a").stop_at(1).stop_at(2).stop_at(7)
    run.run()
    assert run.bodies() == ["a"]
    assert run.log.count("draining") == 1


def test_a_stop_before_the_start_ends_the_worker_at_once(bench: type[Bench]) -> None:
    run = bench(queue_options=OPEN).send("a").stop_at(0).run()
    assert run.ended_at < 0.1


def test_leases_are_kept_while_the_worker_drains(bench: type[Bench]) -> None:
    run = bench(sinks={"bus": StrictSink(takes=90)}, timeout=100, stop_timeout=120, queue_options=OPEN).send("a")
    run.stop_at(1).run()
    assert run.queue.deleted == ["m1"]
    assert run.queue.received == ["m1"]


def test_an_error_of_the_engine_itself_ends_the_worker_and_loses_nothing(bench: type[Bench]) -> None:
    run = bench(queue_options={**OPEN, "settles": [KeyError("a bug in the adapter")]}).send("a")
    with pytest.raises(KeyError, match="a bug in the adapter"):
        run.run()
    assert len(run.queue.messages) == 1
    assert run.queue.in_flight == []


def test_a_cancelled_worker_gives_back_what_it_holds(bench: type[Bench]) -> None:
    run = bench(sinks={"bus": StrictSink(takes=8)}, queue_options=OPEN).send("a")

    async def cut_short() -> None:
        async with asyncio.timeout(2):
            await run.scenario()

    with pytest.raises(TimeoutError):
        run_virtual(cut_short())
    assert run.queue.released == [("m1", 0)]


def test_an_answer_lost_after_a_delete_does_no_harm(bench: type[Bench]) -> None:
    run = bench(queue_options={"settles": [AfterEffect(Transient("reset"))]}).send("a").run()
    assert run.queue.deleted == ["m1"]
    assert run.bodies() == ["a"]
    assert run.report.void == 0


def test_giving_back_what_a_last_poll_brought_is_awaited(bench: type[Bench]) -> None:
    class Slow(StrictQueue):
        async def settle(self, settlements: Sequence[tuple[Delivery, Ack | Retry]]) -> Sequence[object]:
            await asyncio.sleep(1.5)
            return await super().settle(settlements)

    run = bench(queue_class=Slow, queue_options=OPEN).stop_at(1)
    run.at(5, lambda: run.queue.send("late")).run()
    assert run.queue.released == [("m1", 0)]
    assert run.ended_at == pytest.approx(6.5)


def test_slow_pure_stages_do_not_keep_a_stop_waiting_for_their_whole_batch(bench: type[Bench]) -> None:
    def slow(message: Message) -> Message:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        loop.advance(4.5)  # as code does that computes, or sleeps, on the event loop
        return message

    run = bench(stages={"slow": slow}, stop_timeout=30, queue_options=OPEN).send(*range(10)).stop_at(1).run()
    assert run.ended_at < 15
    assert len(run.queue.deleted) == len(run.bodies()) == 3
    assert [delay for _, delay in run.queue.released] == [0] * 7
