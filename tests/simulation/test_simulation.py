"""The simulation finds nothing wrong with the engine, goes the same way twice, and does find what is wrong."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sluiceway.core.message import Message
from sluiceway.core.outcome import Ack, Facts, Retry
from sluiceway.core.ports import Delivery
from sluiceway.testing import run_virtual

from .big import fifo_world
from .book import Book
from .draw import draw
from .loop import Life
from .many import Totals, missing_faults, play_some
from .oracle import body_of, headers_of
from .play import play
from .scenario import LifePlan, Scenario, Sent, SinkPlan, StagePlan, WorkerPlan
from .world import World

SINK = SinkPlan("sink0", entries=2, size=300, timeout=2, concurrency=1, routes=(), salt=0, refuses=0, bugs=0)


@pytest.mark.parametrize("first", range(1, 301, 50))
def test_fifty_seeds_break_no_rule(first: int) -> None:
    assert play_some(range(first, first + 50)).broken == {}  # make simulate SEED=… shows one of these


def test_a_seed_goes_the_same_way_in_every_process() -> None:
    here = Path(__file__).parents[2]
    command = [sys.executable, "-m", "tests.simulation", "--seed", "28"]
    one, two = (subprocess.run(command, cwd=here, capture_output=True, text=True, check=True).stdout for _ in range(2))
    assert one == two
    _, told, verdict = one.split("\n\n")
    assert told.splitlines() == list(play(draw(28)).trace)
    assert verdict == "0 rules broken\n"


def test_the_groups_of_a_big_world_keep_their_order_through_kills_stops_and_failing_sinks() -> None:
    played = play(fifo_world(groups=20, messages=1500), trace=False)
    assert played.violations == ()
    assert played.counts["kills"] > 0
    assert played.counts["stops"] > 0


def test_a_group_that_fails_holds_up_no_other() -> None:
    failing = StagePlan("stage0", "flaky", -1, 10, 1000, is_async=False, takes=0, timeout=1, concurrency=1, routes=())
    messages = tuple(Sent(number, group=f"g{number % 10}") for number in range(1, 101))
    calm = replace(
        fifo_world(groups=10, messages=100),
        messages=messages,
        stages=(failing,),
        workers=(WorkerPlan("w1", (LifePlan(after=0),)),),
        faults=(),
        outages=(),
        fifo="block",
        in_flight=40,
        quiet_at=60.0,
    )
    played = play(calm)
    assert played.violations == ()
    deleted = [(line.split()[0], line.split()[-1]) for line in played.trace if " deletes " in line]
    late = {handle.partition("#")[0] for at, handle in deleted if float(at) > 30}
    assert late == {f"m{number}" for number in range(1, 101, 10)}


def test_a_fault_that_never_happens_is_missed() -> None:
    totals = Totals(seeds=1000)
    assert "fault: sink: after entry" in missing_faults(totals)
    assert missing_faults(Totals(seeds=10)) == []


class Watched:
    """One worker that holds one receipt, and what is told to the rules about it."""

    def __init__(self, scenario: Scenario) -> None:
        self.book = Book(scenario)
        self.world = World(self.book)
        self.leases, self.legs, self.dead_letters = self.world.leases, self.world.legs, self.world.dead_letters
        self.life = Life("w1.1")
        sent = scenario.messages[0]
        self.message = Message({"value": 1}, id=sent.id, meta={"receipt": "r1"}).with_payload(body_of(sent))
        attributes = {name: {"DataType": "String", "StringValue": value} for name, value in headers_of(sent).items()}
        self.delivery = Delivery(self.message, "r1", body_of(sent), attributes=attributes)
        self.leases.polls(self.life, 1)
        self.leases.handed_out(self.life, self.delivery)
        self.leases.poll_ended(self.life, 1)
        self.leases.opened(self.life, [self.delivery])

    def send(self, *results: BaseException | None) -> None:
        for result in results:
            self.legs.sink_starts(self.life, SINK, [self.message])
            self.legs.sink_answered(self.life, SINK, [self.message], [result])


def facts(**changes: Any) -> Facts:
    about = {"stage": "sink0", "error": "invalid", "reason": "", "attempts": 9, "accepted": (), "id": "m1", "time": ""}
    return Facts(pipeline="simulated", **{**about, **changes})


def delete(watched: Watched) -> None:
    watched.legs.settles(watched.life, watched.delivery, Ack())


def send_again(watched: Watched) -> None:
    watched.send(None, None)


def give_back_for_nothing(watched: Watched) -> None:
    watched.legs.settles(watched.life, watched.delivery, Retry(1, "why not"))


def lose_the_lease(watched: Watched) -> None:
    watched.book.receipts["r1"].lease_end = 0
    watched.leases.sweep(watched.life)


def bury_as_exhausted(watched: Watched) -> None:
    watched.dead_letters.sent(watched.life, watched.delivery, facts(error="exhausted"))


def bury_something_else(watched: Watched) -> None:
    other = Delivery(watched.message, "r1", b"{}", attributes=watched.delivery.attributes)
    watched.dead_letters.sent(watched.life, other, facts())


def invent(watched: Watched) -> None:
    watched.legs.accepted(SINK, watched.message.evolve(id="m1/7"))


def receive_after_the_stop(watched: Watched) -> None:
    watched.leases.stopped(watched.life)
    watched.leases.polls(watched.life, 1)


def leave_with_full_hands(watched: Watched) -> None:
    watched.leases.stopped(watched.life)
    watched.leases.exited(watched.life)


def receive_too_much(watched: Watched) -> None:
    watched.leases.polls(watched.life, 10)


@pytest.mark.parametrize(
    ("rule", "wrong"),
    [
        ("R1", delete),
        ("R2", send_again),
        ("R2", give_back_for_nothing),
        ("R3", lose_the_lease),
        ("R5", bury_as_exhausted),
        ("R5", bury_something_else),
        ("R7", invent),
        ("R8", receive_after_the_stop),
        ("R8", leave_with_full_hands),
        ("R9", receive_too_much),
    ],
)
def test_what_is_wrong_is_found(rule: str, wrong: Callable[[Watched], None]) -> None:
    async def scene() -> None:
        await asyncio.sleep(1)
        calm = replace(draw(1), stages=(), sinks=(SINK,), lease=6.0, limit=60.0, in_flight=10)
        watched = Watched(replace(calm, messages=calm.messages[:1]))
        wrong(watched)
        assert rule in {violation.rule for violation in watched.book.violations}

    run_virtual(scene())
