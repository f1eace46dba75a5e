"""Workers that share a queue, a store, a sink and a dead-letter queue, and can be killed one by one."""

# ruff: noqa: ARG005, ASYNC110, S311 - made-up faults name what they are given; it is a clockwork; chance is seeded

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from sluiceway.adapters.memory_store import MemoryStore
from sluiceway.core.errors import Transient
from sluiceway.core.ports import Record
from sluiceway.engine.surroundings import Surroundings
from sluiceway.engine.worker import Worker
from sluiceway.testing import StrictQueue, VirtualClock, run_virtual

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.engine.conftest import Bench


class Life:
    """What a crash ends: from then on nothing that a worker asks of the world has an effect, or an answer."""

    def __init__(self) -> None:
        self.over = False

    async def call(self, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        if not self.over:
            await asyncio.sleep(0.001)
        if not self.over:
            answer = await function(*args, **options)
        if self.over:
            await asyncio.Event().wait()
        return answer


class Fleet:
    """Workers that share a queue, a store (or have each its own memory), a sink and a dead-letter queue."""

    def __init__(self, bench: Bench, *, flaky: Callable[[], str] = lambda: "", shares: bool = True) -> None:
        self.bench = bench
        self.shares = shares
        self.flaky = flaky
        self.fails: Callable[[str], bool] = lambda key: False
        self.workers: list[tuple[Worker, Life, asyncio.Task[None], asyncio.Task[None]]] = []
        self.seed = 0

    def run(self, *actions: tuple[float, Callable[[], object]], until: float = 300, at_most: float = 0) -> Fleet:
        run_virtual(self._run(actions, until, at_most))
        return self

    async def _run(self, actions: Sequence[tuple[float, Callable[[], object]]], until: float, at_most: float) -> None:
        self.clock = VirtualClock()
        self.queue = self.bench.queue = StrictQueue(self.clock, visibility=self.bench.lease)
        self.records = MemoryStore(self.clock)
        for seconds, action in actions:
            asyncio.get_running_loop().call_at(seconds, action)
        await asyncio.sleep(until)
        while self.queue.messages and self.clock.monotonic() < at_most:
            await asyncio.sleep(10)
        for worker, life, running, keeping in self.workers:
            if life.over:
                running.cancel()
            worker.stop()
            with suppress(asyncio.CancelledError):
                await running
            keeping.cancel()

    def start(self) -> None:
        life, self.seed = Life(), self.seed + 1
        around = Surroundings(self.clock, random.Random(self.seed), self.bench.log, self.bench.report, threads=False)
        worker = Worker(self.bench.pipeline(), self._parts(life), around)
        running, keeping = asyncio.create_task(worker.run()), asyncio.create_task(self._keep(worker, life))
        self.workers.append((worker, life, running, keeping))

    def stop(self, index: int) -> None:
        self.workers[index][0].stop()

    def stall(self, index: int) -> None:
        """Renew no lease any more, unseen by the worker, and receive nothing more but what is under way."""
        self.workers[index][3].cancel()

    def crash(self, index: int) -> None:
        self.workers[index][1].over = True

    async def _keep(self, worker: Worker, life: Life) -> None:
        while not life.over:
            await asyncio.sleep(worker.keeper.beat())

    def _parts(self, life: Life) -> Any:
        fleet = self

        class Receiver:
            async def receive(self, limit: int) -> Any:
                return await life.call(fleet.queue.receive, limit)

            def extend(self, receipts: Sequence[str], seconds: float) -> Any:
                return fleet.queue.extend(receipts, seconds)

            async def settle(self, settlements: Any) -> Any:
                return await life.call(fleet.queue.settle, settlements)

        class Store:
            async def get(self, key: str) -> Record | None:
                return await fleet._store(life, fleet.records.get, key)

            async def put(self, key: str, value: bytes, *, ttl: float, version: str | None = None) -> str | None:
                return await fleet._store(life, fleet.records.put, key, value, ttl=ttl, version=version)

            async def delete(self, key: str, *, version: str) -> bool:
                return await fleet._store(life, fleet.records.delete, key, version=version)

        self.bench.store = Store() if self.shares else None
        parts = self.bench.parts()
        return replace(
            parts,
            receiver=Receiver(),
            sends={name: partial(life.call, send) for name, send in parts.sends.items()},
            bury=partial(life.call, parts.bury),
        )

    async def _store(self, life: Life, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        how = self.flaky()
        if how == "before" or self.fails(args[0]):
            raise Transient("the store is throttled")
        answer = await life.call(function, *args, **options)
        if how == "after":
            raise Transient("the store was reset")
        return answer


def send(run: Any, *bodies: Any) -> Callable[[], object]:
    return lambda: [run.queue.send(body) for body in bodies]
