"""The ledger: what ends a message, what is counted against it, and how endings make one verdict."""

# ruff: noqa: ARG001, ARG005, S311 - made-up stages and faults name what they are given

from __future__ import annotations

import asyncio
import itertools
import random
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sluiceway.core.errors import Reject, Transient
from sluiceway.core.message import Message
from sluiceway.core.outcome import Ack, DeadLetter, Drop, Retry, Verdict
from sluiceway.core.ports import Delivery
from sluiceway.engine.lease import Lease
from sluiceway.engine.owner import Owner
from sluiceway.engine.report import Ending
from sluiceway.testing import ManualClock, StrictDeadLetters, StrictSink

if TYPE_CHECKING:
    from tests.unit.engine.conftest import Bench

ACCEPTED = Ending("accepted", "bus")
DROPPED = Ending("dropped", "filter", "no")
REJECTED = Ending("rejected", "check", "wrong", "invalid")
SOON = Ending("returned", "bus", "503", delay=1)
LATER = Ending("returned", "partner", "429", delay=9)


class Book:
    """A ledger of one owner."""

    def __init__(self) -> None:
        self.verdicts: list[Verdict | None] = []

    def ended(self, owner: Owner, message: Message, ending: Ending, *, last: bool, told: bool = False) -> None:
        if last:
            self.verdicts.append(owner.verdict("p", 0))


def combined(*endings: Ending, lost: bool = False) -> Verdict | None:
    book = Book()
    message = Message("a", id="m1")
    owner = Owner(Delivery(message, "r", b"a"), 0, book)
    owner.fork(len(endings))
    owner.lease = Lease(owner, ManualClock(), taken=0, renew=0, expires=60, gone=lost)
    for ending in endings:
        assert book.verdicts == []
        owner.end(message, ending)
    (verdict,) = book.verdicts
    return verdict


@pytest.mark.parametrize(
    ("endings", "kind"),
    [
        ([ACCEPTED], Ack),
        ([DROPPED], Ack),
        ([ACCEPTED, DROPPED], Ack),
        ([REJECTED], DeadLetter),
        ([ACCEPTED, REJECTED], DeadLetter),
        ([DROPPED, REJECTED], DeadLetter),
        ([SOON], Retry),
        ([ACCEPTED, SOON], Retry),
        ([DROPPED, SOON], Retry),
        ([REJECTED, SOON], Retry),
        ([ACCEPTED, DROPPED, REJECTED, SOON], Retry),
    ],
)
def test_returned_comes_before_rejected_and_that_before_done(endings: list[Ending], kind: type[Verdict]) -> None:
    for order in itertools.permutations(endings):
        assert isinstance(combined(*order), kind)


def test_the_longest_delay_is_the_deliverys() -> None:
    assert combined(SOON, LATER) == combined(LATER, SOON) == Retry(9, "429")


def test_a_lost_lease_voids_whatever_verdict() -> None:
    for ending in (ACCEPTED, DROPPED, REJECTED, SOON):
        assert combined(ending, lost=True) is None


def test_a_dead_letter_lists_the_sinks_that_had_accepted() -> None:
    verdict = combined(ACCEPTED, ACCEPTED, Ending("accepted", "partner"), REJECTED)
    assert isinstance(verdict, DeadLetter)
    assert verdict.facts.accepted == ("bus", "partner")


def test_a_rejected_leg_waits_for_the_others_and_names_them(bench: type[Bench]) -> None:
    refuses = StrictSink(entries=lambda message, times: Reject("422", error="refused"))
    run = bench(sinks={"bus": StrictSink(takes=3), "partner": refuses}).send("a").run()
    assert [(fact.stage, fact.accepted) for fact in run.facts] == [("partner", ("bus",))]


def test_an_outage_uses_up_no_attempts(bench: type[Bench]) -> None:
    async def down(message: Message) -> Message:
        if asyncio.get_running_loop().time() < 4 * 3600:
            raise Transient("503")
        return message

    run = bench(stages={"down": down}, attempts=3).send("a").run()
    assert len(run.queue.received) > 100
    assert run.facts == []
    assert run.bodies() == ["a"]


def test_failures_while_others_are_served_use_up_the_attempts(bench: type[Bench]) -> None:
    async def against_one(message: Message) -> Message:
        if message.body == "poison":
            raise Transient("503")
        return message

    run = bench(stages={"against-one": against_one}, attempts=4, queue_options={"close_when_empty": False})
    run.send("poison")
    for second in range(100):
        run.at(second, lambda: run.queue.send("fine"))
    run.stop_at(101).run()
    assert [(fact.id, fact.error, fact.reason, fact.attempts) for fact in run.facts] == [("m1", "exhausted", "503", 4)]
    assert len(run.bodies()) == 100


def test_own_failures_of_a_held_leg_use_up_the_attempts_under_one_lease(bench: type[Bench]) -> None:
    def against_one(message: Message, times: int) -> Transient | None:
        return Transient("429") if message.body == "poison" else None

    run = bench(sinks={"bus": StrictSink(entries=against_one)}, attempts=4).send("poison")
    for second in range(100):
        run.at(second, lambda: run.queue.send("fine"))
    run.run()
    assert run.queue.received.count("m1") == 1
    assert [(fact.stage, fact.error, fact.attempts) for fact in run.facts] == [("bus", "exhausted", 4)]


def test_a_message_that_fails_when_too_old_expires(bench: type[Bench]) -> None:
    run = bench(sinks={"bus": StrictSink(calls=lambda call: Transient("503"))}, hold=10, max_age=100).send("a").run()
    assert [fact.error for fact in run.facts] == ["expired"]
    assert 100 < run.ended_at < 200


def test_the_age_at_which_it_expires_is_nine_tenths_of_the_retention(bench: type[Bench]) -> None:
    down = StrictSink(calls=lambda call: Transient("503"))
    run = bench(sinks={"bus": down}, hold=1, retention=1000).send("a").run()
    assert [fact.error for fact in run.facts] == ["expired"]
    assert 900 < run.ended_at < 1000


def test_an_old_message_that_does_not_fail_is_delivered(bench: type[Bench]) -> None:
    async def slow(message: Message) -> Message:
        await asyncio.sleep(500)
        return message

    run = bench(stages={"slow": slow}, timeout=1000, max_age=100).send("a").run()
    assert run.bodies() == ["a"]
    assert run.facts == []


def test_a_rejected_child_beside_one_that_failed_comes_again_with_it(bench: type[Bench]) -> None:
    calls: Counter[str] = Counter()

    def split(message: Message) -> list[Message]:
        return [message.with_body("wrong"), message.with_body("moody")]

    async def judge(message: Message) -> Message:
        calls[message.id] += 1
        if message.body == "wrong":
            raise Reject("wrong")
        if calls[message.id] == 1:
            raise Transient("503")
        return message

    run = bench(stages={"split": split, "judge": judge}).send("a").run()
    assert run.ids() == ["m1/1"]
    assert [(fact.id, fact.accepted) for fact in run.facts] == [("m1/0", ("bus",))]
    assert run.queue.received == ["m1", "m1"]


def _behave(seed: int, message: Message, share: float) -> object:
    """What a made-up stage does to a message: the same for the same seed and id."""
    chance = random.Random(f"{seed}:{message.id}")
    roll = chance.random() / share
    if roll < 0.15:
        return [message] * chance.randrange(4)
    if roll < 0.3:
        return Drop("made up")
    if roll < 0.4:
        raise Reject("made up")
    if roll < 0.5:
        raise Transient("made up")
    if roll < 0.6:
        raise ValueError("made up")
    return None if roll < 0.65 else message


def _stage(seed: int, share: float, *, later: bool) -> object:
    def now(message: Message) -> object:
        return _behave(seed, message, share)

    async def io(message: Message) -> object:
        await asyncio.sleep(random.Random(seed).random())
        return _behave(seed, message, share)

    return io if later else now


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    stages=st.lists(st.tuples(st.integers(0, 1000), st.booleans()), max_size=4),
    sinks=st.integers(1, 3),
    count=st.integers(1, 25),
    trouble=st.sampled_from([0.5, 1.0]),
)
def test_every_delivery_of_any_chain_settles_exactly_once(
    bench: type[Bench], stages: list[tuple[int, bool]], sinks: int, count: int, trouble: float
) -> None:
    def moody(message: Message, times: int) -> Exception | None:
        roll = random.Random(message.id).random()
        return Transient("moody") if roll < 0.2 and times < 2 else Reject("moody") if roll > 0.9 else None

    run = bench(
        stages={f"s{n}": _stage(seed, trouble, later=later) for n, (seed, later) in enumerate(stages)},
        sinks={f"k{n}": StrictSink(entries=moody) for n in range(sinks)},
        dead=StrictDeadLetters(),
        max_age=3600,
        attempts=2,
    )
    run.send(*range(count)).run()
    assert len(run.settled) == len(run.queue.received) == run.report.received
    assert sorted(run.queue.deleted) == sorted(f"m{n}" for n in range(1, count + 1))
    assert run.report.settled["DeadLetter"] == len(run.facts)
    assert run.report.settled["Retry"] == len(run.queue.released)
    assert run.report.endings.total() == len(run.endings)
    for name, sink in run.sinks.items():
        took = sum(ending.kind == "accepted" and ending.where == name for _, ending in run.endings)
        assert took == len(sink.accepted)
    dead = {letter[0].message.id for letter in run.dead.accepted}
    for name in {m for m in run.queue.deleted if m not in dead}:
        last = [e for e in run.endings if e[0].partition("/")[0] == name]
        assert any(ending.kind in {"accepted", "dropped"} for _, ending in last)
