"""What a worker is given of the world: time, chance, who listens, and how to start a task."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Protocol

from sluiceway.core.ports import Clock, Random
from sluiceway.engine.report import Report


class Log(Protocol):
    """What the engine says, one event a state change; structlog's loggers have this shape."""

    def info(self, event: str, **facts: object) -> object:
        """Say that something changed."""
        ...

    def warning(self, event: str, **facts: object) -> object:
        """Say that something is wrong which the worker copes with."""
        ...

    def error(self, event: str, **facts: object) -> object:
        """Say that something is wrong which a person must look at."""
        ...


class Spawn(Protocol):
    """Starts a task that the worker watches: when it dies of an error of ours, so does the worker."""

    def __call__(self, coroutine: Coroutine[object, object, None], /) -> None:
        """Start the task."""
        ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Time, chance, log and report, as every part of one worker shares them.

    Attributes:
        clock: Time.
        random: Chance.
        log: Where state changes are said.
        report: Where everything is counted.
        threads: A thread keeps the leases. False where the caller drives `Worker.keeper.beat` itself, on its own time.
    """

    clock: Clock
    random: Random
    log: Log
    report: Report = field(default_factory=Report)
    threads: bool = True
