"""Event patterns that EventBridge refuses: what is said of them, and of which place."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from sluiceway.core.errors import InvalidPattern
from sluiceway.core.event_pattern import EventPattern


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
        ({"a": [{"numeric": ["<", 1e-7]}]}, ("a", 0, "numeric"), "six digits after the point, found 1e-07"),
        ({"a": [{"anything-but": [1, 6e9]}]}, ("a", 0, "anything-but"), "-5e9 to 5e9, found 6000000000"),
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
