"""Event patterns that EventBridge refuses, and bounds of those it takes: nothing hostile costs more than its size."""

from __future__ import annotations

import time
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from sluiceway.core.errors import InvalidPattern
from sluiceway.core.event_pattern import EventPattern


def matches(pattern: Mapping[str, object] | str, event: Mapping[str, object]) -> bool:
    return EventPattern(pattern).matches(event)


@pytest.mark.parametrize(
    ("pattern", "path", "message"),
    [
        ({}, (), "empty object"),
        ([1, 2], (), "a pattern is an object"),
        (None, (), "a pattern is an object of fields, found null"),
        ("[1]", (), "a pattern is an object"),
        ("{", (), "not JSON"),
        ('{"a": [NaN]}', ("a", 0), "not a JSON number"),
        ('{"a": [1e400]}', ("a", 0), "not a JSON number"),
        ("[" * 100_000, (), "deeper than 64"),
        ({"a": {}}, ("a",), "empty object"),
        ({"a": []}, ("a",), "empty list"),
        ({"a": "paid"}, ("a",), '"a" must be an object or an array, found "paid"'),
        ({"a": None}, ("a",), "must be an object or an array, found null"),
        ({"a": {"b": 1}}, ("a", "b"), "must be an object or an array"),
        ({"a": [["x"]]}, ("a", 0), "list inside a list"),
        ({"a": [{}]}, ("a", 0), "exactly one key"),
        ({"a": [{"prefix": "x", "suffix": "y"}]}, ("a", 0), 'exactly one key, found "prefix", "suffix"'),
        ({"a": [{"prefx": "x"}]}, ("a", 0, "prefx"), 'did you mean "prefix"'),
        ({"a": ["x", {"anything_but": "x"}]}, ("a", 1, "anything_but"), 'did you mean "anything-but"'),
        ({"a": [{"zzz": "x"}]}, ("a", 0, "zzz"), "allowed: prefix, suffix"),
        ({"a": [{"prefix": 3}]}, ("a", 0, "prefix"), "takes a string, found 3"),
        ({"a": [{"suffix": ["x"]}]}, ("a", 0, "suffix"), "takes a string, found a list"),
        (
            {"a": [{"prefix": {"wildcard": "x"}}]},
            ("a", 0, "prefix", "wildcard"),
            "allowed: equals-ignore-case",
        ),
        (
            {"a": [{"prefix": {"equals-ignore-case": 1}}]},
            ("a", 0, "prefix", "equals-ignore-case"),
            "a string",
        ),
        ({"a": [{"exactly": 33}]}, ("a", 0, "exactly"), "takes a string"),
        ({"a": [{"equals-ignore-case": ["x"]}]}, ("a", 0, "equals-ignore-case"), "takes a string"),
        ({"a": [{"wildcard": "a**b"}]}, ("a", 0, "wildcard"), "two stars"),
        ({"a": [{"wildcard": "a\\b"}]}, ("a", 0, "wildcard"), "backslash"),
        ({"a": [{"wildcard": "a\\"}]}, ("a", 0, "wildcard"), "backslash"),
        ({"a": [{"anything-but": []}]}, ("a", 0, "anything-but"), "empty list"),
        ({"a": [{"anything-but": ["x", 1]}]}, ("a", 0, "anything-but"), 'only numbers, found "x", 1'),
        ({"a": [{"anything-but": None}]}, ("a", 0, "anything-but"), "found null"),
        ({"a": [{"anything-but": [True]}]}, ("a", 0, "anything-but"), "found true"),
        ({"a": [{"anything-but": {"prefix": ""}}]}, ("a", 0, "anything-but", "prefix"), "empty prefix"),
        (
            {"a": [{"anything-but": {"suffix": ["x", ""]}}]},
            ("a", 0, "anything-but", "suffix"),
            "empty suffix",
        ),
        ({"a": [{"anything-but": {"prefix": []}}]}, ("a", 0, "anything-but", "prefix"), "at least one"),
        (
            {"a": [{"anything-but": {"numeric": ["=", 1]}}]},
            ("a", 0, "anything-but", "numeric"),
            "allowed: prefix",
        ),
        ({"a": [{"anything-but": {"prefix": [1]}}]}, ("a", 0, "anything-but", "prefix"), "takes a string"),
        (
            {"a": [{"anything-but": {"prefix": {"equals-ignore-case": "x"}}}]},
            ("a", 0, "anything-but", "prefix"),
            "takes a string, found an object",
        ),
        ({"a": [{"numeric": []}]}, ("a", 0, "numeric"), "or a range"),
        ({"a": [{"numeric": 5}]}, ("a", 0, "numeric"), "or a range"),
        ({"a": [{"numeric": ["=", True]}]}, ("a", 0, "numeric"), "followed by a number, found true"),
        ({"a": [{"numeric": ["=", "1"]}]}, ("a", 0, "numeric"), "followed by a number"),
        ({"a": [{"numeric": ["==", 1]}]}, ("a", 0, "numeric"), "or a range"),
        ({"a": [{"numeric": ["<", 1, ">", 0]}]}, ("a", 0, "numeric"), "or a range"),
        ({"a": [{"numeric": [">", 1, "<", 3, False]}]}, ("a", 0, "numeric"), "or a range"),
        ({"a": [{"numeric": [">", 1, "<", 1]}]}, ("a", 0, "numeric"), "not below"),
        ({"a": [{"numeric": ["=", 5.1e9]}]}, ("a", 0, "numeric"), "-5e9 to 5e9"),
        ({"a": [{"exists": "yes"}]}, ("a", 0, "exists"), "true or false"),
        ({"a": [{"exists": 0}]}, ("a", 0, "exists"), "true or false"),
        ({"a": [{"cidr": "foo"}]}, ("a", 0, "cidr"), "10.0.0.0/24"),
        ({"a": [{"cidr": "10.0.0.0/8/8"}]}, ("a", 0, "cidr"), "10.0.0.0/24"),
        ({"a": [{"cidr": "10.0.0.1/32"}]}, ("a", 0, "cidr"), "at most 31"),
        ({"a": [{"cidr": "::1/128"}]}, ("a", 0, "cidr"), "at most 127"),
        ({"$or": [{"a": [1]}]}, ("$or",), "at least two"),
        ({"$or": [{"a": [1]}, "b"]}, ("$or", 1), 'only patterns, found "b"'),
        ({"$or": [{"a": [1]}, {"prefix": ["b"]}]}, ("$or", 1, "prefix"), "reserved"),
        ({"$or": [{"a": [1]}, {"b": {"regex": ["b"]}}]}, ("$or", 1, "b", "regex"), "reserved"),
        ({"$or": [{"a": [1]}, {}]}, ("$or", 1), "empty object"),
        ({"$or": "x"}, ("$or",), "must be an object or an array"),
        ({"d": {"$or": ["x"]}, "$or": [{"a": [1]}, {"b": [1]}]}, ("$or",), "both"),
        ({1: ["x"]}, (), "the name of a field is a string"),
        ({"a": [b"x"]}, ("a", 0), "found a Python bytes"),
        ({"a": [float("inf")]}, ("a", 0), "not a JSON number"),
        ({"a": [Decimal("NaN")]}, ("a", 0), "not a JSON number"),
        ({"." * 20_000: [1]}, ("." * 20_000,), "more than 64 parts"),
        ({"a": [1] * 20_000}, ("a", 9998), "more than 10000 values"),
        ({f"k{i}": [1] for i in range(257)}, ("k256",), "at most 256 fields"),
    ],
)
def test_a_pattern_that_the_service_refuses_is_refused_with_its_place(
    pattern: Any, path: tuple[str | int, ...], message: str
) -> None:
    with pytest.raises(InvalidPattern) as caught:
        EventPattern(pattern)
    assert message in str(caught.value)
    assert caught.value.path == path


def nested(levels: int, innermost: object) -> dict[str, Any]:
    fields = {"a": innermost}
    for _ in range(levels - 1):
        fields = {"a": fields}
    return fields


def test_64_levels_are_allowed_and_no_more() -> None:
    assert matches(nested(63, ["x"]), nested(63, "x"))
    with pytest.raises(InvalidPattern, match="deeper than 64"):
        EventPattern(nested(64, ["x"]))


def test_a_very_deep_event_is_no_recursion_error() -> None:
    array: Any = ["x"]
    for _ in range(100_000):
        array = [array]
    assert matches({"a": ["x"]}, {"a": array})
    assert not matches({"a": {"b": ["x"]}}, {"a": array})
    assert EventPattern({"a": ["y"]}).mismatch({"a": array}) == 'a is "x"; the pattern wants "y"'


def test_a_hostile_wildcard_and_value_take_linear_time() -> None:
    pattern = EventPattern({"a": [{"wildcard": "*a" * 500 + "*b"}]})
    start = time.perf_counter()
    assert not pattern.matches({"a": "a" * 1_000_000})
    assert time.perf_counter() - start < 2


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
