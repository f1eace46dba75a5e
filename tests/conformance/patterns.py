"""Many patterns and events, the answer of `EventPattern` against the naive matcher's."""

# ruff: noqa: T201 - what it prints is its purpose

from __future__ import annotations

import json
import time
from collections import Counter
from random import Random
from typing import Any

from sluiceway.core.errors import InvalidPattern
from sluiceway.core.event_pattern import EventPattern

from .naive_event_pattern import naive
from .naive_pattern_reader import names_a_value_and_an_object
from .pattern_cases import draw

_SHOWN = 5


def answer(pattern: Any, event: dict[str, Any]) -> str:
    """Answer "matches", "no match" or "refused"; what else the pattern says of the event must agree with it."""
    try:
        compiled = EventPattern(pattern)
    except InvalidPattern:
        return "refused"
    matched = compiled.matches(event)
    assert (compiled.mismatch(event) is None) is matched
    return "matches" if matched else "no match"


def main(cases: int, seed: int = 1) -> int:
    """Compare, print, and return 1 when an answer differed."""
    started = time.monotonic()
    random = Random(seed)  # noqa: S311 - chance in a test, not cryptography
    answers: Counter[str] = Counter()
    differ = known = 0
    for _ in range(cases):
        pattern, event = draw(random)
        expected, got = naive(pattern, event), answer(pattern, event)
        answers[expected] += 1
        if got != expected and names_a_value_and_an_object(pattern):
            known += 1  # docs/event-patterns.md, "Where the service may answer otherwise"
        elif got != expected:
            differ += 1
            if differ <= _SHOWN:
                print(f"{got}, and the naive matcher: {expected}\n  {json.dumps(pattern)}\n  {json.dumps(event)}")
    shares = ", ".join(f"{name} {answers[name] / max(1, cases):.1%}" for name in ("matches", "no match", "refused"))
    took = time.monotonic() - started
    print(f"patterns: {cases} cases, seed {seed}: {shares}; {differ} mismatches, {known} known; {took:.0f} s")
    return 1 if differ else 0
