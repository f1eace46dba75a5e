"""Two workers on one queue, one of which dies: what is chosen for a message is chosen again, wherever it comes to."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sluiceway import Message
from sluiceway.core.errors import Transient
from sluiceway.engine.surroundings import Surroundings
from sluiceway.engine.worker import Worker
from sluiceway.testing import StrictQueue, StrictSink, VirtualClock, run_virtual
from sluiceway_patterns.spreading import LoadBalancer, Sampler
from sluiceway_patterns.tapping import WireTap

if TYPE_CHECKING:
    from tests.unit.engine.conftest import Bench

Send = Callable[[Sequence[Message]], Any]

SINKS = {"big": ("big",), "small": ("small",), "audit": ("audit",)}
SPREAD = LoadBalancer.model_validate({"routes": {"big": 3, "small": 1}, "by": {"jmes": "body"}})
HALF = Sampler.model_validate({"keep": "50%"})
TAP = WireTap.model_validate({"to": "audit"})


def dying(send: Send, life: dict[str, int], *, happens: bool) -> Send:
    """Return a `send` that at the end of a life never returns, before or after its effect."""

    async def send_or_die(messages: Sequence[Message]) -> Any:
        life["left"] -= 1
        if life["left"] >= 0:
            return await send(messages)
        if life["left"] == -1 and happens:
            await send(messages)
        return await asyncio.Event().wait()

    return send_or_die


class Crew:
    """Workers that compete for one queue."""

    def __init__(self, bench: Bench, *bodies: object, **queue: Any) -> None:
        self.bench = bench
        self.clock = VirtualClock()
        self.queue = StrictQueue(self.clock, close_when_empty=True, visibility=60, **queue)
        bench.queue = self.queue
        for body in bodies:
            self.queue.send(body)  # type: ignore[arg-type] # a number

    async def work(self, *, calls: int = 10**9, happens: bool = False) -> None:
        """Be a worker for so many calls of sinks; a dead one keeps no lease, and waits to be cancelled."""
        parts, life = self.bench.parts(), {"left": calls}
        sends = {name: dying(send, life, happens=happens) for name, send in parts.sends.items()}
        around = Surroundings(self.clock, random.Random(1), self.bench.log, self.bench.report, threads=False)  # noqa: S311 - jitter
        worker = Worker(self.bench.pipeline(), replace(parts, sends=sends), around)

        async def keep() -> None:
            while life["left"] >= 0:  # noqa: ASYNC110 - it is a clockwork
                await asyncio.sleep(worker.keeper.beat())

        keeping = asyncio.create_task(keep())
        try:
            await worker.run()
        finally:
            keeping.cancel()

    async def compete(self, *, calls: int, happens: bool) -> None:
        """Work side by side with one that dies."""
        dead = asyncio.create_task(self.work(calls=calls, happens=happens))
        await self.work()
        dead.cancel()
        with suppress(asyncio.CancelledError):
            await dead


def played(bench: Bench, bodies: Sequence[object], *, calls: int, happens: bool, **queue: Any) -> Crew:
    async def scenario() -> Crew:
        crew = Crew(bench, *bodies, **queue)
        await crew.compete(calls=calls, happens=happens)
        return crew

    crew = run_virtual(scenario())
    assert crew.queue.messages == []
    assert bench.facts == []
    return crew


@pytest.fixture
def three_sinks(bench: type[Bench]) -> Callable[..., Bench]:
    def made(**stages: Callable[[Message], object]) -> Bench:
        def flaky(message: Message, times: int) -> Transient | None:
            return Transient("throttled") if times == 1 and message.id.endswith("3") else None

        sinks = {name: StrictSink(entries=flaky, takes=0.01) for name in SINKS}
        return bench(stages=stages, sinks=sinks, routes=SINKS, attempts=10)  # type: ignore[arg-type] # what stages return

    return made


HARD = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
kills = {"calls": st.integers(0, 4), "happens": st.booleans(), "again": st.integers(1, 5)}


@HARD
@given(bodies=st.lists(st.integers(0, 9), min_size=1, max_size=40), **kills)
def test_a_message_goes_to_one_sink_however_often_it_comes_and_to_whomever(
    three_sinks: Callable[..., Bench], bodies: list[int], calls: int, *, happens: bool, again: int
) -> None:
    run = three_sinks(spread=SPREAD.process)
    crew = played(
        run, bodies, calls=calls, happens=happens, duplicates=lambda _, times: times % again == 0 and times < 4
    )
    sinks_of: dict[object, set[str]] = {}
    for name in SINKS:
        for message in run.sinks[name].accepted:
            sinks_of.setdefault(message.body, set()).add(name)
    assert sinks_of == {body: set(SPREAD.process(Message(body)).routes) for body in bodies}
    assert sum(len(sink.accepted) for sink in run.sinks.values()) >= len(bodies)
    assert len(set(crew.queue.received)) == len(bodies)


@HARD
@given(number=st.integers(1, 40), **kills)
def test_what_is_in_the_sample_is_so_for_every_worker_and_every_time(
    three_sinks: Callable[..., Bench], number: int, calls: int, *, happens: bool, again: int
) -> None:
    run = three_sinks(half=HALF.process, spread=SPREAD.process)
    played(
        run, range(number), calls=calls, happens=happens, duplicates=lambda _, times: times % again == 0 and times < 4
    )
    accepted = {message.id for sink in run.sinks.values() for message in sink.accepted}
    dropped = {name for name, ending in run.endings if ending.kind == "dropped"}
    ids = {f"m{index}" for index in range(1, number + 1)}
    assert accepted == {name for name in ids if isinstance(HALF.process(Message(id=name)), Message)}
    assert dropped == ids - accepted


@HARD
@given(number=st.integers(1, 20), **kills)
def test_no_copy_is_lost_and_a_repeated_one_has_the_same_id(
    three_sinks: Callable[..., Bench], number: int, calls: int, *, happens: bool, again: int
) -> None:
    run = three_sinks(tap=TAP.process, spread=SPREAD.process)
    played(
        run, range(number), calls=calls, happens=happens, duplicates=lambda _, times: times % again == 0 and times < 4
    )
    ids = [f"m{index}" for index in range(1, number + 1)]
    assert {message.id for message in run.sinks["audit"].accepted} == {f"{name}/1" for name in ids}
    spread = [message for name in ("big", "small") for message in run.sinks[name].accepted]
    assert {message.id for message in spread} == {f"{name}/0" for name in ids}


def test_the_kill_of_these_tests_makes_messages_come_again(three_sinks: Callable[..., Bench]) -> None:
    run = three_sinks(spread=SPREAD.process)
    crew = played(run, range(20), calls=0, happens=True)
    assert len(crew.queue.received) > 20
    assert sum(len(sink.accepted) for sink in run.sinks.values()) > 20
