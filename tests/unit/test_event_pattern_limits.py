"""The limits of event patterns that docs/event-patterns.md lists, and that nothing hostile costs more than its size."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

import pytest
from tests.conformance.pattern_rules import limits

from sluiceway.core.errors import InvalidPattern
from sluiceway.core.event_pattern import EventPattern


def matches(pattern: Mapping[str, object] | str, event: Mapping[str, object]) -> bool:
    return EventPattern(pattern).matches(event)


def nested(levels: int, innermost: object) -> dict[str, Any]:
    fields = {"a": innermost}
    for _ in range(levels - 1):
        fields = {"a": fields}
    return fields


def combinations(count: int) -> dict[str, Any]:
    """A pattern whose `$or` multiply to so many; the last of them is nested in the first."""
    tens = {"b": {"$or": [{f"k{number}": [1]} for number in range(10)]}}
    inner = [{f"k{number}": [1]} for number in range(count // 100)]
    return {**tens, "$or": [{"a": {"$or": inner}}, *({f"x{number}": [1]} for number in range(9))]}


LIMITS: dict[str, tuple[Callable[[int], Any], int, int, str]] = {
    "combinations": (combinations, 1000, 1100, "1000 combinations"),
    "fields": (lambda count: {f"k{number}": [1] for number in range(count)}, 256, 257, "at most 256 fields"),
    "depth": (lambda levels: nested(levels - 1, ["x"]), 64, 65, "deeper than 64 levels"),
    "values": (lambda count: {"a": [1] * (count - 2)}, 10_000, 10_001, "more than 10000 values"),
    "characters": (lambda count: json.dumps({"a": ["x" * (count - 11)]}), 1_048_576, 1_048_577, "at most 1048576"),
    "dots": (lambda parts: {".".join("a" * parts): ["x"]}, 64, 65, "more than 64 parts"),
}


def test_every_limit_of_the_page_is_tested() -> None:
    assert limits() == list(LIMITS)


@pytest.mark.parametrize(("make", "allowed", "beyond", "message"), LIMITS.values(), ids=LIMITS)
def test_the_limit_is_allowed_and_no_more(make: Callable[[int], Any], allowed: int, beyond: int, message: str) -> None:
    EventPattern(make(allowed))
    with pytest.raises(InvalidPattern, match=message):
        EventPattern(make(beyond))


def test_a_very_deep_event_is_no_recursion_error() -> None:
    array: Any = ["x"]
    for _ in range(100_000):
        array = [array]
    assert matches({"a": ["x"]}, {"a": array})
    assert not matches({"a": {"b": ["x"]}}, {"a": array})
    assert EventPattern({"a": ["y"]}).mismatch({"a": array}) == 'a is "x"; the pattern wants "y"'


def calls_into_c(run: Callable[[], object]) -> int:
    """Count the calls of what is written in C: each search of a text is one."""
    calls = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event == "c_call"

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        run()
    finally:
        sys.setprofile(before)
    return calls


@pytest.mark.parametrize("length", [1000, 1_000_000])
def test_a_wildcard_looks_for_each_part_once_however_long_the_text(length: int) -> None:
    pattern = EventPattern({"a": [{"wildcard": "*a" * 500 + "*b*"}]})
    assert not pattern.matches({"a": "a" * length})
    assert calls_into_c(lambda: pattern.matches({"a": "a" * length})) < 2 * 500 + 50  # a search and a len() for each


def test_no_letter_can_match_in_two_ways_in_any_case() -> None:
    for code in range(0x10000):
        lower, upper = chr(code).lower(), chr(code).upper()
        # else an expression of such letters could try one after another, again and again
        assert lower == upper or not (lower.startswith(upper) or upper.startswith(lower)), chr(code)


def test_a_chain_of_exists_false_compiles_and_matches_in_polynomial_time() -> None:
    fields: Any = {"z": [{"exists": False}]}
    event: Any = {"a": 1}
    for _ in range(60):
        fields = {"a": fields, "b": [{"exists": False}]}
        event = {"a": [event]}
    assert matches(fields, event)


def test_dotted_names_under_each_other_do_not_multiply() -> None:
    fields: Any = {"z": ["x"]}
    event: Any = {"z": "x"}
    for _ in range(20):
        fields = {"a.b.c": fields}
        event = {"a": {"b": {"c": event}}}
    assert matches(fields, event)
    assert not matches(fields, {"a": event})
