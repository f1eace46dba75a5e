"""Shrinks a scenario that breaks a rule to one that breaks the same rule with as little as possible in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from .play import Played, play
from .scenario import Scenario

_MOST_PLAYS: Final = 600

_LISTS: Final = ("workers", "messages", "faults", "outages", "duplicates", "stages", "sinks")
"""What can be left out, the largest first."""

_CALM: Final[dict[str, Any]] = {
    "latency": 0.0,
    "expired_deletes": False,
    "max_age": None,
    "in_flight": 1,
    "store": False,
}


def shrink(scenario: Scenario, rule: str) -> tuple[Scenario, Played]:
    """Return the smallest scenario found that breaks this rule, and how it went."""
    best, played, plays, tried_all = scenario, play(scenario), 0, False
    while not tried_all and plays < _MOST_PLAYS:
        tried_all = True
        for smaller in _smaller(best):
            plays += 1
            again = play(smaller)
            if rule in {violation.rule for violation in again.violations} and _size(again) <= _size(played):
                best, played, tried_all = smaller, again, False
                break
            if plays >= _MOST_PLAYS:
                break
    return best, played


def _size(played: Played) -> int:
    return len(played.trace)


def _smaller(scenario: Scenario) -> Iterator[Scenario]:
    for name in _LISTS:
        for fewer in _fewer(getattr(scenario, name)):
            yield _with(scenario, name, fewer)
    for place, worker in enumerate(scenario.workers):
        lives = [*(worker.lives[:-1] and [worker.lives[:-1]])]
        lives += [
            (*worker.lives[:number], calm, *worker.lives[number + 1 :])
            for number, life in enumerate(worker.lives)
            for calm in (replace(life, kill_at=None), replace(life, stop_at=None), replace(life, blocked_at=None))
            if calm != life
        ]
        for fewer in lives:
            workers = (*scenario.workers[:place], replace(worker, lives=fewer), *scenario.workers[place + 1 :])
            yield replace(scenario, workers=workers)
    for name, calm in _CALM.items():
        if getattr(scenario, name) != calm:
            yield _with(scenario, name, calm)


def _with(scenario: Scenario, name: str, value: Any) -> Scenario:
    changes: dict[str, Any] = {name: value}
    return replace(scenario, **changes)


def _fewer(items: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
    """Return the sequence without its halves, then without each of its items."""
    size = len(items)
    if size > 3:
        yield tuple(items[: size // 2])
        yield tuple(items[size // 2 :])
    for place in range(size):
        yield (*items[:place], *items[place + 1 :])
