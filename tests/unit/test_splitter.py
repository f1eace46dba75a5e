"""`splitter`: what the parts of a message are, and when it has none or too many."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from sluiceway import JSON, Drop, Message, Reject
from sluiceway.testing import run_pipeline
from sluiceway.testing.strategies import changed
from sluiceway_patterns.splitter import Splitter

TYPES: JSON = {"sluiceway-split-index": "Number", "n": "Number"}
AS = {"order": {"jmes": "body.order"}, "n": {"jmes": "item.n", "type": "integer"}, "at": {"jmes": "index"}}


def splitter(**keys: Any) -> Splitter:
    return Splitter.model_validate({"each": {"jmes": "body.lines"}, **keys})


def split(body: JSON, **keys: Any) -> list[Message]:
    message = Message(body, id="m1", headers={"h": "x"}, meta={"queue": "q"}, routes=("vip",))
    result = splitter(**keys).process(message)
    assert isinstance(result, list)
    return result


def rejected(body: JSON, **keys: Any) -> tuple[str, str]:
    with pytest.raises(Reject) as caught:
        splitter(**keys).process(Message(body))
    return caught.value.error, caught.value.reason


def test_each_part_is_a_message_that_has_all_else_of_the_whole_one() -> None:
    first, second = split({"lines": [{"n": 1}, "two"]})
    assert (first.body, second.body) == ({"n": 1}, "two")
    for part in (first, second):
        assert (part.headers["h"], part.meta, part.routes) == ("x", {"queue": "q"}, ("vip",))


def test_headers_say_of_which_message_it_is_a_part_and_which() -> None:
    marks = [{name: value for name, value in part.headers.items() if name != "h"} for part in split({"lines": [1, 2]})]
    assert marks == [
        {"sluiceway-split": "m1", "sluiceway-split-index": "0", "sluiceway-split-count": "2"},
        {"sluiceway-split": "m1", "sluiceway-split-index": "1", "sluiceway-split-count": "2"},
    ]


def test_the_headers_are_text_whatever_was_received_under_their_names() -> None:
    received = Message([1], id="m1", headers={"sluiceway-split-index": "7", "n": "8"}, meta={"header_types": TYPES})
    (part,) = Splitter.model_validate({"each": {"jmes": "body"}}).process(received)
    assert part.headers["sluiceway-split-index"] == "0"
    assert part.meta == {"header_types": {"n": "Number"}}


def test_a_map_makes_the_parts_of_the_part_and_the_whole() -> None:
    body: JSON = {"order": "A", "lines": [{"n": "1"}, {"n": 2.0}]}
    made = [part.body for part in split(body, **{"as": AS})]
    assert made == [{"order": "A", "n": 1, "at": 0}, {"order": "A", "n": 2, "at": 1}]


def test_a_part_that_cannot_be_made_rejects_the_message_and_is_named() -> None:
    body: JSON = {"order": "A", "lines": [{"n": 1}, {"n": "x"}]}
    assert rejected(body, **{"as": AS}) == ("invalid", '1.n: item.n is "x", not an integer of 64 bits')


def test_an_empty_list_is_dropped_or_rejected() -> None:
    assert splitter().process(Message({"lines": []})) == Drop("no parts to split")
    assert rejected({"lines": []}, on_empty="reject") == ("missing", "the list of parts, body.lines, is empty")


@pytest.mark.parametrize(
    ("body", "error", "reason"),
    [
        ({}, "missing", "the list of parts, body.lines, is missing or null"),
        ("text", "missing", "the list of parts, body.lines, is missing or null"),
        ({"lines": {"n": 1}}, "invalid", "the list of parts, body.lines, is an object, not a list"),
        ({"lines": "a,b"}, "invalid", 'the list of parts, body.lines, is "a,b", not a list'),
        ({"lines": [1, 2, 3, 4]}, "oversize", "it has 4 parts, and max_parts allows 3"),
    ],
)
def test_what_is_no_list_of_parts_or_too_many_is_rejected(body: JSON, error: str, reason: str) -> None:
    assert rejected(body, max_parts=3) == (error, reason)


def test_parts_that_are_too_large_together_are_rejected_before_they_are_all_made() -> None:
    whole = {"as": {"whole": {"jmes": "body"}}, "max_parts": 10_000}
    body: JSON = {"text": "x" * 100_000, "lines": list(range(10_000))}
    assert rejected(body, **whole) == ("oversize", "its parts are larger than max_size (16MiB) together")
    full: list[JSON] = ["x" * 510, "y" * 510]  # and two quotes each
    assert len(split({"lines": full}, max_size="1KiB")) == 2
    assert rejected({"lines": [*full, 1]}, max_size="1KiB")[0] == "oversize"


def test_parts_have_the_same_ids_whenever_they_are_split_and_an_aggregator_puts_them_together() -> None:
    pipeline = """
version: 1
name: there-and-back
workers: 1
source: {use: memory}
stages:
  - use: splitter
    with: {each: {jmes: body}}
  - use: aggregator
    with:
      key: {jmes: 'headers."sluiceway-split"'}
      complete: {count: {jmes: 'headers."sluiceway-split-count"'}}
      order: {jmes: 'headers."sluiceway-split-index"'}
      combine: {map: {parts: {jmes: 'members[].body'}, ids: {jmes: 'members[].id'}}}
      size: 12
      max_groups: 2
sinks: [{use: memory}]
"""
    ran = run_pipeline(pipeline, [{"body": [*range(12)]}, {"body": ["x"]}], check_mutation=True)
    made = [message.body for message in ran.sinks["memory"]]
    assert made == [
        {"parts": [*range(12)], "ids": [f"m-1/{n}" for n in range(12)]},
        {"parts": ["x"], "ids": ["m-2/0"]},
    ]


def test_the_decision_says_how_many_parts_there_are() -> None:
    (each,) = splitter().decisions(Message({"lines": [1]}))
    (empty,) = splitter().decisions(Message({"lines": []}))
    assert (each.place, each.text, each.taken) == (("each",), "body.lines has 1 part", True)
    assert (empty.place, empty.text, empty.taken) == (("on_empty",), "body.lines has 0 parts", True)
    assert splitter().branches() == []
    assert splitter(on_empty="reject").branches() == [("each",), ("on_empty",)]


BODIES = changed({"order": "A", "lines": [{"n": 1}, {"n": "2"}]})


@settings(max_examples=200)
@given(body=BODIES, mapped=st.booleans())
def test_whatever_the_body_is_it_is_split_dropped_or_rejected(body: JSON, *, mapped: bool) -> None:
    try:
        result = splitter(**({"as": AS} if mapped else {})).process(Message(body, id="m"))
    except Reject:
        return
    lines = body["lines"]  # type: ignore[index, call-overload] # else there is nothing to split
    assert isinstance(result, Drop) if not lines else len(result) == len(lines)  # type: ignore[arg-type] # parts


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"each": "body.lines"}, "is the same for every message"),
        ({"each": {"literal": [1]}}, "is the same for every message"),
        ({"each": {"jmes": "item.lines"}}, "there is no `item`"),
        ({"as": {"n": {"jmes": "itm.n"}}}, "there is no `itm`"),
        ({"as": "item"}, "an expression is written {jmes: …}"),
        ({"max_parts": 0}, "max_parts"),
        ({"max_size": "0KiB"}, "max_size"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused(keys: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError) as caught:
        splitter(**keys)
    assert says in str(caught.value)
