"""Settlement: each entry until the source has confirmed it, a dead letter before its delete."""

# ruff: noqa: ARG001, ARG005, FBT001 - made-up stages, faults and completions name what they are given

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from sluiceway.core.errors import LeaseLost, Reject, Transient
from sluiceway.core.message import Message
from sluiceway.core.outcome import Ack, Claimed, Retry
from sluiceway.core.ports import Delivery
from sluiceway.testing import AfterEffect, StrictDeadLetters, StrictQueue

if TYPE_CHECKING:
    from tests.unit.engine.conftest import Bench


def wrong(message: Message) -> Message:
    raise Reject("wrong")


def claiming(complete: Callable[[str, bool], Awaitable[None]]) -> Callable[[Message], Awaitable[Claimed]]:
    async def claim(message: Message) -> Claimed:
        return Claimed(message, lambda done: complete(message.id, done))

    return claim


def test_a_delete_that_fails_is_tried_again_alone(bench: type[Bench]) -> None:
    tried: list[str] = []

    def moody(name: str, verdict: Ack | Retry, times: int) -> Transient | None:
        tried.append(name)
        return Transient("503") if name == "m4" and times < 4 else None

    run = bench(queue_options={"entries": moody}).send(*range(10)).run()
    assert len(run.queue.deleted) == 10
    assert tried[10:] == ["m4"] * 3
    assert run.queue.received == [f"m{n}" for n in range(1, 11)]
    assert len(run.bodies()) == 10


def test_a_whole_settle_call_that_fails_is_tried_again(bench: type[Bench]) -> None:
    run = bench(queue_options={"settles": [Transient("reset"), Transient("reset")]}).send(*range(10)).run()
    assert len(run.queue.deleted) == 10
    assert len(run.bodies()) == 10


def test_a_lease_that_ended_before_its_delete_is_void(bench: type[Bench]) -> None:
    run = bench(queue_options={"entries": lambda _, v, times: LeaseLost("gone") if times == 1 else None}).send("a")
    run.run()
    assert run.report.void == 1
    assert run.ids() == ["m1", "m1"]
    assert run.report.settled == {"Ack": 1}


def test_verdicts_are_carried_out_in_full_batches(bench: type[Bench]) -> None:
    sizes: list[int] = []

    class Counted(StrictQueue):
        async def settle(self, settlements: Sequence[tuple[Delivery, Ack | Retry]]) -> Sequence[object]:
            sizes.append(len(settlements))
            return await super().settle(settlements)

    run = bench(queue_class=Counted).send(*range(100)).run()
    assert sizes == [10] * 10
    assert len(run.queue.deleted) == 100


def test_while_the_dead_letter_queue_is_down_nothing_is_deleted(bench: type[Bench]) -> None:
    dead = StrictDeadLetters(calls=lambda call: Transient("down") if call <= 8 else None)
    seen: list[int] = []
    run = bench(stages={"wrong": wrong}, dead=dead).send("a")
    run.at(60, lambda: seen.append(len(run.queue.deleted))).run()
    assert seen == [0]
    assert run.queue.received == ["m1"]
    assert [fact.reason for fact in run.facts] == ["wrong"]
    assert run.queue.deleted == ["m1"]


def test_while_the_dead_letter_queue_is_down_receiving_pauses(bench: type[Bench]) -> None:
    dead = StrictDeadLetters(calls=lambda call: Transient("down") if call <= 30 else None)
    run = bench(stages={"wrong": wrong}, dead=dead, in_flight=20).send(*range(40)).run()
    assert (run.log.count("paused"), run.log.count("resumed")) == (1, 1)
    assert len(run.facts) == len(run.queue.deleted) == 40


def test_a_dead_letter_is_sent_once_however_often_the_delete_fails(bench: type[Bench]) -> None:
    run = bench(stages={"wrong": wrong}, queue_options={"settles": [Transient("503")] * 4}).send("a").run()
    assert len(run.dead.calls) == 1
    assert run.queue.deleted == ["m1"]
    assert run.report.settled == {"DeadLetter": 1}


def test_a_dead_letter_whose_answer_was_lost_is_sent_again(bench: type[Bench]) -> None:
    dead = StrictDeadLetters(calls=[AfterEffect(Transient("reset"))])
    run = bench(stages={"wrong": wrong}, dead=dead).send("a").run()
    assert [fact.id for fact in run.facts] == ["m1", "m1"]
    assert run.queue.deleted == ["m1"]


def test_a_dead_letter_that_is_refused_goes_back_to_the_source(bench: type[Bench]) -> None:
    dead = StrictDeadLetters(entries=lambda letter, times: Reject("too large") if times == 1 else None)
    run = bench(stages={"wrong": wrong}, dead=dead).send("a").run()
    assert run.queue.received == ["m1", "m1"]
    assert run.log.count("cannot be dead-lettered") == 1
    assert run.report.settled == {"Retry": 1, "DeadLetter": 1}
    assert run.queue.deleted == ["m1"]


def test_only_the_dead_letters_that_were_not_kept_are_sent_again(bench: type[Bench]) -> None:
    def moody(letter: tuple[Delivery, object], times: int) -> Transient | None:
        return Transient("throttled") if letter[0].message.id == "m2" and times == 1 else None

    run = bench(stages={"wrong": wrong}, dead=StrictDeadLetters(entries=moody)).send(*range(5)).run()
    assert run.dead.calls == [("m1", "m2", "m3", "m4", "m5"), ("m2",)]
    assert len(run.queue.deleted) == 5


def test_a_dead_letter_keeps_bytes_and_attributes_as_received(bench: type[Bench]) -> None:
    run = bench(stages={"wrong": wrong}, queue_options={"close_when_empty": False})
    run.at(1, lambda: run.queue.send(b'{"a" :1.0}', headers={"Tenant": "x"})).stop_at(2).run()
    ((delivery, _),) = run.dead.accepted
    assert delivery.raw == b'{"a" :1.0}'
    assert delivery.attributes == {"Tenant": {"DataType": "String", "StringValue": "x"}}


def test_a_source_without_a_dead_letter_queue_settles_what_is_rejected(bench: type[Bench]) -> None:
    run = bench(stages={"wrong": wrong}, dead=None).send("a").run()
    assert run.queue.deleted == ["m1"]
    assert run.report.settled == {"DeadLetter": 1}


def test_each_is_settled_once_although_the_completion_of_another_takes_longer_than_its_retry(
    bench: type[Bench],
) -> None:
    told: list[str] = []

    async def complete(name: str, done: bool) -> None:
        told.append(name)
        if told == ["m1"]:
            raise Transient("503")
        await asyncio.sleep(4 if name == "m2" else 0)

    run = bench(stages={"claim": claiming(complete)}).send("a", "b").run()
    assert told == ["m1", "m2", "m1"]
    assert run.report.settled == {"Ack": 2}
    assert run.log.count("not completed") == 1


def test_a_dead_letter_that_is_kept_at_the_second_attempt_is_settled_once_and_completed_after_it(
    bench: type[Bench],
) -> None:
    told: list[tuple[str, bool, bool]] = []

    async def complete(name: str, done: bool) -> None:
        told.append((name, done, name in [fact.id for fact in run.facts]))
        await asyncio.sleep(4)

    run = bench(
        stages={"claim": claiming(complete), "wrong": wrong}, dead=StrictDeadLetters(calls=[Transient("503")])
    ).send("a", "b")
    run.run()
    assert sorted(told) == [("m1", False, True), ("m2", False, True)]
    assert run.report.settled == {"DeadLetter": 2}
