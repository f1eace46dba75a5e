"""Event patterns: what matches, what is refused, and what is said about it.

The cases follow EventBridge's user guide and the published behaviour of event-ruler.
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

from sluiceway.core.errors import InvalidPattern
from sluiceway.core.event_pattern import EventPattern


def matches(pattern: Mapping[str, object] | str, event: Mapping[str, object]) -> bool:
    return EventPattern(pattern).matches(event)


@pytest.mark.parametrize(
    ("accepted", "value", "expected"),
    [
        # exact values
        (["paid"], "paid", True),
        (["paid"], "Paid", False),
        (["open", "paid"], "paid", True),
        ([""], "", True),
        ([""], None, False),
        ([None], None, True),
        ([None], "", False),
        ([None], "null", False),
        ([True], True, True),
        ([True], 1, False),
        ([1], True, False),
        ([False], 0, False),
        (["true"], True, False),
        ([300], 300.0, True),
        ([3.0e2], 300, True),
        ([300], Decimal("300.00"), True),
        ([0.1], Decimal("0.1"), True),
        ([Decimal("0.1")], 0.1, True),
        ([Decimal("0.12345678901234567890")], Decimal("0.1234567890123456789"), True),
        ([Decimal("0.12345678901234567890")], 0.12345678901234568, False),
        ([300], "300", False),
        (["300"], 300, False),
        ([123456789012], 123456789012, True),
        (["ünï 𝄞"], "ünï 𝄞", True),
        (["10.0.0.1"], "010.0.0.1", True),
        (["::1"], "0:0:0:0:0:0:0:1", True),
        (["08:23"], "08:23", True),
        (["1.2.3.400"], "1.2.3.400", True),
        (["a", 1, None], 1, True),
        ([{"exactly": "paid"}], "paid", True),
        # text
        ([{"prefix": "A-"}], "A-1", True),
        ([{"prefix": "A-"}], "B-1", False),
        ([{"prefix": ""}], "", True),
        ([{"prefix": "1"}], 1, False),
        ([{"suffix": ".png"}], "a.png", True),
        ([{"suffix": ".png"}], "a.PNG", False),
        ([{"prefix": {"equals-ignore-case": "EventB"}}], "eVENTbridge", True),
        ([{"suffix": {"equals-ignore-case": ".PnG"}}], "a.pNg", True),
        ([{"suffix": {"equals-ignore-case": "long"}}], "g", False),
        ([{"suffix": {"equals-ignore-case": "straße"}}], "die STRASSE", True),
        ([{"suffix": {"equals-ignore-case": "x"}}], 5, False),
        ([{"equals-ignore-case": "Paid"}], "pAID", True),
        ([{"equals-ignore-case": "straße"}], "STRASSE", True),
        ([{"equals-ignore-case": "strasse"}], "straße", False),
        ([{"equals-ignore-case": "𐐀"}], "𐐨", False),  # the service folds UTF-16 units: no case beyond U+FFFF
        ([{"equals-ignore-case": "a.c"}], "abc", False),
        ([{"equals-ignore-case": "null"}], None, False),
        # wildcard
        ([{"wildcard": "*"}], "", True),
        ([{"wildcard": "*"}], 1, False),
        ([{"wildcard": "a*b*c"}], "a-b-c", True),
        ([{"wildcard": "a*b*c"}], "abc", True),
        ([{"wildcard": "a*b*c"}], "acb", False),
        ([{"wildcard": "ab*bc"}], "abc", False),
        ([{"wildcard": "a*a*a"}], "aa", False),
        ([{"wildcard": "dir/*.png"}], "dir/x\n.png", True),
        ([{"wildcard": r"a\*b"}], "a*b", True),
        ([{"wildcard": r"a\*b"}], "axb", False),
        ([{"wildcard": r"a\\*"}], "a\\x", True),
        ([{"wildcard": "plain"}], "plain", True),
        ([{"wildcard": ""}], "", True),
        # anything-but
        ([{"anything-but": "open"}], "paid", True),
        ([{"anything-but": "open"}], "open", False),
        ([{"anything-but": "open"}], None, True),
        ([{"anything-but": "open"}], False, True),
        ([{"anything-but": "1"}], 1, True),
        ([{"anything-but": 1}], 1.0, False),
        ([{"anything-but": 1}], True, True),
        ([{"anything-but": 1}], "1", True),
        ([{"anything-but": ["a", "b"]}], "b", False),
        ([{"anything-but": [1, 2]}], 3, True),
        ([{"anything-but": {"prefix": "in"}}], "init", False),
        ([{"anything-but": {"prefix": ["in", "out"]}}], "outer", False),
        ([{"anything-but": {"prefix": "in"}}], 5, True),
        ([{"anything-but": {"suffix": ".png"}}], "a.txt", True),
        ([{"anything-but": {"suffix": [".png", ".txt"]}}], "a.txt", False),
        ([{"anything-but": {"equals-ignore-case": "Init"}}], "INIT", False),
        ([{"anything-but": {"equals-ignore-case": ["a", "b"]}}], "B", False),
        ([{"anything-but": {"wildcard": "*/lib/*"}}], "a/lib/b", False),
        ([{"anything-but": {"wildcard": ["*x*", "*y*"]}}], "z", True),
        # numeric
        ([{"numeric": ["=", 3.018e2]}], 301.8, True),
        ([{"numeric": ["<", 10]}], 10, False),
        ([{"numeric": ["<=", 10]}], 10.0, True),
        ([{"numeric": [">", 0, "<=", 5]}], 0, False),
        ([{"numeric": [">", 0, "<=", 5]}], 5, True),
        ([{"numeric": [">=", 0.1]}], Decimal("0.1"), True),
        ([{"numeric": [">", 0.1]}], Decimal("0.1"), False),
        ([{"numeric": [">", 0]}], True, False),
        ([{"numeric": [">", 0]}], "1", False),
        ([{"numeric": [">", 0]}], 5_000_000_000, True),
        ([{"numeric": [">", 0]}], 5_000_000_000.01, False),  # beyond what the service compares
        ([{"numeric": ["<", 0]}], -5_000_000_001, False),
        ([{"numeric": [">", 0]}], 10**400, False),
        ([{"numeric": ["<", 0]}, 7], 7, True),
        # cidr
        ([{"cidr": "10.0.0.0/24"}], "10.0.0.255", True),
        ([{"cidr": "10.0.0.0/24"}], "10.0.1.0", False),
        ([{"cidr": "10.0.0.77/24"}], "10.0.0.1", True),
        ([{"cidr": "0.0.0.0/0"}], "255.1.2.3", True),
        ([{"cidr": "0.0.0.0/0"}], "::1", False),
        ([{"cidr": "2001:db8::/32"}], "2001:DB8:1::", True),
        ([{"cidr": "10.0.0.0/8"}], "::ffff:0a00:0001", True),
        ([{"cidr": "10.0.0.0/8"}], "10.0.0", False),
        ([{"cidr": "10.0.0.0/8"}], "10.0.0.256", False),
        ([{"cidr": "10.0.0.0/8"}], "a:b", False),
        ([{"cidr": "10.0.0.0/8"}], 10, False),
        # exists: only scalars are leaves
        ([{"exists": True}], None, True),
        ([{"exists": True}], "", True),
        ([{"exists": True}], {}, False),
        ([{"exists": True}], {"x": 1}, False),
        ([{"exists": True}], [], False),
        ([{"exists": True}], [[1]], True),
        ([{"exists": False}], None, False),
        ([{"exists": False}], {"x": 1}, True),
        ([{"exists": False}], [], True),
        ([{"exists": False}, "x"], "x", True),
        ([{"exists": False}, "x"], "y", False),
        # arrays: any element
        (["a"], ["b", "a"], True),
        (["a"], ["b", "c"], False),
        (["a"], [["x", ["a"]]], True),
        (["a"], [{"x": "a"}], False),
        ([None], [], False),
        ([{"anything-but": "a"}], ["a", "b"], True),
        ([{"anything-but": "a"}], ["a", "a"], False),
        ([{"anything-but": "a"}], [], False),
    ],
)
def test_a_field_matches_as_the_service_says(accepted: list[Any], value: object, *, expected: bool) -> None:
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


def test_all_fields_must_match() -> None:
    pattern = {"a": ["x"], "b": {"c": [1]}}
    assert matches(pattern, {"a": "x", "b": {"c": 1}, "more": 1})
    assert not matches(pattern, {"a": "x", "b": {"c": 2}})


def test_exists_false_goes_with_siblings() -> None:
    pattern = {"a": ["x"], "b": [{"exists": False}]}
    assert matches(pattern, {"a": "x"})
    assert not matches(pattern, {"a": "x", "b": None})


def test_fields_inside_an_array_must_match_in_the_same_element() -> None:
    pattern = {"lines": {"sku": ["A"], "paid": [True]}}
    assert matches(pattern, {"lines": [{"sku": "B", "paid": True}, {"sku": "A", "paid": True}]})
    assert not matches(pattern, {"lines": [{"sku": "B", "paid": True}, {"sku": "A", "paid": False}]})
    assert not matches({"a": {"b": {"x": [1], "y": [2]}}}, {"a": [{"b": [{"x": 1}, {"y": 2}]}]})


def test_fields_of_different_arrays_match_independently() -> None:
    assert matches({"a": {"x": [1]}, "b": {"x": [2]}}, {"a": [{"x": 1}, {}], "b": [{}, {"x": 2}]})


def test_exists_false_inside_an_array_looks_at_the_element_chosen_before_it() -> None:
    event = {"lines": [{"a": 1, "z": 2}, {"a": 1}]}
    assert matches({"lines": {"a": [1], "z": [{"exists": False}]}}, event)
    # "a" comes before "z", so nothing is chosen yet: no element may have it
    assert not matches({"lines": {"z": [2], "a": [{"exists": False}]}}, {"lines": [{"a": 1}, {"z": 2}]})


def test_a_dotted_name_is_a_key_or_a_path() -> None:
    pattern = {"a.b": ["x"]}
    assert matches(pattern, {"a": {"b": "x"}})
    assert matches(pattern, {"a.b": "x"})
    assert matches({"labels": {"app.io/name": ["x"]}}, {"labels": {"app.io/name": "x"}})
    assert not matches(pattern, {"a": "x"})


def test_or_matches_when_one_alternative_does() -> None:
    pattern = {"s": ["x"], "$or": [{"a": [1]}, {"b": [2], "c": [3]}]}
    assert matches(pattern, {"s": "x", "a": 1})
    assert matches(pattern, {"s": "x", "b": 2, "c": 3})
    assert not matches(pattern, {"s": "x", "b": 2})
    assert not matches(pattern, {"a": 1})


def test_or_nests_and_multiplies() -> None:
    pattern = {"d": {"$or": [{"a": [1]}, {"$or": [{"b": [1]}, {"c": [1]}]}]}, "$or": [{"x": [1]}, {"y": [1]}]}
    assert matches(pattern, {"d": {"c": 1}, "y": 1})
    assert not matches(pattern, {"d": {"c": 1}})


def test_a_path_named_again_inside_or_replaces_the_earlier_one() -> None:
    pattern = {"name": ["a"], "$or": [{"name": ["b"]}, {"other": ["x"]}]}
    assert matches(pattern, {"name": "b"})
    assert matches(pattern, {"name": "a", "other": "x"})
    assert not matches(pattern, {"name": "a"})


@pytest.mark.parametrize(
    ("pattern", "event"),
    [
        ({"$or": [{"cidr": "10.0.0.0/24"}]}, {"$or": "10.0.0.1"}),
        ({"$or": [{"numeric": [">", 10]}, {"numeric": ["<", 0]}]}, {"$or": 11}),
        ({"$or": {"a": [1], "prefix": [2]}}, {"$or": {"a": 1, "prefix": 2}}),
        ({"$or": ["x"]}, {"$or": "x"}),
    ],
)
def test_or_with_operators_or_an_object_is_an_ordinary_field(pattern: dict[str, Any], event: dict[str, Any]) -> None:
    assert matches(pattern, event)


def test_a_thousand_combinations_are_allowed_and_no_more() -> None:
    ten = [{f"k{i}": [1]} for i in range(10)]
    fields: dict[str, Any] = {part: {"$or": ten} for part in "abc"}
    assert matches(fields, {part: {"k9": 1} for part in "abc"})
    with pytest.raises(InvalidPattern, match="1000 combinations"):
        EventPattern({**fields, "$or": [{"x": [1]}, {"y": [1]}]})


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


@pytest.mark.parametrize(
    ("pattern", "event", "sentence"),
    [
        ({"body": {"status": ["paid"]}}, {"body": {"status": "paid"}}, None),
        (
            {"id": [{"exists": True}], "body": {"status": ["paid", "authorised"]}},
            {"id": "1", "body": {"status": "open"}},
            'body.status is "open"; the pattern wants "paid" or "authorised"',
        ),
        (
            {"a": {"b": [{"prefix": "x"}]}},
            {"a": 1},
            'a.b has no value; the pattern wants text starting with "x"',
        ),
        ({"a": [{"numeric": [">", 0, "<", 5]}]}, {"a": 7}, "a is 7; the pattern wants a number > 0 and < 5"),
        ({"a": [{"exists": False}]}, {"a": None}, "a is null; the pattern wants no such field"),
        (
            {"a": [{"anything-but": ["x"]}]},
            {"a": ["x", "x"]},
            'a is "x", "x"; the pattern wants anything but "x"',
        ),
        ({"a": [True]}, {"a": "z" * 200}, f'a is "{"z" * 78}…; the pattern wants true'),
        (
            {"l": {"a": [1], "b": [2]}},
            {"l": [{"a": 1}, {"b": 2}]},
            "no single element of an array has what the pattern wants of l.a, l.b",
        ),
        (
            {"$or": [{"a": [1]}, {"b": [2]}]},
            {"a": 2},
            "none of the alternatives matches; the first: a is 2; the pattern wants 1",
        ),
        ({"s": ["x"], "$or": [{"a": [1]}, {"b": [2]}]}, {"s": "y"}, 's is "y"; the pattern wants "x"'),
    ],
)
def test_a_mismatch_names_the_first_clause_that_fails(
    pattern: dict[str, Any], event: dict[str, Any], sentence: str | None
) -> None:
    assert EventPattern(pattern).mismatch(event) == sentence


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
