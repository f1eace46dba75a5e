"""Plays many seeds on all cores, and says what came of it."""

# ruff: noqa: T201 - what it prints is its purpose

from __future__ import annotations

import gc
import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from .draw import FAULTS, OUTAGES, draw
from .mutants import install
from .play import Played, play
from .shrink import shrink

_PIECE: Final = 50
"""Seeds that a process plays at a time; the garbage is collected after them, not while they play."""

_ENOUGH_FOR_ALL: Final = 1000
"""Seeds in which every kind of fault must have hit every operation that it can hit."""

_EVERY: Final = 10.0
"""Seconds between two lines of progress."""


@dataclass
class Totals:
    """What many seeds came to.

    Attributes:
        seeds: How many were played.
        counts: What has happened how often.
        broken: The seeds that broke a rule, by rule.
    """

    seeds: int = 0
    counts: Counter[str] = field(default_factory=Counter[str])
    broken: dict[str, list[int]] = field(default_factory=dict[str, list[int]])

    def add(self, other: Totals) -> None:
        """Add what other seeds came to."""
        self.seeds += other.seeds
        self.counts += other.counts
        for rule, seeds in other.broken.items():
            self.broken.setdefault(rule, []).extend(seeds)


def play_some(seeds: Iterable[int]) -> Totals:
    """Play these seeds in this process."""
    totals = Totals()
    gc.disable()
    for seed in seeds:
        scenario = draw(seed)
        played = play(scenario, trace=False)
        totals.seeds += 1
        totals.counts += played.counts
        totals.counts["messages"] += len(scenario.messages)
        if played.violations:
            totals.broken.setdefault(played.violations[0].rule, []).append(seed)
    gc.enable()
    gc.collect()
    return totals


def play_many(first: int, seeds: int, *, mutant: str = "", enough: int = 0) -> Totals:
    """Play these seeds, one process a core; stop after `enough` that break a rule, when given."""
    totals, started, told = Totals(), time.monotonic(), time.monotonic()
    pieces = [range(start, min(start + _PIECE, first + seeds)) for start in range(first, first + seeds, _PIECE)]
    with multiprocessing.get_context("spawn").Pool(os.cpu_count(), install, (mutant,)) as pool:
        for some in pool.imap_unordered(play_some, pieces):
            totals.add(some)
            if time.monotonic() - told > _EVERY:
                told = time.monotonic()
                broken = sum(map(len, totals.broken.values()))
                print(f"{totals.seeds} of {seeds} seeds, {broken} broke a rule, {told - started:.0f}s", flush=True)
            if enough and sum(map(len, totals.broken.values())) >= enough:
                break
    return totals


def table(totals: Totals, seconds: float) -> Iterator[str]:
    """Return the lines that sum up what was played."""
    counts = totals.counts
    for name in ("messages", "deliveries", "dead letters", "lives", "kills", "stops", "blocked loops", "steps"):
        yield f"{name:24} {counts[name]:>12,}"
    yield f"{'virtual hours':24} {counts['virtual seconds'] / 3600:>12,.1f}"
    yield from _faults(counts)
    for rule, seeds in sorted(totals.broken.items()):
        yield f"{'broken: ' + rule:24} {len(seeds):>12,}  seeds {', '.join(map(str, sorted(seeds)[:5]))} …"
    yield f"{'seeds':24} {totals.seeds:>12,}"
    yield f"{'violations':24} {sum(map(len, totals.broken.values())):>12,}"
    yield f"{'seconds':24} {seconds:>12,.1f}  {seconds / max(1, totals.seeds) * 1000:.2f} ms a seed"


def _faults(counts: Counter[str]) -> Iterator[str]:
    """Return how often each fault has hit each operation."""
    for what, kinds in (*FAULTS.items(), *((what, ("outage",)) for what in OUTAGES)):
        hits = (f"{kind} {counts[f'fault: {what}: {kind}']:,}" for kind in dict.fromkeys(kinds))
        yield f"{'faults of ' + what:24} {', '.join(hits)}"


def missing_faults(totals: Totals) -> list[str]:
    """Return what never went wrong, though it may and enough seeds were played for it."""
    if totals.seeds < _ENOUGH_FOR_ALL:
        return []
    faults = [f"fault: {what}: {kind}" for what, kinds in FAULTS.items() for kind in kinds]
    faults += [f"fault: {what}: outage" for what in OUTAGES]
    return [name for name in (*faults, "kills", "stops", "blocked loops") if not totals.counts[name]]


def show(seed: int, *, mutant: str = "") -> None:
    """Shrink a seed that broke a rule, and print the short trace and how to play the seed again."""
    rule = play(draw(seed)).violations[0].rule
    scenario, played = shrink(draw(seed), rule)
    print(f"\nseed {seed} breaks {rule}; shrunk to:\n{scenario}\n")
    print_trace(played)
    print(f"\nplay it again, whole: make simulate SEED={seed}{f' MUTANT={mutant}' if mutant else ''}")


def print_trace(played: Played) -> None:
    """Print what happened, and what was wrong with it."""
    print("\n".join(played.trace))
    for violation in played.violations:
        print(f"{violation.rule} at {violation.at:.3f}: {violation.text}")
