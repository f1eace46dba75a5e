"""Whatever fails, and however many workers compete: a sink accepts the messages of each group in their order."""

# ruff: noqa: S311 - chance in a test, not cryptography

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sluiceway.core.errors import Reject, Transient
from sluiceway.core.message import Message
from sluiceway.engine.surroundings import Surroundings
from sluiceway.engine.worker import Worker
from sluiceway.testing import AfterEffect, StrictDeadLetters, StrictQueue, StrictSink, VirtualClock, run_virtual

if TYPE_CHECKING:
    from tests.unit.engine.conftest import Bench

Fifo = Callable[..., "Bench"]

HOSTILE = 12.0
"""Seconds for which things go wrong. Leases last longer: what a lost one repeats is another promise."""


class Chaos:
    """Faults by chance, for a while; the same seed fails the same way."""

    def __init__(self, seed: int, rate: float) -> None:
        self.chance = random.Random(seed)
        self.rate = rate

    @property
    def strikes(self) -> bool:
        return asyncio.get_running_loop().time() < HOSTILE and self.chance.random() < self.rate

    def fault(self, *_: object) -> Any:
        if not self.strikes:
            return None
        return self.chance.choice([Transient("503"), AfterEffect(Transient("reset"))])

    async def stage(self, message: Message) -> Message:
        await asyncio.sleep(self.chance.random() * 2)
        if self.strikes:
            raise self.chance.choice([Transient("slow down"), ValueError("a bug"), Reject("wrong")])
        return message

    def split(self, message: Message) -> list[Message]:
        return [message] * (1 + int(message.id[1:]) % 3)

    def entry(self, message: Message, _: int) -> Any:
        return Reject("refused", error="refused") if message.body == 3 and message.id.endswith("/1") else self.fault()

    def tail(self, message: Message) -> Message:
        if self.strikes:
            raise ValueError("a bug in a child")
        return message


def workers(fifo: Fifo, chaos: Chaos, queue: StrictQueue, count: int, **options: Any) -> list[Bench]:
    """Workers that compete for one queue, and share their sinks."""
    sinks = {
        name: StrictSink(calls=chaos.fault, entries=chaos.entry, takes=lambda _: chaos.chance.random()) for name in "xy"
    }
    dead = StrictDeadLetters(calls=chaos.fault, entries=chaos.fault)
    made = [
        fifo(stages={"work": chaos.stage, "split": chaos.split, "tail": chaos.tail}, sinks=sinks, dead=dead, **options)
        for _ in range(count)
    ]
    for bench in made:
        bench.queue = queue
    return made


async def compete(benches: list[Bench], clock: VirtualClock) -> None:
    async def keep(worker: Worker) -> None:
        while True:  # noqa: ASYNC110 - it is a clockwork
            await asyncio.sleep(worker.keeper.beat())

    async def run(number: int, bench: Bench) -> None:
        around = Surroundings(clock, random.Random(number), bench.log, bench.report, threads=False)
        worker = Worker(bench.pipeline(), bench.parts(), around)
        keeping = asyncio.create_task(keep(worker))
        try:
            await worker.run()
        finally:
            keeping.cancel()
            with suppress(asyncio.CancelledError):
                await keeping

    await asyncio.gather(*(run(number, bench) for number, bench in enumerate(benches)))


def inversions(accepted: list[Message], *, siblings: bool) -> list[tuple[str, str]]:
    """Return pairs in the wrong order: a message after a later one of its group, or a child first after a later one.

    Args:
        accepted: What one sink has accepted.
        siblings: Look at the children of one message too. Where a child's own failures use up its attempts it leaves,
            and the others go on; when another sink then needs the whole message again, the child gets another chance.
    """
    found: list[tuple[str, str]] = []
    for group in {str(message.meta["group"]) for message in accepted}:
        ids = [message.id for message in accepted if message.meta["group"] == group]
        found += [(a, b) for a, b in pairwise(ids) if _place(b)[0] < _place(a)[0]]
        if siblings:
            found += [(a, b) for a, b in pairwise(dict.fromkeys(ids)) if _place(b) < _place(a)]
    return found


def _place(name: str) -> tuple[int, int]:
    parent, _, child = name.partition("/")
    return int(parent[1:]), int(child)


@dataclass(frozen=True)
class Schedule:
    """How often things fail, and what competes for how much."""

    seed: int
    rate: float
    groups: int
    each: int
    workers: int
    in_flight: int
    on_failure: str
    hold: float


SCHEDULES = st.builds(
    Schedule,
    seed=st.integers(0, 2**32),
    rate=st.sampled_from([0, 0.05, 0.3]),
    groups=st.integers(1, 4),
    each=st.integers(1, 14),
    workers=st.integers(1, 3),
    in_flight=st.sampled_from([1, 5, 10, 200]),
    on_failure=st.sampled_from(["block", "dead_letter"]),
    hold=st.sampled_from([0, 3, 300]),
)


@settings(max_examples=60, deadline=None)
@given(SCHEDULES)
def test_every_sink_accepts_each_group_in_order(fifo: Fifo, schedule: Schedule) -> None:
    chaos = Chaos(schedule.seed, schedule.rate)
    count = schedule.groups * schedule.each

    async def scenario() -> tuple[list[Bench], StrictQueue]:
        clock = VirtualClock()
        queue = StrictQueue(
            clock, fifo=True, close_when_empty=True, receives=chaos.fault, settles=chaos.fault, entries=chaos.fault
        )
        for number in range(count):
            queue.send(number, group=f"g{chaos.chance.randrange(schedule.groups)}")
        options = {"in_flight": schedule.in_flight, "on_failure": schedule.on_failure, "hold": schedule.hold}
        benches = workers(fifo, chaos, queue, schedule.workers, attempts=2, **options)
        await compete(benches, clock)
        return benches, queue

    benches, queue = run_virtual(scenario())
    dead = {facts.id.partition("/")[0] for facts in benches[0].facts}
    for name, sink in benches[0].sinks.items():
        assert inversions(sink.accepted, siblings=schedule.on_failure == "block") == [], name
        arrived = {message.id.partition("/")[0] for message in sink.accepted}
        assert arrived | dead == {f"m{n + 1}" for n in range(count)}
    assert queue.messages == []
    assert len(set(queue.deleted)) == len(queue.deleted) == count
