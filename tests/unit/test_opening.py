"""What is said when a pipeline is opened on a queue whose own rules act before the worker's."""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, Literal

import pytest

from sluiceway.adapters.memory import MemoryReceiver, MemorySink, MemorySource
from sluiceway.core.component import Source
from sluiceway.core.context import Context
from sluiceway.core.spec import Pipeline, Retry, SinkSpec, SourceSpec
from sluiceway.engine.surroundings import Surroundings
from sluiceway.opening import open_worker
from sluiceway.testing import ManualClock


class Redriving(MemoryReceiver):
    retention = 345_600.0
    redrive_max_receives: int | None = None


class Queue(Source):
    receives: int | None
    on_failure: Literal["block", "dead_letter"] | None = None

    @property
    def blocks(self) -> bool:
        return self.on_failure == "block"

    @asynccontextmanager
    async def open(self, context: Context) -> AsyncGenerator[Redriving]:
        receiver = Redriving(MemorySource(), context.clock)
        receiver.redrive_max_receives = self.receives
        yield receiver


class Lines:
    def __init__(self) -> None:
        self.warned: list[str] = []

    def info(self, event: str, **facts: object) -> None: ...

    def error(self, event: str, **facts: object) -> None: ...

    def warning(self, event: str, **facts: object) -> None:
        self.warned.append(f"{event}: {facts['reason']}")


class Opened:
    """All of a context that these components look at."""

    clock = ManualClock()


@pytest.mark.parametrize(
    ("receives", "on_failure", "said"),
    [
        (None, None, ""),
        (9, None, ""),
        (8, None, "its maxReceiveCount 8 is not more than errors.retry.attempts 8"),
        (9, "dead_letter", ""),
        (900, "block", "its maxReceiveCount 900 ends what `on_failure: block` is to keep waiting"),
        (None, "block", ""),
    ],
)
async def test_a_queue_that_would_dead_letter_first_is_warned_of(
    receives: int | None, on_failure: Any, said: str
) -> None:
    pipeline = Pipeline(
        name="opened",
        source=SourceSpec("queue", Queue(receives=receives, on_failure=on_failure)),
        sinks=(SinkSpec("out", "memory", MemorySink()),),
        retry=Retry(attempts=8),
    )
    lines = Lines()
    around = Surroundings(Opened.clock, random.Random(1), lines)  # noqa: S311 - jitter in a test
    context: Any = Opened()
    async with open_worker(pipeline, lambda _: context, around):
        assert lines.warned == ([f"the queue dead-letters first: {said}"] if said else [])
