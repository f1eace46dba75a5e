"""A scenario: everything that happens to the workers of one seed, as data, so that it can be shrunk and shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

StageKind: TypeAlias = Literal["keep", "split", "drop", "reject", "bug", "flaky", "route"]

FaultKind: TypeAlias = Literal[
    "before", "after", "throttled", "slow before", "slow after", "bug", "entry", "after entry"
]
"""What goes wrong with one call, or with one entry of it: an error before the effect or after it, or slowness."""


@dataclass(frozen=True)
class Sent:
    """One message of the source: when it is sent, to which group, how long its body is, and whether it is JSON."""

    number: int
    at: float = 0
    group: str = ""
    padding: int = 0
    junk: bool = False

    @property
    def id(self) -> str:
        """The id that the queue gives it."""
        return f"m{self.number}"


@dataclass(frozen=True)
class StagePlan:
    """One stage. What it does to a message depends on `(value + salt) % mod`, so that it is the same at each repeat."""

    id: str
    kind: StageKind
    salt: int
    mod: int
    times: int
    is_async: bool
    takes: float
    timeout: float
    concurrency: int
    routes: tuple[str, ...]


@dataclass(frozen=True)
class SinkPlan:
    """One sink; it refuses a message, or has a bug with it, where `(value + salt) % mod` is 0 or 1."""

    id: str
    entries: int
    size: int
    timeout: float
    concurrency: int
    routes: tuple[str, ...]
    salt: int
    refuses: int
    bugs: int


@dataclass(frozen=True)
class LifePlan:
    """One life of a worker: seconds until it starts, and what ends it or holds it up, in seconds after the start."""

    after: float
    kill_at: int | None = None
    stop_at: float | None = None
    blocked_at: float | None = None
    blocked_for: float = 0


@dataclass(frozen=True)
class WorkerPlan:
    """One worker: its lives, one after the other."""

    id: str
    lives: tuple[LifePlan, ...]


@dataclass(frozen=True)
class Fault:
    """What goes wrong once: with the `call`-th call of `of`, or with `message` the `call`-th time it is an entry."""

    of: str
    call: int
    kind: FaultKind
    message: str = ""


@dataclass(frozen=True)
class Outage:
    """A time in which every call of something fails before its effect; `source` is receive, settle and extend."""

    of: str
    start: float
    end: float


@dataclass(frozen=True)
class Scenario:
    """One seed's world. From `quiet_at` on nothing goes wrong any more, and everything must come to its end.

    `fifo` is what a message that keeps failing does to its group on a FIFO queue; empty on a standard one. `store` says
    whether accepted legs are recorded where all workers find them.
    """

    seed: int
    messages: tuple[Sent, ...]
    stages: tuple[StagePlan, ...]
    sinks: tuple[SinkPlan, ...]
    workers: tuple[WorkerPlan, ...]
    faults: tuple[Fault, ...]
    outages: tuple[Outage, ...]
    duplicates: tuple[str, ...]
    expired_deletes: bool
    fifo: Literal["", "block", "dead_letter"]
    store: bool
    lease: float
    limit: float
    attempts: int
    hold: float
    backoff: tuple[float, float]
    max_age: float | None
    in_flight: int
    in_flight_bytes: int
    unrouted: Literal["reject", "drop"]
    stop_timeout: float
    wait_time: float
    latency: float
    quiet_at: float


def operation(of: str) -> str:
    """Return what faults and outages of one kind hit: sinks and stages are numbered."""
    return of.rstrip("0123456789")
