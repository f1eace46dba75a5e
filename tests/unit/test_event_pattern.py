"""Event patterns as values of Python: what they are made of, read, equal, and look like to pydantic.

What they mean is in test_event_pattern_rules.py, rule by rule.
"""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Iterator, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import jsonschema_rs
import pytest
from pydantic import BaseModel, ValidationError

from sluiceway.core.event_pattern import EventPattern


def matches(pattern: Mapping[str, object] | str, event: Mapping[str, object]) -> bool:
    return EventPattern(pattern).matches(event)


@pytest.mark.parametrize(
    ("accepted", "value", "expected"),
    [
        ([300], Decimal("300.00"), True),
        ([0.1], Decimal("0.1"), True),
        ([Decimal("0.1")], 0.1, True),
        ([Decimal("0.12345678901234567890")], Decimal("0.1234567890123456789"), True),
        ([Decimal("0.12345678901234567890")], 0.12345678901234568, False),
        ([{"numeric": [">=", 0.1]}], Decimal("0.1"), True),
        ([{"numeric": [">", 0.1]}], Decimal("0.1"), False),
        ([{"numeric": [">", Decimal("0.100000")]}], Decimal("0.1"), False),
        ([{"numeric": [">", 0]}], 10**400, False),
        ([{"anything-but": Decimal("0.1")}], 0.1, False),
    ],
)
def test_numbers_of_every_python_type_are_compared_by_value(
    accepted: list[Any], value: object, *, expected: bool
) -> None:
    assert matches({"field": accepted}, {"field": value}) is expected


@pytest.mark.parametrize(
    ("accepted", "expected"),
    [(["x"], False), ([None], False), ([{"exists": False}], True), ([{"anything-but": "x"}], False)],
)
def test_a_missing_field_matches_only_exists_false(accepted: list[Any], *, expected: bool) -> None:
    pattern = {"a": {"b": accepted}}
    events: list[dict[str, Any]] = [{}, *({"a": value} for value in ({}, {"c": 1}, 1, None, [], [1, {}]))]
    for event in events:
        assert matches(pattern, event) is expected


def test_text_is_json_and_a_repeated_key_counts_the_last_time() -> None:
    pattern = EventPattern('{"a": ["x"], "a": ["y"]}')
    assert pattern.source == {"a": ["y"]}
    assert pattern.matches({"a": "y"})
    assert not pattern.matches({"a": "x"})


class LazyView(Mapping[str, object]):
    """Records what is read."""

    def __init__(self, **fields: object) -> None:
        self.fields = fields
        self.read: set[str] = set()

    def __getitem__(self, key: str) -> object:
        self.read.add(key)
        return self.fields[key]

    def __iter__(self) -> Iterator[str]:
        raise AssertionError("a match must not go through all keys")

    def __len__(self) -> int:
        return len(self.fields)


def test_only_the_top_level_keys_that_the_pattern_names_are_read() -> None:
    view = LazyView(id="1", body={"status": "paid"}, headers=MappingProxyType({"k": "v"}))
    assert matches({"headers": {"k": ["v"]}}, view)
    assert view.read == {"headers"}


def test_a_pattern_does_not_change_with_the_mapping_it_came_from() -> None:
    given: dict[str, Any] = {"a": ["x"]}
    pattern = EventPattern(given)
    given["a"].append("y")
    assert pattern.source == {"a": ["x"]}
    assert not pattern.matches({"a": "y"})


def test_equal_patterns_are_equal_and_hash_alike() -> None:
    one, same = EventPattern({"a": [1], "b": ["x"]}), EventPattern('{"b": ["x"], "a": [1]}')
    assert one == same
    assert hash(one) == hash(same)
    assert one != EventPattern({"a": [True], "b": ["x"]})
    assert one != {"a": [1], "b": ["x"]}
    assert repr(one) == "EventPattern({'a': [1], 'b': ['x']})"


def test_a_pattern_can_be_copied_and_pickled() -> None:
    pattern = EventPattern({"a": [{"prefix": "x"}]})
    assert copy.deepcopy(pattern) == pattern
    assert pickle.loads(pickle.dumps(pattern)).matches({"a": "xy"})  # noqa: S301 - our own bytes


class Settings(BaseModel):
    pattern: EventPattern


def test_a_pydantic_field_takes_a_mapping_text_or_a_pattern() -> None:
    pattern = EventPattern({"a": ["x"]})
    for given in ({"a": ["x"]}, '{"a": ["x"]}', pattern):
        settings = Settings.model_validate({"pattern": given})
        assert settings.pattern == pattern
    assert settings.model_dump(mode="json") == {"pattern": {"a": ["x"]}}


def test_a_pydantic_error_carries_the_place_inside_the_pattern() -> None:
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate({"pattern": {"a": {"{b}": [{"prefx": "{reason}"}]}}})
    (error,) = caught.value.errors()
    assert error["type"] == "event_pattern"
    assert error["loc"] == ("pattern",)
    assert error["ctx"]["path"] == ["a", "{b}", 0, "prefx"]
    assert error["msg"] == '"prefx" is not an operator here; did you mean "prefix"?'
    with pytest.raises(ValidationError, match="a pattern is an object of fields, found 5"):
        Settings.model_validate({"pattern": 5})


@pytest.mark.parametrize(
    ("pattern", "good"),
    [
        ({"a": ["x", 1, None, True]}, True),
        ({"a": {"b": {"c": {"d": [{"anything-but": {"prefix": ["x"]}}]}}}}, True),
        ({"a": [{"numeric": [">", 0, "<=", 5]}, {"exists": False}]}, True),
        ({"$or": [{"a": ["x"]}, {"b": [{"wildcard": "*"}]}]}, True),
        ({"a": [{"prefix": {"equals-ignore-case": "x"}}]}, True),
        ({}, False),
        ({"a": "x"}, False),
        ({"a": []}, False),
        ({"a": [{"prefx": "x"}]}, False),
        ({"a": [{"exists": "yes"}]}, False),
        ({"a": [["x"]]}, False),
    ],
)
def test_the_json_schema_tells_editors_the_same(pattern: dict[str, Any], *, good: bool) -> None:
    schema = Settings.model_json_schema()
    assert jsonschema_rs.validator_for(json.loads(json.dumps(schema))).is_valid({"pattern": pattern}) is good


@pytest.mark.parametrize(("event", "kind"), [('{"a": 1}', "str"), (None, "NoneType"), ([{"a": 1}], "list")])
def test_an_event_that_is_no_mapping_is_a_type_error_that_says_so(event: Any, kind: str) -> None:
    with pytest.raises(TypeError, match=f"an event is a mapping, not {kind}: parse JSON text"):
        EventPattern({"a": [1]}).matches(event)
