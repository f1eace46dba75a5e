"""Dependencies: an outage pauses receiving; a failure is a message's own only when others are served."""

# ruff: noqa: ARG001 - made-up stages and faults name what they are given

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pytest

from sluiceway.core.errors import MessageError, Reject, Transient
from sluiceway.core.message import Message
from sluiceway.engine.circuit import LONGEST_PAUSE, THRESHOLD
from sluiceway.engine.dependencies import REMEMBERED, Dependencies
from sluiceway.testing import ManualClock, StrictSink

if TYPE_CHECKING:
    from tests.unit.engine.conftest import Bench, Lines


class DownUntil(StrictSink):
    def __init__(self, seconds: float) -> None:
        def fault(call: int) -> Transient | None:
            return Transient("503") if asyncio.get_running_loop().time() < seconds else None

        super().__init__(calls=fault)


@pytest.fixture
def known(clock: ManualClock, lines: Lines) -> Dependencies:
    return Dependencies(clock, lines)


def fail(known: Dependencies, times: int, name: str = "m") -> list[bool]:
    return [is_own(known, f"{name}{n}") for n in range(times)]


def is_own(known: Dependencies, message_id: str) -> bool:
    known.failed("bus", "503")
    return known.is_own("bus", message_id)


def test_a_first_failure_is_never_the_messages_own(known: Dependencies) -> None:
    known.served("bus")
    assert fail(known, 3) == [False] * 3


def test_a_failure_is_its_own_when_another_was_served_since_its_last(known: Dependencies) -> None:
    fail(known, 1)
    known.served("bus")
    assert is_own(known, "m0") is True
    assert is_own(known, "m0") is False


def test_what_one_dependency_serves_says_nothing_of_another(known: Dependencies) -> None:
    fail(known, 1)
    known.served("partner")
    assert is_own(known, "m0") is False


def test_a_message_failed_too_long_ago_is_forgotten_in_its_favour(known: Dependencies) -> None:
    fail(known, 1)
    known.served("bus")
    fail(known, REMEMBERED, "other")
    assert is_own(known, "m0") is False


def test_a_few_failures_pause_nothing(known: Dependencies) -> None:
    for _ in range(10):
        fail(known, THRESHOLD - 1)
        known.served("bus")
    assert known.pause() <= 0
    assert known.down == []


def test_failures_in_a_row_pause_receiving_and_say_so_once(known: Dependencies, lines: Lines) -> None:
    fail(known, 50)
    assert known.pause() == 1
    assert known.down == ["bus"]
    assert lines == ["paused"]


def test_the_pause_doubles_while_it_goes_on_failing(known: Dependencies, clock: ManualClock) -> None:
    fail(known, THRESHOLD)
    pauses = []
    for _ in range(7):
        pauses.append(known.pause())
        clock.time += known.pause()
        assert known.pause() <= 0
        fail(known, 3)
    assert pauses == [1, 2, 4, 8, 16, LONGEST_PAUSE, LONGEST_PAUSE]


def test_one_that_is_served_ends_the_pause(known: Dependencies, lines: Lines) -> None:
    fail(known, 50)
    known.served("bus")
    assert known.pause() <= 0
    assert known.down == []
    known.served("bus")
    assert lines == ["paused", "resumed"]


def test_receiving_pauses_while_a_sink_serves_nobody_and_resumes(bench: type[Bench]) -> None:
    async def send(message: Message) -> Message:
        return message

    class Down(StrictSink):
        async def send(self, messages: list[Message]) -> object:
            if asyncio.get_running_loop().time() < 200:
                raise Transient("503")
            return await super().send(messages)

    polls: list[float] = []

    def note(call: int) -> None:
        polls.append(asyncio.get_running_loop().time())

    run = bench(stages={"s": send}, sinks={"bus": Down()}, queue_options={"receives": note}).send(*range(1000))
    run.at(199, lambda: held.append(len(run.queue.received)))
    held: list[int] = []
    run.run()
    assert held[0] <= 200
    assert len([time for time in polls if 20 < time < 200]) < 50
    assert len(run.bodies()) == 1000
    assert run.facts == []
    assert (run.log.count("paused"), run.log.count("resumed")) == (1, 1)


def test_receiving_pauses_while_a_stages_dependency_serves_nobody(bench: type[Bench]) -> None:
    async def down(message: Message) -> Message:
        await asyncio.sleep(0.01)
        if asyncio.get_running_loop().time() < 60:
            raise Transient("503")
        return message

    received: list[int] = []
    run = bench(stages={"down": down}, in_flight=20).send(*range(1000))
    run.at(59, lambda: received.append(len(run.queue.received))).run()
    rounds = 6  # after 0, 1, 3, 7, 15 and 31 seconds
    assert received[0] <= 20 * rounds
    assert len(run.bodies()) == 1000
    assert (run.log.count("paused"), run.log.count("resumed")) == (1, 1)


def test_one_sinks_outage_does_not_repeat_messages_at_the_other(bench: type[Bench]) -> None:
    run = bench(sinks={"bus": StrictSink(), "partner": DownUntil(60)}, in_flight=20).send(*range(60)).run()
    assert sorted(run.bodies("bus")) == sorted(run.bodies("partner")) == list(range(60))


@pytest.mark.parametrize("place", ["sink", "stage"])
def test_what_is_rejected_before_anybody_is_asked_is_no_sign_of_life(bench: type[Bench], place: str) -> None:
    def judge(message: Message) -> MessageError | None:
        if message.body == "wrong":
            return Reject("the URL parameter id has no value", error="missing")
        return Transient("503") if asyncio.get_running_loop().time() < 2000 else None

    class Down(StrictSink):
        async def send(self, messages: Sequence[Message]) -> Sequence[MessageError | None]:
            return [judge(message) for message in messages]

    async def down(message: Message) -> Message:
        if error := judge(message):
            raise error
        return message

    sinks = {"bus": Down()} if place == "sink" else {"bus": StrictSink()}
    run = bench(sinks=sinks, stages={"s": down} if place == "stage" else {}, queue_options={"close_when_empty": False})
    run.send("right")
    for second in range(0, 2000, 20):
        run.at(second, lambda: run.queue.send("wrong"))
    run.stop_at(6000).run()
    assert {fact.error for fact in run.facts} == {"missing"}


def test_a_refusal_is_a_sign_of_life(bench: type[Bench]) -> None:
    async def picky(message: Message) -> Message:
        if message.body == "down":
            raise Transient("503")
        raise Reject("answered 400", error="refused")

    run = bench(stages={"picky": picky}, hold=1, queue_options={"close_when_empty": False}).send(*["down"] * 6)
    run.at(0.5, lambda: run.queue.send("up")).stop_at(2000).run()
    assert run.log.count("resumed") >= 1
