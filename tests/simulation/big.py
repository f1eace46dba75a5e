"""One big FIFO world: many groups and messages, several workers that are killed and stopped, and sinks that fail."""

# ruff: noqa: PLC0415 - a mutant must be in place before the engine is imported
# ruff: noqa: S311 - chance, not secrecy
# ruff: noqa: T201 - what it prints is its purpose

from __future__ import annotations

import gc
import time
from random import Random
from typing import Final

from .scenario import Fault, FaultKind, LifePlan, Outage, Scenario, Sent, SinkPlan, StagePlan, WorkerPlan

_WORKERS: Final = 4
_LIFE: Final = 12.0
"""Seconds that a worker lives, about."""

_KINDS: Final[tuple[FaultKind, ...]] = ("before", "after", "throttled", "slow before", "slow after")


def fifo_world(groups: int, messages: int, seed: int = 1) -> Scenario:
    """Return a world with so many groups and messages, in which things go wrong for as long as most of them take."""
    r = Random(seed)
    quiet_at = 20 + messages / groups * 0.5
    stage = StagePlan("stage0", "split", 1, 2, 2, is_async=True, takes=0.01, timeout=10, concurrency=64, routes=())
    flaky = StagePlan("stage1", "flaky", 3, 97, 2, is_async=False, takes=0, timeout=1, concurrency=1, routes=())
    sinks = tuple(
        SinkPlan(f"sink{n}", 10, 1000, timeout=5, concurrency=16, routes=(), salt=n, refuses=101 * n, bugs=0)
        for n in range(2)
    )
    return Scenario(
        seed=seed,
        messages=tuple(
            Sent(
                number + 1,
                at=0.0 if number < messages / 2 else r.uniform(0, quiet_at / 2),
                group=f"g{r.randrange(groups)}",
            )
            for number in range(messages)
        ),
        stages=(stage, flaky),
        sinks=sinks,
        workers=tuple(_worker(r, f"w{number + 1}", quiet_at) for number in range(_WORKERS)),
        faults=tuple(_fault(r, messages) for _ in range(messages // 50)),
        outages=tuple(
            Outage(r.choice(("sink0", "sink1", "source", "dead_letter")), start, start + r.uniform(1, 5))
            for start in (r.uniform(0, quiet_at) for _ in range(max(2, int(quiet_at / 30))))
        ),
        duplicates=(),
        expired_deletes=False,
        fifo="dead_letter",
        store=True,
        lease=6.0,
        limit=600.0,
        attempts=5,
        hold=30.0,
        backoff=(0.5, 5.0),
        max_age=None,
        in_flight=1000,
        in_flight_bytes=1024**3,
        unrouted="drop",
        stop_timeout=15.0,
        wait_time=1.0,
        latency=0.01,
        quiet_at=quiet_at,
    )


def _worker(r: Random, name: str, quiet_at: float) -> WorkerPlan:
    return WorkerPlan(name, tuple(_life(r) for _ in range(int(quiet_at / _LIFE))))


def _life(r: Random) -> LifePlan:
    after = r.uniform(0.1, 2)
    if r.random() < 0.5:
        return LifePlan(after, stop_at=r.uniform(1, 2 * _LIFE))
    return LifePlan(after, kill_at=1 + int(r.expovariate(1 / 8_000)))


def _fault(r: Random, messages: int) -> Fault:
    of = r.choice(("receive", "settle", "extend", "dead_letter", "store", "sink0", "sink0", "sink1", "sink1"))
    if of.startswith("sink") and r.random() < 0.8:
        return Fault(of, 1, r.choice(("entry", "after entry")), f"m{r.randrange(messages) + 1}")
    kind = r.choice(("before", "after")) if of == "extend" else r.choice(_KINDS)
    return Fault(of, 1 + int(r.random() * messages / 10), kind)


def play_big(groups: int, messages: int) -> int:
    """Play it, print what came of it, and return 1 when a rule was broken."""
    from .many import print_trace
    from .play import play

    started = time.monotonic()
    gc.disable()
    played = play(fifo_world(groups, messages), trace=False)
    counts = played.counts
    print(f"{'messages':24} {messages:>12,}\n{'groups':24} {groups:>12,}")
    for name in ("deliveries", "dead letters", "lives", "kills", "stops", "accepted", "accepted again", "inversions"):
        print(f"{name:24} {counts[name]:>12,}")
    faults = sum(count for name, count in counts.items() if name.startswith("fault: "))
    print(f"{'faults':24} {faults:>12,}\n{'virtual seconds':24} {counts['virtual seconds']:>12,}")
    print(f"{'violations':24} {len(played.violations):>12,}\n{'seconds':24} {time.monotonic() - started:>12.1f}")
    if played.violations:
        print_trace(played)
    return 1 if played.violations else 0
