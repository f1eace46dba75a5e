"""Plays one scenario: starts its workers, ends them as planned, waits until all is quiet, and checks what is left."""

# ruff: noqa: S311 - chance, not secrecy

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from contextvars import Context
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Final

from sluiceway.core.component import Sink, Source, Stage, Visibility
from sluiceway.core.spec import Backoff, Drain, Limits, Pipeline, Retry, SinkSpec, SourceSpec, StageSpec
from sluiceway.core.units import Duration, Size
from sluiceway.engine.parts import Parts
from sluiceway.engine.surroundings import Surroundings
from sluiceway.engine.worker import Worker
from sluiceway.testing import VirtualClock

from .book import Book, Violation
from .clients import QueueClient, bury_client, sink_client, stage_function
from .loop import Life, SeededLoop
from .records import StoreClient
from .scenario import LifePlan, Scenario, WorkerPlan
from .world import World

PATIENCE = 3600.0
"""Virtual seconds without faults in which everything must have come to its end."""


@dataclass(frozen=True)
class Played:
    """What one scenario came to.

    Attributes:
        violations: The rules that were broken; the scenario ended with the first.
        trace: Everything that happened, a line each.
        counts: What has happened how often.
    """

    violations: Sequence[Violation]
    trace: Sequence[str]
    counts: Counter[str]


def play(scenario: Scenario, *, trace: bool = True) -> Played:
    """Play a scenario; the same one always goes the same way."""
    loop = SeededLoop(f"order {scenario.seed}", limit=scenario.quiet_at + 3 * PATIENCE)
    playing = _Play(loop, scenario)
    try:
        book = loop.run_until_complete(playing.run())
        counts = book.counts + Counter({"steps": loop.steps, "virtual seconds": int(loop.time())})
        # Before the tasks are thrown away: what they still do then is not the scenario's.
        return Played(tuple(book.violations), tuple(book.lines()) if trace or book.violations else (), counts)
    finally:
        loop.forget()


class _Play:
    def __init__(self, loop: SeededLoop, scenario: Scenario) -> None:
        self._loop = loop
        self._scenario = scenario
        self._living: dict[Life, Worker] = {}
        self._lives: list[object] = []

    async def run(self) -> Book:
        scenario, loop = self._scenario, self._loop
        self._book = Book(scenario)
        self._world = World(self._book)
        self._pipeline = _pipeline(scenario)
        loop.set_exception_handler(self._unhandled)
        for sent in scenario.messages:
            loop.call_at(sent.at, self._world.put, sent, context=Context())
        self._keep([loop.create_task(self._live(plan), context=Context()) for plan in scenario.workers])
        await self._wait_for(scenario.quiet_at, lambda: False)
        healthy = WorkerPlan("last", (LifePlan(after=0),))
        self._keep([loop.create_task(self._live(healthy), context=Context())])
        await asyncio.sleep(1)
        if not await self._wait_for(scenario.quiet_at + PATIENCE, lambda: self._world.queue.is_empty):
            left = ", ".join(stored.id for stored in self._world.queue.messages)
            self._book.violation("liveness", f"{left} are still in the queue an hour after the last fault")
        await self._stop_all()
        if not self._book.violations:
            self._world.legs.at_the_end(self._world.dead_letters.kept)
        return self._book

    def _keep(self, tasks: Sequence[object]) -> None:
        """Hold what nobody else holds: a task that is collected in mid-play would run its clean-up code."""
        self._lives += tasks

    def _unhandled(self, _: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        error = context.get("exception")
        self._book.violation("error", f"{context['message']}: {error or context.get('task')!r}")

    async def _wait_for(self, until: float, done: Callable[[], bool]) -> bool:
        while not self._book.over.is_set():
            if done():
                return True
            if self._loop.time() >= until:
                return False
            try:
                async with asyncio.timeout_at(min(until, self._loop.time() + 1)):
                    await self._book.over.wait()
            except TimeoutError:
                continue
        return True

    async def _stop_all(self) -> None:
        for life, worker in list(self._living.items()):
            self._stop(life, worker)
        deadline = self._loop.time() + 2 * self._scenario.stop_timeout + 100
        if not await self._wait_for(deadline, lambda: not self._living):
            names = ", ".join(life.name for life in self._living)
            self._book.violation("R8", f"{names} did not leave")

    async def _live(self, plan: WorkerPlan) -> None:
        """Live the lives of one worker, one after the other."""
        for number, life_plan in enumerate(plan.lives, 1):
            await asyncio.sleep(life_plan.after)
            if self._book.now >= self._scenario.quiet_at and plan.id != "last":
                return
            life = Life(f"{plan.id}.{number}", life_plan.kill_at)
            self._start(life, life_plan)
            await life.over.wait()
            self._living.pop(life, None)
            if life.killed and not self._book.lives[life].exited:
                self._book.counts["kills"] += 1
                self._book.note(life, "IS KILLED")

    def _start(self, life: Life, plan: LifePlan) -> None:
        loop, world = self._loop, self._world
        self._book.note(life, "starts")
        self._book.counts["lives"] += 1
        around = Surroundings(_Clock(), Random(f"{life.name} {self._scenario.seed}"), _Silent(), threads=False)
        parts = Parts(
            QueueClient(world, life),
            {stage.id: stage_function(world, life, stage) for stage in self._scenario.stages},
            {sink.id: sink_client(world, life, sink) for sink in self._scenario.sinks},
            bury=bury_client(world, life),
            store=StoreClient(world.records, life) if self._scenario.store else None,
        )
        worker = life.context.run(Worker, self._pipeline, parts, around)
        self._living[life] = worker
        run = loop.create_task(self._run(life, worker), context=life.context)
        keep = loop.create_task(self._beat(life, worker), context=life.thread_context)
        self._keep([life, run, keep])
        if plan.stop_at is not None:
            loop.call_later(plan.stop_at, self._stop, life, worker, context=life.context)
        if plan.blocked_at is not None:
            loop.call_later(plan.blocked_at, self._block, life, plan.blocked_for, context=life.thread_context)

    def _stop(self, life: Life, worker: Worker) -> None:
        if not life.over.is_set():
            self._world.leases.stopped(life)
            worker.stop()

    def _block(self, life: Life, seconds: float) -> None:
        if life.over.is_set():
            return
        self._book.note(life, "is blocked", f"for {seconds:g}s")
        self._book.counts["blocked loops"] += 1
        record = self._book.lives[life]
        record.longest_block = max(record.longest_block, seconds)
        record.blocked_since_stop = True
        self._loop.block(life, seconds)

    async def _run(self, life: Life, worker: Worker) -> None:
        try:
            await worker.run()
        except Exception as error:  # noqa: BLE001 - whatever ends a worker is what we look for
            self._book.violation("error", f"{life.name} died of {error!r}")
        finally:
            self._world.leases.exited(life)
            life.over.set()

    async def _beat(self, life: Life, worker: Worker) -> None:
        while not life.over.is_set():
            self._world.leases.sweep(life)
            self._world.groups.sweep(life)
            wait = worker.keeper.beat()
            await asyncio.sleep(wait)


class _Clock(VirtualClock):
    async def sleep(self, seconds: float) -> None:
        """Sleep too long: what an idle worker does every second would be most of what is simulated."""
        await asyncio.sleep(seconds + 4)


class _Silent:
    def info(self, event: str, **facts: object) -> None:
        pass

    warning = error = info


class _Ordered(Source):
    @property
    def ordered(self) -> bool:
        return True


class _Blocking(_Ordered):
    @property
    def blocks(self) -> bool:
        return True


_SOURCES: Final = {"": Source, "dead_letter": _Ordered, "block": _Blocking}


@cache
def _sink_component(entries: int, size: int) -> Sink:
    class SimulatedSink(Sink):
        batch_entries = entries
        batch_bytes = size

    return SimulatedSink()


def _pipeline(scenario: Scenario) -> Pipeline:
    visibility = Visibility(initial=Duration(scenario.lease), limit=Duration(scenario.limit))
    initial, most = scenario.backoff
    return Pipeline(
        name="simulated",
        source=SourceSpec("strict", _SOURCES[scenario.fifo](visibility=visibility)),
        stages=tuple(
            StageSpec(plan.id, plan.kind, Stage(), plan.timeout, plan.concurrency, plan.routes)
            for plan in scenario.stages
        ),
        sinks=tuple(
            SinkSpec(
                plan.id, "strict", _sink_component(plan.entries, plan.size), plan.timeout, plan.concurrency, plan.routes
            )
            for plan in scenario.sinks
        ),
        unrouted=scenario.unrouted,
        retry=Retry(
            attempts=scenario.attempts,
            backoff=Backoff(initial=Duration(initial), max=Duration(most)),
            hold=Duration(scenario.hold),
            max_age=None if scenario.max_age is None else Duration(scenario.max_age),
        ),
        limits=Limits(in_flight=scenario.in_flight, in_flight_bytes=Size(scenario.in_flight_bytes)),
        drain=Drain(stop_timeout=Duration(scenario.stop_timeout)),
    )
