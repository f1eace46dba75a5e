"""Draws a scenario from a seed."""

# ruff: noqa: S311 - chance, not secrecy

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Final, Literal

from .scenario import (
    Fault,
    FaultKind,
    LifePlan,
    Outage,
    Scenario,
    Sent,
    SinkPlan,
    StageKind,
    StagePlan,
    WorkerPlan,
    operation,
)

ROUTES: Final = ("a", "b")

_KINDS: Final[tuple[StageKind, ...]] = ("keep", "keep", "split", "drop", "reject", "bug", "flaky", "route")
_KINDS_OF_BLOCKING: Final = tuple(kind for kind in _KINDS if kind != "bug")
"""A bug that is always there would block its group for ever."""

_CALLS: Final[tuple[FaultKind, ...]] = ("before", "after", "throttled", "slow before", "slow after")

FAULTS: Final[Mapping[str, tuple[FaultKind, ...]]] = {
    "receive": _CALLS,
    "extend": ("before", "after"),
    "settle": (*_CALLS, "entry", "after entry"),
    "dead_letter": (*_CALLS, "entry", "after entry"),
    "store": _CALLS,
    "stage": (*_CALLS, "bug"),
    "sink": (*_CALLS, "bug", "entry", "entry", "after entry"),
}
"""What can go wrong, by operation."""

OUTAGES: Final = ("source", "dead_letter", "store", "stage", "sink")
"""What can be down."""


def draw(seed: int) -> Scenario:
    """Return the scenario of a seed."""
    r = Random(seed)
    fifo: Literal["", "block", "dead_letter"] = r.choice(("", "", "", "block", "dead_letter"))
    quiet_at = r.choice((20.0, 60.0, 120.0, 240.0))
    messages = _messages(r, quiet_at, r.choice((1, 2, 3, 5, 8)) if fifo else 0)
    stages = tuple(_stage(r, place, fifo) for place in range(r.choice((0, 1, 1, 2, 2, 3, 4))))
    sinks = tuple(_sink(r, place, fifo) for place in range(r.choice((0, 1, 1, 1, 1, 2, 2, 3))))
    stop_timeout = r.choice((10.0, 15.0, 30.0))
    lease = r.choice((6.0, 12.0, 30.0, 60.0))
    initial = r.choice((0.5, 1.0, 2.0))
    return Scenario(
        seed=seed,
        messages=messages,
        stages=stages,
        sinks=sinks,
        workers=tuple(_worker(r, place, quiet_at) for place in range(r.choice((1, 1, 2, 3)))),
        faults=_faults(r, messages, stages, sinks),
        outages=_outages(r, stages, sinks, quiet_at),
        duplicates=tuple(sent.id for sent in messages if r.random() < 0.05 and not fifo),
        expired_deletes=r.random() < 0.3 and not fifo,
        fifo=fifo,
        store=r.random() < 0.3,
        lease=lease,
        limit=max(lease, 60 + 3 * sum(stage.takes for stage in stages)) * r.choice((1, 1, 4)),
        attempts=r.choice((1, 2, 3, 5)),
        hold=r.choice((0.0, 5.0, 30.0, 300.0)),
        backoff=(initial, r.choice((initial, 5.0, 20.0))),
        max_age=r.choice((None, None, None, 30.0)),
        in_flight=r.choice((1, 3, 10, 40)),
        in_flight_bytes=r.choice((1, 3, 64)) * 1024 * 1024,
        unrouted=r.choice(("reject", "drop")),
        stop_timeout=stop_timeout,
        wait_time=min((stop_timeout - 5) / 2, r.choice((1.0, 5.0, 10.0))),
        latency=r.choice((0.0, 0.01, 0.05, 0.5)),
        quiet_at=quiet_at,
    )


def _messages(r: Random, quiet_at: float, groups: int) -> tuple[Sent, ...]:
    together = r.random() < 0.7
    number = r.choice((1, 2, 5, 10, 15, 25))
    return tuple(
        Sent(
            place + 1,
            at=0.0 if together else r.uniform(0, quiet_at * 0.8),
            group=f"g{r.randrange(groups)}" if groups else "",
            padding=r.choice((0, 0, 0, 0, 50, 400)),
            junk=r.random() < 0.03,
        )
        for place in range(number)
    )


def _stage(r: Random, place: int, fifo: str) -> StagePlan:
    is_async = r.random() < 0.6
    takes = r.choice((0.0, 0.1, 1.0, 4.0, 25.0)) if is_async else 0.0
    return StagePlan(
        id=f"stage{place}",
        kind=r.choice(_KINDS if fifo != "block" else _KINDS_OF_BLOCKING),
        salt=r.randrange(8),
        mod=r.choice((2, 3, 5, 8)),
        times=r.choice((1, 2, 4, 4 if fifo else 20)),
        is_async=is_async,
        takes=takes,
        timeout=takes + r.choice((1.0, 10.0)),
        concurrency=32 if takes > 1 else r.choice((1, 2, 32)),  # else waiting could take longer than a lease may last
        routes=() if r.random() < 0.8 else (r.choice(ROUTES),),
    )


def _sink(r: Random, place: int, fifo: str) -> SinkPlan:
    return SinkPlan(
        id=f"sink{place}",
        entries=r.choice((1, 3, 10)),
        size=r.choice((300, 1000)),
        timeout=r.choice((2.0, 10.0)),
        concurrency=r.choice((1, 2, 32)),
        routes=() if r.random() < 0.75 else (r.choice(ROUTES),),
        salt=r.randrange(8),
        refuses=r.choice((0, 0, 3, 7)),
        bugs=r.choice((0, 0, 0, 0 if fifo == "block" else 5)),
    )


def _worker(r: Random, place: int, quiet_at: float) -> WorkerPlan:
    lives = [_life(r, quiet_at, first=number == 0) for number in range(r.choice((1, 1, 2, 3)))]
    return WorkerPlan(f"w{place + 1}", tuple(lives))


def _life(r: Random, quiet_at: float, *, first: bool) -> LifePlan:
    end = r.choice(("none", "kill", "kill", "stop", "stop"))
    blocked = r.random() < 0.1
    return LifePlan(
        after=r.choice((0.0, 0.0, 3.0)) if first else r.choice((0.1, 2.0, 15.0)),
        kill_at=1 + int(r.expovariate(1 / 150)) if end == "kill" else None,
        stop_at=r.uniform(0, quiet_at / 2) if end == "stop" else None,
        blocked_at=r.uniform(0, 20) if blocked else None,
        blocked_for=r.choice((2.0, 20.0, 45.0, 100.0)) if blocked else 0,
    )


def _faults(
    r: Random, messages: tuple[Sent, ...], stages: tuple[StagePlan, ...], sinks: tuple[SinkPlan, ...]
) -> tuple[Fault, ...]:
    targets = [
        "receive",
        "settle",
        "settle",
        "extend",
        "dead_letter",
        "store",
        *(stage.id for stage in stages if stage.is_async),
    ]
    targets += [sink.id for sink in sinks] * 2
    return tuple(_fault(r, r.choice(targets), r.choice(messages)) for _ in range(r.choice((0, 1, 3, 8, 16))))


def _fault(r: Random, of: str, message: Sent) -> Fault:
    kind = r.choice(FAULTS[operation(of)])
    if kind in ("entry", "after entry"):
        return Fault(of, r.choice((1, 1, 2, 3)), kind, message.id)
    return Fault(of, 1 + int(r.expovariate(1 / 6)), kind)


def _outages(
    r: Random, stages: tuple[StagePlan, ...], sinks: tuple[SinkPlan, ...], quiet_at: float
) -> tuple[Outage, ...]:
    targets = ["source", "dead_letter", "store", *(stage.id for stage in stages if stage.is_async)]
    targets += [sink.id for sink in sinks] * 3
    outages = []
    for _ in range(r.choice((0, 0, 1, 1, 2))):
        start = r.uniform(0, quiet_at * 0.6) if r.random() < 0.6 else 0.0
        outages.append(Outage(r.choice(targets), start, min(quiet_at, start + r.choice((3.0, 20.0, 90.0, 200.0)))))
    return tuple(outages)
