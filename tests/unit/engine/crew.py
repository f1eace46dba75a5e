"""Workers that compete for one queue with a stage of the patterns each, and can be killed one by one."""

# ruff: noqa: S311 - chance in a test is no cryptography

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tests.unit.engine.conftest import Ordered
from tests.unit.engine.test_competing_workers import Life, Ports, keep

from sluiceway import HttpAnswer, Message, Stage
from sluiceway.adapters.memory_store import MemoryStore
from sluiceway.core.component import Source
from sluiceway.core.spec import StageSpec
from sluiceway.engine.surroundings import Surroundings
from sluiceway.engine.worker import Worker
from sluiceway.testing import StrictQueue, VirtualClock, run_virtual

if TYPE_CHECKING:
    from tests.unit.engine.conftest import Bench

LATE = 0.1
"""Seconds for what a worker and its batches take, and the calls of a worker's ports, which last 10 ms each."""


class Crew:
    """Workers on one queue, one table and one sink, each with a stage of its own from the same settings."""

    def __init__(self, bench: type[Bench], stage: Stage, *, fifo: bool = False, **queue: Any) -> None:
        self.bench = bench(stop_timeout=30, source=Ordered() if fifo else Source())
        self.stage = stage
        self.clock = VirtualClock()
        self.queue = StrictQueue(self.clock, close_when_empty=True, fifo=fifo, **queue)
        self.bench.queue = self.queue
        self.table = MemoryStore(self.clock)
        self.shares = True
        self.arrived: list[tuple[float, Message]] = []
        self.random = random.Random(1)
        self.asked: list[str] = []
        self.counts: Counter[str] = Counter()
        self.workers: list[Worker] = []

    async def work(self, life: Life | None = None) -> None:
        """Be a worker until the queue is empty, or until it is told to stop; a dead one stays until it is cancelled."""
        life = life or Life()
        pipeline = self.bench.pipeline()
        spec = StageSpec("timing", "timing", self.stage, self.stage.usual_timeout, self.stage.usual_concurrency)
        async with AsyncExitStack() as stack:
            store = Ports(self.table if self.shares else MemoryStore(self.clock), life, "get", "put", "delete")
            opened: Any = Opened(self, store, life)
            parts = replace(
                self.bench.parts(),
                receiver=Ports(self.queue, life, "receive", "settle"),  # type: ignore[arg-type] # as a receiver
                processes={"timing": await stack.enter_async_context(self.stage.open(opened))},
                sends={"bus": life.guard("send", self._arrive)},
            )
            around = Surroundings(self.clock, self.random, self.bench.log, self.bench.report, threads=False)
            worker = Worker(replace(pipeline, stages=(spec,)), parts, around)
            self.workers.append(worker)
            keeping = asyncio.create_task(keep(worker))
            try:
                await worker.run()
            finally:
                keeping.cancel()

    async def request(self, method: str, url: str, *, headers: object) -> HttpAnswer:
        """Answer what a stage asks of a service, whose name is when: `https://s3.example` takes 3 s."""
        self.asked.append(url)
        await asyncio.sleep(float(url.split("/")[2][1:].partition(".")[0]))
        return HttpAnswer(200, {"content-type": "application/json"}, b"1")

    async def _arrive(self, messages: Sequence[Message]) -> Sequence[None]:
        self.arrived += [(self.clock.monotonic(), message) for message in messages]
        return [None] * len(messages)

    @property
    def times(self) -> list[float]:
        return [time for time, _ in self.arrived]

    def bodies(self) -> Counter[str]:
        return Counter(str(message.body) for _, message in self.arrived)


class Opened:
    """The context of one worker's stage."""

    def __init__(self, crew: Crew, store: Any, life: Life) -> None:
        self.pipeline, self.component = "bench", "timing"
        self.clock, self.random = crew.clock, crew.random
        self._crew, self._store, self._life = crew, store, life

    async def store(self, choice: object) -> Any:
        return self._store

    def http(self, **_: object) -> Any:
        return Ports(self._crew, self._life, "request")

    def count(self, name: str, amount: int = 1, **labels: str) -> None:
        self._crew.counts[name] += amount


def play(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    run_virtual(scenario())
