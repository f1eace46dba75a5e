"""A mutant: one deliberate bug in the engine, as a change of its source."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """One change to the source of the engine.

    Attributes:
        name: What to call it.
        module: The module, below `sluiceway.engine`.
        old: The text to replace; it must be there exactly once.
        new: What to put there.
        rules: The rules that it may be caught by.
        seeds: Seeds that catch it.
    """

    name: str
    module: str
    old: str
    new: str
    rules: tuple[str, ...]
    seeds: tuple[int, ...] = ()
