"""A worker under load and faults for a long time: it uses no more at the end than at the beginning."""

from __future__ import annotations

import asyncio
import random
import time
from itertools import cycle
from typing import Any

import faults
import pytest
from gauge import Sample, after_warm_up, growth, measure
from proxy import Point
from worker import Worker, worker

BOUNDS = {"rss": 8.0, "files": 10.0, "threads": 2.0, "tasks": 60.0}  # MiB and numbers, over the whole run
POINTS = [
    Point(operation, when)
    for operation in ("ReceiveMessage", "SendMessageBatch", "DeleteMessageBatch", "ChangeMessageVisibilityBatch")
    for when in ("before", "after")
]
KINDS = [faults.reset, faults.half_close, faults.slow(2), faults.garbage, faults.throttle, faults.server_error]
EVERY = 5.0  # seconds between faults


@pytest.mark.long
async def test_a_worker_that_runs_for_long_uses_no_more(aws: str, ledger: Any, sizes: Any, tell: Any) -> None:
    async with worker(aws, "orders.yaml", Q=ledger.name, VISIBILITY="30s") as one, asyncio.TaskGroup() as group:
        await one.sees("started")
        beside = [group.create_task(load(ledger)), group.create_task(trouble(one))]
        samples = await sample(one, ledger, sizes.minutes * 60)
        for task in beside:
            task.cancel()
        one.proxy.clear()
        await ledger.settles()
        assert one.alive
    ledger.check()
    steady = after_warm_up(samples)
    grown = {name: growth(steady, name) for name in BOUNDS}
    faulty = one.proxy.struck.total()
    tell(f"soak: {sizes.minutes:g} min, {len(ledger.sent)} messages, {faulty} faults\n{table(samples)}")
    tell(f"growth after warm-up: {', '.join(f'{name} {value:+.1f}' for name, value in grown.items())}")
    assert all(grown[name] < bound for name, bound in BOUNDS.items()), grown


async def load(ledger: Any) -> None:
    """Keep messages coming."""
    while True:
        if len(ledger.missing) < 200:
            await ledger.feed(50)
        await asyncio.sleep(0.2)


async def trouble(one: Worker) -> None:
    """Break something now and then."""
    chance, kinds = random.Random(1), cycle(KINDS)  # noqa: S311 - where to strike, not cryptography
    while True:
        one.proxy.at(chance.choice(POINTS), next(kinds))
        await asyncio.sleep(EVERY)


async def sample(one: Worker, ledger: Any, seconds: float) -> list[Sample]:
    samples, end = list[Sample](), time.monotonic() + seconds
    every = min(5.0, seconds / 60)
    while time.monotonic() < end:
        ledger.tasks = 0
        await asyncio.sleep(every)
        samples.append(measure(one.process.pid, ledger.tasks))
    return samples


def table(samples: list[Sample]) -> str:
    """Return ten of the samples as a table."""
    lines = ["    minute   RSS MiB   files  threads  tasks"]
    for s in samples[:: max(1, len(samples) // 10)]:
        minute = (s.time - samples[0].time) / 60
        lines.append(f"    {minute:6.1f} {s.rss:9.1f} {s.files:7} {s.threads:8} {s.tasks:6}")
    return "\n".join(lines)
