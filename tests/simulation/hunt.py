"""Hunts the mutants: plays seeds with each, in a process of its own, until a rule that it breaks is found broken."""

# ruff: noqa: PLC0415 - a mutant must be in place before the engine is imported

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from .mutant import Mutant
from .mutants import install


@dataclass(frozen=True)
class Hunted:
    """How the hunt for one mutant has ended.

    Attributes:
        mutant: Which.
        rule: The rule that has caught it; empty when none has.
        seed: With which seed.
        played: How many seeds were played.
        others: The rules that were broken before, which were not to be.
    """

    mutant: Mutant
    rule: str
    seed: int
    played: int
    others: frozenset[str]


def hunt(mutant: Mutant, seeds: Iterable[int]) -> Hunted:
    """Play these seeds with one mutant, in this process, until it is caught."""
    for name in [name for name in sys.modules if name.startswith("sluiceway")]:
        del sys.modules[name]  # the process has been forked from one that knows the real engine
    install(mutant.name)
    from .draw import draw
    from .play import play

    played, others, seed = 0, set[str](), 0
    for played, seed in enumerate(seeds, 1):
        rules = {violation.rule for violation in play(draw(seed), trace=False).violations}
        if caught := rules & {*mutant.rules}:
            return Hunted(mutant, min(caught), seed, played, frozenset(others))
        others |= rules
    return Hunted(mutant, "", seed, played, frozenset(others))


def _hunt(task: tuple[Mutant, Sequence[int]]) -> Hunted:
    return hunt(*task)


def hunt_all(mutants: Sequence[Mutant], seeds: Sequence[int] = ()) -> Iterator[Hunted]:
    """Hunt every mutant, several at a time, with these seeds or with those that are known to catch it."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["sluiceway.testing"])
    with context.Pool(os.cpu_count(), maxtasksperchild=1) as pool:
        yield from pool.imap(_hunt, [(mutant, seeds or mutant.seeds) for mutant in mutants], chunksize=1)
