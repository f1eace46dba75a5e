"""Workers that compete for one queue and share one store: what each may rely on when others die."""

# ruff: noqa: ARG005, S311 - made-up faults name what they are given; chance in a test is no cryptography

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sluiceway.adapters.memory_store import MemoryStore
from sluiceway.core.errors import MessageError, Reject, Transient
from sluiceway.core.message import Message
from sluiceway.core.ports import Record
from sluiceway.engine.surroundings import Surroundings
from sluiceway.engine.worker import Worker
from sluiceway.testing import StrictQueue, StrictSink, VirtualClock, run_virtual
from sluiceway_patterns.idempotent import IdempotentReceiver

if TYPE_CHECKING:
    from tests.unit.engine.conftest import Bench

Scenario = Callable[["Fleet"], Coroutine[Any, Any, None]]


class Life:
    """A worker's: when it is over, none of its calls of the outside ever begins or returns.

    Args:
        dies: Whether a call is its last, from the call's name and whether its effect has happened.
    """

    def __init__(self, dies: Callable[[str, bool], bool] = lambda name, happened: False) -> None:
        self.over = False
        self._dies = dies

    def guard(self, name: str, call: Any) -> Any:
        async def guarded(*args: Any, **named: Any) -> Any:
            await self._go_on(name, happened=False)
            await asyncio.sleep(0.01)  # so that others come between
            result = await call(*args, **named)
            await self._go_on(name, happened=True)
            return result

        return guarded

    async def _go_on(self, name: str, *, happened: bool) -> None:
        self.over = self.over or self._dies(name, happened)
        if self.over:
            await asyncio.Event().wait()


class Ports:
    """An object some of whose methods end with a life."""

    def __init__(self, target: Any, life: Life, *names: str) -> None:
        self._target, self._life = target, life
        for name in names:
            setattr(self, name, life.guard(name, getattr(target, name)))

    def extend(self, receipts: Sequence[str], seconds: float) -> Sequence[Any]:
        dead = [Transient("nobody is there to ask")] * len(receipts)
        return dead if self._life.over else self._target.extend(receipts, seconds)


class Fleet:
    """One queue, one store, one sink of each name, and as many workers as are started."""

    def __init__(self, bench: Bench, **queue: Any) -> None:
        self.bench = bench
        self.clock = VirtualClock()
        self.queue = StrictQueue(self.clock, close_when_empty=True, **queue)
        bench.queue = self.queue
        self.store = MemoryStore(self.clock)
        self.legs: Any = None
        self.once = IdempotentReceiver.model_validate({"key": {"jmes": "body"}, "store": "memory"})
        self.counts: Counter[str] = Counter()
        self.random = random.Random(1)

    def count(self, name: str, amount: int = 1, **labels: str) -> None:
        self.counts[name] += amount

    async def work(self, life: Life | None = None, *, idempotent: bool = False) -> None:
        """Be a worker until the queue is empty; a dead one stays until it is cancelled."""
        life = life or Life()
        async with AsyncExitStack() as stack:
            parts = self.bench.parts()
            processes = dict(parts.processes)
            if idempotent:
                context = Opened(self, Ports(self.store, life, "get", "put", "delete"))
                processes["once"] = await stack.enter_async_context(self.once.open(context))  # type: ignore[arg-type] # what is used of a context
            queue: Any = Ports(self.queue, life, "receive", "settle")
            legs: Any = Ports(self.legs, life, "get", "put") if self.legs else None
            parts = replace(
                parts,
                receiver=queue,
                processes=processes,
                sends={name: life.guard("send", sink.send) for name, sink in self.bench.sinks.items()},
                store=legs,
            )
            around = Surroundings(self.clock, self.random, self.bench.log, self.bench.report, threads=False)
            worker = Worker(self.bench.pipeline(), parts, around)
            keeping = asyncio.create_task(keep(worker))
            try:
                await worker.run()
            finally:
                keeping.cancel()


class Opened:
    """The context of one worker's stage."""

    def __init__(self, fleet: Fleet, store: Any) -> None:
        self.pipeline, self.component = "bench", "once"
        self.clock, self.random, self.count = fleet.clock, fleet.random, fleet.count
        self._store = store

    async def store(self, choice: object) -> Any:
        return self._store


async def keep(worker: Worker) -> None:
    while True:  # noqa: ASYNC110 - it is a clockwork
        await asyncio.sleep(worker.keeper.beat())


@asynccontextmanager
async def beside(*works: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Let workers work until those in the block are done, then let the dead be buried."""
    tasks = [asyncio.create_task(work) for work in works]
    await asyncio.sleep(0)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
def play(bench: type[Bench]) -> Callable[..., Bench]:
    """Run a scenario with a fleet whose bench has these settings."""

    def played(scenario: Scenario, **options: Any) -> Bench:
        on_bench = bench(**options)

        async def run() -> None:
            await scenario(Fleet(on_bench))

        run_virtual(run())
        return on_bench

    return played


# The idempotent receiver.


def passing(message: Message) -> Message:
    return message


ONCE = {"once": passing}


def test_of_each_key_one_goes_through_whoever_receives_it(play: Callable[..., Bench]) -> None:
    async def scenario(fleet: Fleet) -> None:
        for number in range(60):
            fleet.queue.send(number % 20)
        await asyncio.gather(*(fleet.work(idempotent=True) for _ in range(3)))
        assert len(fleet.queue.deleted) == 60

    run = play(scenario, stages=ONCE)
    assert Counter(run.bodies()) == Counter(range(20))
    assert run.facts == []


def dies_at(name: str, times: int, *, happened: bool) -> Callable[[str, bool], bool]:
    seen: Counter[tuple[str, bool]] = Counter()

    def dies(call: str, after: bool) -> bool:  # noqa: FBT001 - as a life asks it
        seen[call, after] += 1
        return seen[name, happened] >= times

    return dies


@pytest.mark.parametrize(
    ("last", "times", "happened", "sent"),
    [
        ("put", 1, True, 1),  # it is claimed, and nothing else
        ("send", 1, False, 1),  # on its way to the sink
        ("send", 1, True, 2),  # accepted, but nobody has written that down: not promised
        ("put", 2, False, 2),  # just about to
        ("put", 2, True, 1),  # written down: dropped when it comes again
        ("settle", 1, True, 1),  # deleted
    ],
)
def test_a_worker_dies_and_its_message_is_let_in_after_the_lease(
    play: Callable[..., Bench], last: str, times: int, *, happened: bool, sent: int
) -> None:
    async def scenario(fleet: Fleet) -> None:
        fleet.queue.send("a")
        async with beside(fleet.work(Life(dies_at(last, times, happened=happened)), idempotent=True)):
            await asyncio.sleep(1)
            fleet.queue.send("a")
            await fleet.work(idempotent=True)
            assert fleet.queue.messages == []
            assert fleet.clock.monotonic() < 300 + 60 + 40

    run = play(scenario, stages=ONCE)
    assert run.bodies() == ["a"] * sent


def test_what_is_rejected_or_fails_is_let_in_when_it_is_sent_again(play: Callable[..., Bench]) -> None:
    def moody(message: Message) -> Message:
        if message.id in {"m1", "m2"}:
            raise Reject("wrong") if message.id == "m1" else Transient("not now")
        return message

    async def scenario(fleet: Fleet) -> None:
        for body in ("a", "b"):
            fleet.queue.send(body)
        async with beside(fleet.work(idempotent=True)):
            await asyncio.sleep(20)
            fleet.queue.messages.clear()
            fleet.queue.send("a")
            fleet.queue.send("b")
            await fleet.work(idempotent=True)

    run = play(scenario, stages={"once": passing, "moody": moody})
    assert sorted(map(str, run.bodies())) == ["a", "b"]
    assert [facts.id for facts in run.facts] == ["m1"]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_whoever_dies_when_nothing_is_lost_and_only_what_the_dead_held_is_sent_twice(
    bench: type[Bench], seed: int
) -> None:
    chance = random.Random(seed)
    run = bench(stages=ONCE, sinks={"bus": StrictSink(takes=lambda _: chance.uniform(0, 90))}, timeout=200)
    deaths = chance.randint(1, 4)

    async def scenario() -> None:
        fleet = Fleet(run)
        for number in range(30):
            fleet.queue.send(number % 10)
        mortals = (Life(lambda *_: chance.random() < 0.02) for _ in range(deaths))
        async with beside(*(fleet.work(life, idempotent=True) for life in mortals)):
            await fleet.work(idempotent=True)
        assert fleet.queue.messages == []

    run_virtual(scenario())
    sent = Counter(run.bodies())
    assert set(sent) == set(range(10))
    assert max(sent.values()) <= 1 + deaths


# The record of accepted legs.


def two(bus: Any = None, partner: Any = None) -> dict[str, StrictSink]:
    return {"bus": StrictSink(entries=bus), "partner": StrictSink(entries=partner)}


def at_first(times: int) -> Callable[[Message, int], MessageError | None]:
    return lambda _, seen: Transient("down") if seen <= times else None


def test_without_a_store_the_next_worker_sends_to_every_sink_again(play: Callable[..., Bench]) -> None:
    async def scenario(fleet: Fleet) -> None:
        fleet.queue.send("a")
        await fleet.work()

    run = play(scenario, sinks=two(partner=at_first(1)), hold=0)
    assert (run.ids("bus"), run.ids("partner")) == (["m1", "m1"], ["m1"])


def test_what_a_sink_has_accepted_is_not_sent_again_after_the_delivery_was_given_back(
    play: Callable[..., Bench],
) -> None:
    async def scenario(fleet: Fleet) -> None:
        fleet.legs = fleet.store
        for body in range(5):
            fleet.queue.send(body)
        await asyncio.gather(fleet.work(), fleet.work())

    run = play(scenario, sinks=two(partner=at_first(3)), hold=0, attempts=9)
    assert sorted(run.ids("bus")) == sorted(run.ids("partner")) == ["m1", "m2", "m3", "m4", "m5"]


def test_a_leg_that_is_held_is_written_down_for_the_case_that_its_worker_dies(play: Callable[..., Bench]) -> None:
    async def scenario(fleet: Fleet) -> None:
        fleet.legs = fleet.store
        fleet.queue.send("a")
        life = Life()
        async with beside(fleet.work(life)):
            await asyncio.sleep(5)
            life.over = True
            await fleet.work()

    run = play(scenario, sinks=two(partner=at_first(6)))
    assert (run.ids("bus"), run.ids("partner")) == (["m1"], ["m1"])


def test_what_is_given_back_at_the_end_of_a_worker_is_written_down(play: Callable[..., Bench]) -> None:
    async def scenario(fleet: Fleet) -> None:
        fleet.legs = fleet.store
        fleet.queue.send("a")
        first = asyncio.create_task(fleet.work())
        await asyncio.sleep(1)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        await fleet.work()

    slow = StrictSink(takes=lambda call: 5 if call == 1 else 0)
    run = play(scenario, sinks={"bus": StrictSink(), "slow": slow})
    assert (run.ids("bus"), run.ids("slow")) == (["m1"], ["m1"])


def test_children_are_told_apart(play: Callable[..., Bench]) -> None:
    def split(message: Message) -> list[Message]:
        return [message.with_body(n) for n in range(3)]

    async def scenario(fleet: Fleet) -> None:
        fleet.legs = fleet.store
        fleet.queue.send("a")
        await fleet.work()

    fails_last = two(partner=lambda message, seen: Transient("down") if message.body == 2 and seen == 1 else None)
    run = play(scenario, stages={"split": split}, sinks=fails_last, hold=0)
    assert sorted(run.ids("bus")) == sorted(run.ids("partner")) == ["m1/0", "m1/1", "m1/2"]


def test_a_child_that_is_another_one_in_the_next_receipt_is_sent(play: Callable[..., Bench]) -> None:
    """As after a new version of the pipeline, or where an enricher answers otherwise."""
    receipts = iter([["A", "B"], ["new", "A", "B"]])

    def split(message: Message) -> list[Message]:
        return [message.with_body(part) for part in next(receipts)]

    async def scenario(fleet: Fleet) -> None:
        fleet.legs = fleet.store
        fleet.queue.send("a")
        await fleet.work()

    fails_first = two(partner=lambda message, seen: Transient("down") if message.body == "A" and seen == 1 else None)
    run = play(scenario, stages={"split": split}, sinks=fails_first, hold=0)
    assert set(map(str, run.bodies("bus"))) == set(map(str, run.bodies("partner"))) == {"A", "B", "new"}


@pytest.mark.parametrize("hangs", [True, False])
def test_a_store_that_is_down_is_said_once_and_holds_up_nothing(play: Callable[..., Bench], *, hangs: bool) -> None:
    class Down:
        async def get(self, key: str) -> Record | None:
            if hangs:
                await asyncio.Event().wait()
            raise Transient("the table throttles")

        async def put(self, key: str, value: bytes, *, ttl: float, version: str | None = None) -> str | None:
            raise AssertionError("nothing is written that was not read before")

    async def scenario(fleet: Fleet) -> None:
        fleet.legs = Down()
        for body in range(5):
            fleet.queue.send(body)
        await fleet.work()
        assert fleet.clock.monotonic() < 60

    run = play(scenario, sinks=two(partner=at_first(2)), hold=0, attempts=9)
    assert len(run.ids("partner")) == 5
    assert run.log.count("accepted legs are not recorded") == 1


def test_two_workers_that_write_one_record_lose_nothing_of_it(play: Callable[..., Bench]) -> None:
    """The first has lost its lease and goes on to write; the second has the message, and knows of other legs."""

    async def scenario(fleet: Fleet) -> None:
        fleet.legs = fleet.store
        fleet.queue.send("a")
        life = Life(dies_at("settle", 1, happened=False))
        async with beside(fleet.work(life)):
            await asyncio.sleep(5)
            await fleet.store.put("m1", b'[["m1","other","digest"]]', ttl=60)
            await fleet.work()
        record = await fleet.store.get("m1")
        assert record is not None
        assert b'"bus"' in record.value

    run = play(scenario, sinks=two(partner=at_first(2)), hold=0, attempts=9)
    assert run.ids("bus") == ["m1"]
