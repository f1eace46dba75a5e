"""The watchdog: what hangs is noticed and said, and makes the worker leave; what only waits is not."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, cast

import pytest
from tests.unit.engine.conftest import RecordedLog

from sluiceway.core.component import Visibility
from sluiceway.core.errors import NoProgress, Transient
from sluiceway.core.message import Message
from sluiceway.engine import watchdog
from sluiceway.engine.call import Calls
from sluiceway.engine.lease import Keeper
from sluiceway.engine.surroundings import Surroundings
from sluiceway.engine.watchdog import Verdict, Watchdog, guarded
from sluiceway.testing import ManualClock, StrictSink
from sluiceway.testing.virtual_time import VirtualLoop

if TYPE_CHECKING:
    from tests.unit.engine.conftest import Bench


class Kennel:
    """A watchdog with `stall` 60 s whose worker is alive, or not, as told."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.log = RecordedLog()
        around = Surroundings(self.clock, None, self.log)
        self.keeper = Keeper(lambda *_: [], Visibility(), around)
        self.calls = Calls(self.clock)
        self.dog = Watchdog(self.keeper, self.calls, around, stall=60, stop_timeout=30)

    def until(self, time: float, *, alive: bool = True) -> Verdict:
        """Check once a second, and return the last verdict."""
        verdict: Verdict = "fine"
        while self.clock.time < time:
            self.clock.time += 1
            if alive:
                self.keeper.progress()
            verdict = self.dog.check()
        return verdict

    @property
    def lines(self) -> list[tuple[str, str]]:
        return [(level, event) for level, event, _ in self.log.lines]


async def stubborn(message: Message) -> Message:
    loop = asyncio.get_running_loop()
    end = loop.time() + 3000
    while loop.time() < end:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(end - loop.time())
    return message


def test_an_event_loop_that_stands_still_is_said_once_and_has_to_leave_when_it_does_not_go_on() -> None:
    kennel = Kennel()
    with kennel.dog.on_duty():
        assert kennel.until(100) == "fine"
        assert kennel.dog.trouble is None
        assert kennel.until(159, alive=False) == "fine"
        assert kennel.until(160, alive=False) == "hangs"
        assert kennel.dog.trouble is not None
        assert kennel.dog.trouble.startswith("the event loop has made no progress for 60s")
        assert kennel.until(189, alive=False) == "hangs"
        assert kennel.until(190, alive=False) == "leave"
    ((level, event, facts),) = kennel.log.lines
    assert (level, event) == ("error", "no progress")
    assert facts["reason"] == kennel.dog.trouble
    assert facts["consequence"] == "unless that ends, the worker leaves in 30s, with exit code 4"


def test_an_event_loop_that_comes_back_in_time_is_fine_again() -> None:
    kennel = Kennel()
    with kennel.dog.on_duty():
        assert kennel.until(80, alive=False) == "hangs"
        assert kennel.until(81) == "fine"
    assert kennel.dog.trouble is None
    assert kennel.lines == [("error", "no progress"), ("info", "progress again")]


def test_an_event_loop_that_is_blocked_for_less_than_that_is_not_worth_a_word() -> None:
    kennel = Kennel()
    with kennel.dog.on_duty():
        kennel.until(10)
        assert kennel.until(60, alive=False) == "fine"
        kennel.until(61)
    assert kennel.lines == []


def test_time_in_which_the_whole_process_stood_still_is_no_hang() -> None:
    kennel = Kennel()
    with kennel.dog.on_duty(), kennel.calls.noted("ask", (Message("a", id="m1"),), 10):
        kennel.until(10)
        kennel.clock.time += 10_000
        assert kennel.dog.check() == "fine"
        assert kennel.until(10_069, alive=False) == "fine"
        assert kennel.until(10_070, alive=False) == "hangs"


def test_a_worker_that_does_not_run_is_not_watched() -> None:
    kennel = Kennel()
    assert kennel.until(1000, alive=False) == "fine"
    with kennel.dog.on_duty():
        assert kennel.until(1059, alive=False) == "fine"
    assert kennel.until(2000, alive=False) == "fine"
    assert kennel.lines == []


@pytest.mark.parametrize("kind", ["pure", "async"])
def test_the_stage_that_blocks_the_event_loop_is_named_by_its_place_in_the_code(bench: type[Bench], kind: str) -> None:
    def blocks(message: Message) -> Message:
        for _ in range(61):
            cast("VirtualLoop", asyncio.get_running_loop()).advance(1)
            checking = threading.Thread(target=run.worker.watchdog.check)
            checking.start()
            checking.join()
        return message

    async def blocks_too(message: Message) -> Message:
        return blocks(message)

    run = bench(stages={"ask": blocks if kind == "pure" else blocks_too}, timeout=600, lease=600).send("a")
    run.run()
    ((_, _, facts),) = [line for line in run.log.lines if line[1] == "no progress"]
    place = r"in \w+ \(threading.py:\d+\), called from blocks(_too)? \(test_watchdog.py:\d+\)"
    assert re.fullmatch(f"the event loop has made no progress for 60s: it is {place}", str(facts["reason"]))


def test_a_log_that_nobody_reads_does_not_keep_the_watchdog_from_its_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "_LOG_PATIENCE", 0.01)
    kennel, read = Kennel(), threading.Event()
    kennel.dog._log.error = lambda *_, **__: read.wait(10)  # type: ignore[method-assign] # the log of this one alone
    with kennel.dog.on_duty():
        assert kennel.until(90, alive=False) == "leave"
    read.set()


def test_a_stage_that_swallows_its_cancellation_is_named_with_its_message_and_the_worker_has_to_drain(
    bench: type[Bench],
) -> None:
    run = bench(stages={"ask": stubborn}, timeout=10, watched=True, queue_options={"close_when_empty": False})
    run.send("a").stop_at(200).run()
    assert run.verdicts[:4] == [(0, "fine"), (70, "hangs"), (100, "drain"), (130, "leave")]
    ((_, _, facts),) = [line for line in run.log.lines if line[1] == "no progress"]
    assert facts["reason"] == "ask still runs 60s after its time-out, for message m1"
    assert run.worker.trouble == facts["reason"]
    assert str(facts["fix"]).startswith("bound what ask waits for, let it end when it is cancelled (in a thread it ")
    assert run.queue.released == [("m1", 0)]


def test_a_sink_that_swallows_its_cancellation_is_named_too(bench: type[Bench]) -> None:
    class Stubborn(StrictSink):
        async def send(self, messages: object) -> list[None]:
            await stubborn(Message("a"))
            return []

    run = bench(sinks={"bus": Stubborn()}, watched=True, queue_options={"close_when_empty": False})
    run.send("a", "b", "c").stop_at(80).run()
    assert run.worker.trouble == "bus still runs 60s after its time-out, for message m1 and 2 more"


def test_a_call_that_ends_after_all_is_fine_again(bench: type[Bench]) -> None:
    async def late(message: Message) -> Message:
        for seconds in (3600, 75):
            try:
                await asyncio.sleep(seconds)
            except asyncio.CancelledError:
                continue
        return message

    run = bench(stages={"ask": late}, watched=True).send("a")
    run.run()
    assert run.verdicts[:4] == [(0, "fine"), (70, "hangs"), (85, "fine")]
    assert run.worker.trouble is None
    assert run.bodies() == ["a"]


def waits_for_a_sink(bench: type[Bench]) -> Bench:
    return bench(sinks={"bus": StrictSink(calls=lambda _: Transient("503"))}, hold=900).send(*range(300))


def waits_for_an_answer(bench: type[Bench]) -> Bench:
    return bench(sinks={"bus": StrictSink(takes=900)}, timeout=3600).send("a")


def waits_for_messages(bench: type[Bench]) -> Bench:
    return bench()


@pytest.mark.parametrize("waits", [waits_for_a_sink, waits_for_an_answer, waits_for_messages])
def test_waiting_is_no_hang(bench: type[Bench], waits: Callable[[type[Bench]], Bench]) -> None:
    run = waits(bench)
    run.watched, run.queue_options = True, {"close_when_empty": False}
    run.stop_at(1000).run()
    assert run.verdicts == [(0, "fine")]


def test_a_thread_that_does_not_return_hangs_though_nobody_waits_for_it_any_longer(bench: type[Bench]) -> None:
    loops: list[VirtualLoop] = []
    release = threading.Event()

    def hangs_once(message: Message) -> Message:
        if run.queue.received == ["m1"]:
            loops[0].call_soon_threadsafe(loops[0].advance, 10)  # virtual time waits for threads
            assert release.wait(10)
        return message

    run = bench(stages={"ask": hangs_once}, blocking=["ask"], watched=True, queue_options={"close_when_empty": False})
    run.at(0, lambda: loops.append(cast("VirtualLoop", asyncio.get_running_loop())))
    run.send("a").stop_at(85)
    try:
        run.run()
    finally:
        release.set()
    assert run.bodies() == ["a"]
    assert run.verdicts[-1][1] == "hangs"
    assert run.worker.trouble == "ask still runs 60s after its time-out, for message m1"


class Told:
    """A watchdog that says what it is told to, in turn."""

    stall = 0.01
    trouble = "ask hangs"

    def __init__(self, *verdicts: Verdict) -> None:
        self.verdicts = list(verdicts)

    def check(self) -> Verdict:
        return self.verdicts.pop(0) if self.verdicts else "fine"


def test_a_thread_looks_after_the_workers_and_ends_the_process_when_one_has_to_leave() -> None:
    left, why = threading.Event(), []

    def leave(trouble: str | None) -> None:
        why.append(trouble)
        left.set()

    with guarded([Told("fine"), Told("fine", "hangs", "leave", "leave")], lambda: None, leave):
        assert left.wait(10)
    assert why == ["ask hangs"]
    assert "sluiceway-watchdog" not in {thread.name for thread in threading.enumerate()}


def test_workers_that_were_stopped_because_a_call_hung_end_with_an_error() -> None:
    stopped = threading.Event()
    with (
        pytest.raises(NoProgress, match="ask hangs"),
        guarded([Told("hangs", "drain", "fine")], stopped.set, lambda _: None),
    ):
        assert stopped.wait(10)
