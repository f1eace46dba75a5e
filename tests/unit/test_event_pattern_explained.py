"""What an event pattern says of an event that it does not match, or does: for messages to people."""

from __future__ import annotations

from typing import Any

import pytest

from sluiceway.core.event_pattern import ClauseResult, EventPattern


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


def test_each_clause_is_explained_in_the_order_of_the_pattern() -> None:
    pattern = EventPattern({"s": ["x"], "body": {"total": [{"numeric": [">", 0]}], "at": [{"exists": False}]}})
    assert pattern.explain({"body": {"total": [0, -1], "at": None}}) == (
        ClauseResult(("s",), "s", "no value", '"x"', matched=False),
        ClauseResult(("body", "total"), "body.total", "0, -1", "a number > 0", matched=False),
        ClauseResult(("body", "at"), "body.at", "null", "no such field", matched=False),
    )
    assert [one.matched for one in pattern.explain({"s": "x", "body": {"total": 1}})] == [True, True, True]


def test_the_clauses_of_alternatives_have_them_in_their_path() -> None:
    pattern = EventPattern({"d": {"$or": [{"a": [1]}, {"b": ["x"], "$or": [{"c": [2]}, {"c": [3]}]}]}, "e": [4]})
    explained = pattern.explain({"d": {"b": "x", "c": 3}, "e": 4})
    assert [(one.path, one.field, one.matched) for one in explained] == [
        (("d", "$or", 0, "a"), "d.a", False),
        (("d", "$or", 1, "b"), "d.b", True),
        (("d", "$or", 1, "$or", 0, "c"), "d.c", False),
        (("d", "$or", 1, "$or", 1, "c"), "d.c", True),
        (("e",), "e", True),
    ]


def test_a_clause_is_explained_by_itself_where_an_array_wants_one_element_for_all() -> None:
    pattern, event = EventPattern({"l": {"a": [1], "b": [2]}}), {"l": [{"a": 1}, {"b": 2}]}
    assert all(one.matched for one in pattern.explain(event))
    assert pattern.mismatch(event) is not None


def test_what_is_shown_is_cut() -> None:
    (one,) = EventPattern({"a": [str(number) for number in range(99)]}).explain({"a": ["z" * 200] * 10_000})
    assert len(one.found) == len(one.wants) == 80
    assert one.found.endswith("…")


def test_only_a_mapping_can_be_explained() -> None:
    with pytest.raises(TypeError, match="an event is a mapping, not str"):
        EventPattern({"a": [1]}).explain("{}")  # type: ignore[arg-type] # what a caller without types may do
