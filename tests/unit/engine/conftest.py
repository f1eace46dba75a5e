"""The bench: a worker between a strict queue and strict sinks, on virtual time."""

# ruff: noqa: S311 - made-up stages and faults name what they are given

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from sluiceway.core.component import Process, Sink, Source, Stage, Visibility
from sluiceway.core.gather import Gather
from sluiceway.core.json import JSON
from sluiceway.core.message import Message
from sluiceway.core.outcome import Facts
from sluiceway.core.ports import Store
from sluiceway.core.spec import Backoff, Drain, Limits, Pipeline, Retry, SinkSpec, SourceSpec, StageSpec
from sluiceway.core.units import Duration, Size
from sluiceway.engine.parts import Parts
from sluiceway.engine.report import Ending, Report
from sluiceway.engine.surroundings import Surroundings
from sluiceway.engine.worker import Worker
from sluiceway.testing import ManualClock, StrictDeadLetters, StrictQueue, StrictSink, VirtualClock, run_virtual


class TenAtATime(Sink):
    batch_entries = 10
    batch_bytes = 1000


class Ordered(Source):
    on_failure: Literal["block", "dead_letter"] = "block"

    @property
    def ordered(self) -> bool:
        return True

    @property
    def blocks(self) -> bool:
        return self.on_failure == "block"


class BlockingStage(Stage):
    blocking = True


class Lines(list[str]):
    """A log of which the events alone matter."""

    def info(self, event: str, **facts: object) -> None:
        self.append(event)

    warning = error = info


class RecordedLog:
    def __init__(self) -> None:
        self.lines: list[tuple[str, str, dict[str, object]]] = []

    def info(self, event: str, **facts: object) -> None:
        self.lines.append(("info", event, facts))

    def warning(self, event: str, **facts: object) -> None:
        self.lines.append(("warning", event, facts))

    def error(self, event: str, **facts: object) -> None:
        self.lines.append(("error", event, facts))

    def count(self, event: str) -> int:
        return sum(line[1] == event for line in self.lines)


@dataclass
class Bench:
    """Set up, `send`, `run`, look."""

    stages: Mapping[str, Process | Gather] = field(default_factory=dict)
    store: Store | None = None
    sinks: Mapping[str, StrictSink] = field(default_factory=lambda: {"bus": StrictSink()})
    dead: StrictDeadLetters | None = field(default_factory=StrictDeadLetters)
    queue_class: type[StrictQueue] = StrictQueue
    queue_options: Mapping[str, Any] = field(default_factory=dict)
    routes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    blocking: Iterable[str] = ()
    concurrency: int = 32
    timeout: float = 10
    unrouted: Any = "reject"
    attempts: int = 3
    hold: float = 300
    max_age: float | None = None
    retention: float | None = None
    in_flight: int = 200
    in_flight_bytes: int = 64 * 1024 * 1024
    stop_timeout: float = 30
    lease: float = 60
    limit: float = 3600
    beats: bool = True
    watched: bool = False
    source: Source = field(default_factory=Source)

    def __post_init__(self) -> None:
        self.log = RecordedLog()
        self.endings: list[tuple[str, Ending]] = []
        self.settled: list[tuple[str, str]] = []
        self.report = Report(
            on_ending=lambda _, message, ending: self.endings.append((message.id, ending)),
            on_settled=lambda delivery, verdict: self.settled.append((delivery.message.id, type(verdict).__name__)),
        )
        self.ended_at = 0.0
        self.verdicts: list[tuple[float, str]] = []
        self._bodies: list[tuple[JSON | bytes, str]] = []
        self._actions: list[tuple[float, Callable[[], object]]] = []

    def send(self, *bodies: JSON | bytes, group: str = "") -> Bench:
        """Put messages into the queue before the worker starts: their ids are m1, m2 …"""
        self._bodies += [(body, group) for body in bodies]
        return self

    def at(self, seconds: float, action: Callable[[], object]) -> Bench:
        """Do something while the worker runs."""
        self._actions.append((seconds, action))
        return self

    def stop_at(self, seconds: float) -> Bench:
        return self.at(seconds, lambda: self.worker.stop())  # noqa: PLW0108 - the worker is made later

    def run(self) -> Bench:
        run_virtual(self.scenario())
        return self

    async def scenario(self) -> None:
        clock = VirtualClock()
        options = {
            "close_when_empty": True,
            "visibility": self.lease,
            "fifo": self.source.ordered,
            **self.queue_options,
        }
        self.queue = self.queue_class(clock, **options)
        for body, group in self._bodies:
            self.queue.send(body, group=group)
        around = Surroundings(clock, random.Random(1), self.log, self.report, threads=False)
        self.worker = Worker(self.pipeline(), self.parts(), around)
        loop = asyncio.get_running_loop()
        for seconds, action in self._actions:
            loop.call_at(seconds, action)
        beside = [asyncio.create_task(self._keep()), asyncio.create_task(self._watch())]
        try:
            with self.worker.watchdog.on_duty():
                await self.worker.run()
        finally:
            self.ended_at = loop.time()
            for task in beside:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    async def _keep(self) -> None:
        while self.beats:  # noqa: ASYNC110 - it is a clockwork
            await asyncio.sleep(self.worker.keeper.beat())

    async def _watch(self) -> None:
        """Note each change of the watchdog's verdict, and when it came."""
        while self.watched:
            verdict = self.worker.watchdog.check()
            if not self.verdicts or self.verdicts[-1][1] != verdict:
                self.verdicts.append((asyncio.get_running_loop().time(), verdict))
            await asyncio.sleep(1)

    def parts(self) -> Parts:
        processes = {name: stage for name, stage in self.stages.items() if not isinstance(stage, Gather)}
        return Parts(
            self.queue,
            processes,
            {name: sink.send for name, sink in self.sinks.items()},
            bury=self.dead.bury if self.dead else None,
            retention=self.retention,
            stores={name: self.store for name in self.stages if self.store and name not in processes},
        )

    def pipeline(self) -> Pipeline:
        def stage(name: str) -> StageSpec:
            opened = self.stages[name]
            component = BlockingStage() if name in self.blocking else Stage()
            component = opened if isinstance(opened, Gather) else component
            return StageSpec(name, name, component, self.timeout, self.concurrency, routes=self.routes.get(name, ()))

        def sink(name: str) -> SinkSpec:
            return SinkSpec(name, "strict", TenAtATime(), self.timeout, self.concurrency, self.routes.get(name, ()))

        visibility = Visibility(initial=Duration(self.lease), limit=Duration(self.limit))
        return Pipeline(
            name="bench",
            source=SourceSpec("strict", self.source.model_copy(update={"visibility": visibility})),
            stages=tuple(stage(name) for name in self.stages),
            sinks=tuple(sink(name) for name in self.sinks),
            unrouted=self.unrouted,
            retry=Retry(
                attempts=self.attempts,
                backoff=Backoff(initial=Duration(1), max=Duration(60)),
                hold=Duration(self.hold),
                max_age=None if self.max_age is None else Duration(self.max_age),
            ),
            limits=Limits(in_flight=self.in_flight, in_flight_bytes=Size(self.in_flight_bytes)),
            drain=Drain(stop_timeout=Duration(self.stop_timeout)),
        )

    @property
    def facts(self) -> list[Facts]:
        return self.dead.facts

    def bodies(self, sink: str = "bus") -> list[JSON]:
        return [message.body for message in self.sinks[sink].accepted]

    def ids(self, sink: str = "bus") -> list[str]:
        return [message.id for message in self.sinks[sink].accepted]

    def kinds(self) -> list[str]:
        return [ending.kind for _, ending in self.endings]


@pytest.fixture
def bench() -> type[Bench]:
    return Bench


@pytest.fixture
def message() -> Callable[[JSON], Message]:
    return lambda body: Message(body, id="m1")


@pytest.fixture(scope="session")
def fifo() -> Callable[..., Bench]:
    """Return what makes a bench on a FIFO queue, with `on_failure: block` or what `on_failure` says."""

    def made(*, on_failure: Literal["block", "dead_letter"] = "block", **options: Any) -> Bench:
        return Bench(source=Ordered(on_failure=on_failure), **options)

    return made


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def lines() -> Lines:
    return Lines()
