"""`composed_message`: each part after its kind, and all of them in their places again."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from sluiceway import JSON, Message, Reject
from sluiceway.testing.strategies import changed
from sluiceway_patterns.splitter import ComposedMessage

PARTS = [
    {"when": {"item": {"kind": ["book"]}}, "map": {"sku": {"jmes": "item.isbn"}, "at": {"jmes": "index"}}},
    {"when": {"item": {"kind": [{"exists": True}]}, "body": {"eu": [True]}}, "map": {"eu": {"jmes": "body.order"}}},
    {"when": {"item": [3]}, "map": {"three": True}},
]


def composed(**keys: Any) -> ComposedMessage:
    return ComposedMessage.model_validate({"each": {"jmes": "body.lines"}, "into": "lines", "parts": PARTS, **keys})


def lines(body: dict[str, JSON], **keys: Any) -> JSON:
    made = composed(**keys).process(Message(body, id="m1")).body
    assert isinstance(made, dict)
    return made["lines"]


BOOK: JSON = {"kind": "book", "isbn": "978"}
FILM: JSON = {"kind": "film"}


def test_each_part_is_made_by_the_first_kind_that_it_is_of_in_its_place() -> None:
    message = Message({"order": "A", "eu": True, "lines": [FILM, BOOK, 3]}, id="m1", headers={"h": "x"})
    made = composed().process(message)
    assert made.body == {"order": "A", "eu": True, "lines": [{"eu": "A"}, {"sku": "978", "at": 1}, {"three": True}]}
    assert (made.id, made.headers) == ("m1", {"h": "x"})
    assert message.body == {"order": "A", "eu": True, "lines": [FILM, BOOK, 3]}


def test_a_part_of_no_kind_is_rejected_kept_or_left_out() -> None:
    body: dict[str, JSON] = {"lines": [BOOK, FILM]}
    book = {"sku": "978", "at": 0}
    with pytest.raises(Reject, match="part 1 is an object that matches none of the patterns"):
        lines(body)
    assert lines(body, otherwise="keep") == [book, FILM]
    assert lines(body, otherwise="drop") == [book]
    assert lines({"lines": []}) == []


def test_the_new_list_may_stand_elsewhere_and_what_is_there_is_replaced() -> None:
    made = composed(into="made.lines").process(Message({"lines": [BOOK], "made": {"by": 1, "lines": 0}}))
    assert made.body == {"lines": [BOOK], "made": {"by": 1, "lines": [{"sku": "978", "at": 0}]}}


@pytest.mark.parametrize(
    ("body", "error", "reason"),
    [
        ({}, "missing", "the list of parts, body.lines, is missing or null"),
        ({"lines": 7}, "invalid", "the list of parts, body.lines, is 7, not a list"),
        ({"lines": [3, 3, 3, 3]}, "oversize", "it has 4 parts, and max_parts allows 3"),
        ({"lines": [3, {"kind": "book"}]}, "missing", "1.sku: item.isbn is missing or null"),
    ],
)
def test_what_has_no_parts_or_wrong_ones_is_rejected(body: JSON, error: str, reason: str) -> None:
    with pytest.raises(Reject) as caught:
        composed(max_parts=3).process(Message(body))
    assert (caught.value.error, caught.value.reason) == (error, reason)


def test_the_decisions_say_of_which_kind_each_part_is() -> None:
    stage = composed(otherwise="keep")
    decisions = stage.decisions(Message({"lines": [3, BOOK, FILM]}))
    taken = [(each.place, each.text) for each in decisions if each.taken]
    assert taken == [
        (("parts", 2), "part 0: the pattern matches"),
        (("parts", 0), "part 1: the pattern matches"),
        (("otherwise",), "part 2 is of no kind"),
    ]
    passed_by = [(each.place[-1], each.text) for each in decisions if not each.taken]
    assert [place for place, _ in passed_by] == [0, 1, 0, 1, 2]
    assert passed_by[2][1].startswith("part 2: item.kind is")
    assert stage.branches() == [("parts", 0), ("parts", 1), ("parts", 2), ("otherwise",)]


BODIES = changed({"order": "A", "eu": True, "lines": [BOOK, FILM, 3], "made": {}})


@settings(max_examples=200)
@given(body=BODIES, otherwise=st.sampled_from(["keep", "drop", "reject"]), into=st.sampled_from(["lines", "made.x"]))
def test_whatever_the_body_is_it_is_composed_or_rejected(body: JSON, otherwise: str, into: str) -> None:
    try:
        made = composed(otherwise=otherwise, into=into).process(Message(body))
    except Reject:
        return
    assert isinstance(made.body, dict)


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"parts": []}, "parts"),
        ({"parts": [{"when": {"kind": ["book"]}, "map": {}}]}, "there is no `kind` but id, body, headers, meta, item"),
        ({"parts": [{"when": {"item": {"kind": "book"}}, "map": {}}]}, "parts.0.when"),
        ({"parts": [{"when": {"item": [1]}, "map": {"n": {"jmes": "itm.n"}}}]}, "there is no `itm`"),
        ({"into": "a..b"}, "into"),
        ({"each": "body.lines"}, "is the same for every message"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused(keys: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError) as caught:
        composed(**keys)
    assert says in str(caught.value)
