"""The lease keeper: leases are kept until settlement, and lost ones void their delivery."""

# ruff: noqa: ARG001 - made-up stages and faults name what they are given

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import pytest

from sluiceway.adapters.clock import SystemClock
from sluiceway.core.component import Visibility
from sluiceway.core.errors import LeaseLost, Transient
from sluiceway.core.message import Message
from sluiceway.core.outcome import Retry
from sluiceway.core.ports import Delivery
from sluiceway.core.units import Duration
from sluiceway.engine.lease import Keeper
from sluiceway.engine.owner import Owner
from sluiceway.engine.surroundings import Surroundings
from sluiceway.testing import ManualClock, StrictQueue, StrictSink
from sluiceway.testing.virtual_time import VirtualLoop

if TYPE_CHECKING:
    from tests.unit.engine.conftest import Bench


class Desk:
    """A keeper of one lease, with a source that answers as told."""

    def __init__(
        self, limit: float = 3600, answer: Transient | LeaseLost | None = None, initial: float = 60, stall: float = 60
    ) -> None:
        self.clock = ManualClock()
        self.calls: list[tuple[float, float]] = []
        self.answer = answer
        self.owner = Owner(Delivery(Message("a", id="m1"), "r1", b"a"), 0, None)
        visibility = Visibility(initial=Duration(initial), limit=Duration(limit))
        self.keeper = Keeper(self.extend, visibility, Surroundings(self.clock, None, Silent()), stall=stall)
        self.keeper.hold([self.owner])

    def extend(self, receipts: Sequence[str], seconds: float) -> Sequence[Transient | LeaseLost | None]:
        assert list(receipts) == ["r1"]
        self.calls.append((self.clock.time, seconds))
        return [self.answer]

    def until(self, time: float, *, alive: bool = True) -> None:
        """Beat as the keeper's thread does."""
        while self.clock.time < time:
            if alive:
                self.keeper.progress()
            self.clock.time += self.keeper.beat()


class Silent:
    def info(self, event: str, **facts: object) -> None: ...
    def warning(self, event: str, **facts: object) -> None: ...
    def error(self, event: str, **facts: object) -> None: ...


def test_a_lease_is_renewed_at_a_third_of_its_time() -> None:
    desk = Desk()
    desk.until(100)
    assert desk.calls == [(20, 60), (40, 60), (60, 60), (80, 60)]
    assert not desk.owner.lost


def test_a_released_lease_is_renewed_no_more_and_runs_out() -> None:
    desk = Desk()
    desk.until(30)
    desk.keeper.release(desk.owner)
    assert not desk.owner.lost
    desk.until(300)
    assert len(desk.calls) == 1
    assert desk.owner.lost


def test_a_failed_renewal_is_tried_at_the_next_beats_while_the_lease_lasts() -> None:
    desk = Desk(answer=Transient("throttled"))
    desk.until(50)
    assert [time for time, _ in desk.calls] == [20, 30, 40]
    desk.answer = None
    desk.until(70)
    assert not desk.owner.lost


def test_a_lease_that_could_not_be_renewed_in_time_is_lost() -> None:
    desk = Desk(answer=Transient("throttled"))
    desk.until(61)
    assert desk.owner.lost
    desk.until(200)
    assert max(time for time, _ in desk.calls) < 60


def test_a_lease_that_the_source_gave_away_is_lost_at_once() -> None:
    desk = Desk(answer=LeaseLost("gone"))
    desk.until(21)
    assert desk.owner.lost
    assert len(desk.calls) == 1


def test_a_message_settled_while_its_renewal_was_under_way_is_not_lost() -> None:
    desk = Desk(answer=LeaseLost("deleted"))
    extend = desk.extend

    def settled_meanwhile(receipts: Sequence[str], seconds: float) -> Sequence[Transient | LeaseLost | None]:
        desk.keeper.release(desk.owner)
        return extend(receipts, seconds)

    desk.keeper._extend = settled_meanwhile
    desk.until(50)
    assert not desk.owner.lost


def test_a_lease_is_never_renewed_beyond_the_limit() -> None:
    desk = Desk(limit=150)
    desk.until(300)
    assert max(time + seconds for time, seconds in desk.calls) == 150
    assert desk.owner.lost


def test_leases_are_kept_no_more_while_the_event_loop_stands_still() -> None:
    desk = Desk()
    desk.until(100)
    desk.until(300, alive=False)
    assert max(time for time, _ in desk.calls) < 100 + 60
    assert desk.owner.lost


def test_an_event_loop_that_is_blocked_for_longer_than_a_lease_loses_none() -> None:
    desk = Desk(initial=30)
    desk.until(100)
    desk.until(150, alive=False)
    assert not desk.owner.lost


def test_what_was_received_while_the_process_stood_still_for_longer_than_its_lease_is_not_begun(
    fifo: Callable[..., Bench],
) -> None:
    class ReadLate(StrictQueue):
        async def receive(self, limit: int) -> Sequence[Delivery]:
            first = not self.received
            deliveries = await super().receive(limit)
            await asyncio.sleep(70 if first else 0)
            return deliveries

    run = fifo(queue_class=ReadLate, queue_options={"wait_time": 1}).send("a", "b", group="g").run()
    assert run.ids() == ["m1", "m2"]
    assert run.kinds()[0] == "lost"
    assert run.report.void == 2


def test_how_long_the_event_loop_may_stand_still_is_a_setting() -> None:
    desk = Desk(stall=5)
    desk.until(100)
    desk.until(200, alive=False)
    assert max(time for time, _ in desk.calls) < 100 + 5


def test_a_keeper_has_a_thread_of_its_own_that_outlives_a_failed_beat() -> None:
    beats = threading.Semaphore(0)

    def fails(receipts: Sequence[str], seconds: float) -> Sequence[None]:
        beats.release()
        raise OSError("no route to host")

    visibility = Visibility(initial=Duration(0.006), limit=Duration(3600))
    clock = ManualClock()
    keeper = Keeper(fails, visibility, Surroundings(clock, None, Silent()))
    keeper.hold([Owner(Delivery(Message("a", id="m1"), "r1", b"a"), 0, None)])
    clock.time = 0.003
    keeper.start()
    try:
        assert beats.acquire(timeout=10)
        assert beats.acquire(timeout=10)
    finally:
        keeper.stop()
    assert "sluiceway-leases" not in {thread.name for thread in threading.enumerate()}


def test_a_slow_message_is_kept_from_others_until_it_is_settled(bench: type[Bench]) -> None:
    run = bench(sinks={"bus": StrictSink(takes=595)}, timeout=1000).send("a").run()
    assert run.queue.received == ["m1"]
    assert run.queue.deleted == ["m1"]
    assert [time for time, _ in run.queue.extended] == list(range(20, 600, 20))


def test_after_a_lost_lease_no_further_sink_is_called_and_the_verdict_is_void(bench: type[Bench]) -> None:
    async def slow(message: Message) -> Message:
        await asyncio.sleep(70 if run.queue.received.count("m1") == 1 else 1)
        return message

    run = bench(stages={"slow": slow, "slow-too": slow}, timeout=1000, queue_options={"extends": [LeaseLost("gone")]})
    run.send("a").run()
    assert run.queue.received == ["m1", "m1"]
    assert run.ids() == ["m1"]
    assert run.kinds() == ["accepted", "lost"]
    assert run.report.void == 1
    assert run.queue.deleted == ["m1"]
    assert run.log.count("lease lost") == 1


def test_an_effect_under_way_when_the_lease_is_lost_is_awaited_and_its_verdict_discarded(bench: type[Bench]) -> None:
    sink = StrictSink(takes=lambda call: 30 if call == 1 else 70)
    run = bench(sinks={"bus": sink}, timeout=100, queue_options={"extends": [LeaseLost("gone")]}).send("a").run()
    assert run.ids() == ["m1", "m1"]
    assert run.report.void == 1
    assert run.queue.deleted == ["m1"]
    assert run.settled == [("m1", "Ack")]


def test_without_a_keeper_a_slow_message_is_not_settled_after_its_time_and_comes_again(bench: type[Bench]) -> None:
    sink = StrictSink(takes=lambda call: 70 if call == 1 else 1)
    run = bench(sinks={"bus": sink}, timeout=100, beats=False).send("a").run()
    assert run.log.count("lease lost") == 1
    assert run.report.void == 1
    assert run.ids() == ["m1", "m1"]


def test_a_lease_that_the_source_ended_early_is_settled_too_late_and_the_message_comes_again(
    fifo: Callable[..., Bench],
) -> None:
    sink = StrictSink(takes=lambda call: 50 if call == 1 else 1)
    options = {"visibility": 40}
    run = fifo(sinks={"bus": sink}, timeout=100, beats=False, queue_options=options).send("a", group="g").run()
    assert run.log.count("settled too late") == 1
    assert run.report.void == 1
    assert run.ids() == ["m1", "m1"]


def test_a_standard_queue_does_not_say_that_it_was_settled_too_late_and_the_message_comes_again(
    bench: type[Bench],
) -> None:
    sink = StrictSink(takes=lambda call: 50 if call == 1 else 1)
    run = bench(sinks={"bus": sink}, timeout=100, beats=False, queue_options={"visibility": 40}).send("a").run()
    assert run.report.void == 0
    assert run.ids() == ["m1", "m1"]
    assert run.queue.deleted == ["m1"]


@pytest.mark.parametrize("beats", [True, False])
def test_after_a_pause_of_the_whole_process_no_stage_or_sink_starts_for_a_lease_that_has_run_out(
    bench: type[Bench], *, beats: bool
) -> None:
    seen: list[str] = []

    async def first(message: Message) -> Message:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        if run.queue.received.count("m1") == 1:
            loop.advance(100)  # SIGSTOP, SIGCONT: the loop goes on before the keeper can beat
        return message

    def second(message: Message) -> Message:
        seen.append(message.id)
        return message

    run = bench(stages={"first": first, "second": second}, beats=beats).send("a")
    run.run()
    assert run.queue.received == ["m1", "m1"]
    assert seen == ["m1"]
    assert run.ids() == ["m1"]
    assert run.kinds() == ["lost", "accepted"]
    assert run.report.void == 1
    assert run.log.count("lease lost") == 1


def test_a_lease_counts_the_time_that_the_machine_sleeps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "clock_gettime", {time.CLOCK_BOOTTIME: 7200.0, time.CLOCK_MONOTONIC: 60.0}.get)
    assert SystemClock().monotonic() == 7200


def test_a_message_given_back_with_a_delay_is_not_renewed_while_it_waits(bench: type[Bench]) -> None:
    run = bench(sinks={"bus": StrictSink(calls=[Transient("429", retry_after=500)])}, hold=10).send("a").run()
    assert run.queue.extended == []
    assert 500 <= run.ended_at < 501


def test_a_held_leg_whose_lease_is_lost_is_not_sent_again(bench: type[Bench]) -> None:
    sink = StrictSink(calls=[Transient("429", retry_after=40)])
    run = bench(sinks={"bus": sink}, queue_options={"extends": [LeaseLost("gone")]}).send("a").run()
    assert sink.calls == [("m1",), ("m1",)]
    assert run.ids() == ["m1"]
    assert run.queue.received == ["m1", "m1"]
    assert run.kinds() == ["lost", "accepted"]


def test_a_message_that_cannot_be_given_back_is_kept_no_longer(bench: type[Bench]) -> None:
    def moody(name: str, verdict: object, times: int) -> Transient | None:
        return Transient("503") if isinstance(verdict, Retry) else None

    run = bench(sinks={"bus": StrictSink(calls=[Transient("503")])}, hold=0, queue_options={"entries": moody})
    run.send("a").run()
    assert run.queue.extended == []
    assert run.queue.received == ["m1", "m1"]
    assert run.queue.deleted == ["m1"]
