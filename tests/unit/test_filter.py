"""`filter`: what passes, what is dropped, and which patterns a file may hold."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from sluiceway import JSON, Drop, Message
from sluiceway_patterns.routing import Filter

PAID = {"body": {"status": ["paid", "authorised"], "total": [{"numeric": [">", 0]}]}}
RULE = {"source": ["shop"], "detail-type": ["OrderPlaced"], "detail": {"total": [{"numeric": [">=", 10]}]}}
EVENT = {"source": "shop", "detail-type": "OrderPlaced", "detail": {"total": 12}}

bodies = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["status", "total", "detail"]) | st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)


def test_a_message_that_matches_passes_as_it_is() -> None:
    message = Message({"status": "paid", "total": 12})
    assert Filter.model_validate({"pattern": PAID}).process(message) is message


def test_a_message_that_does_not_match_is_dropped_under_one_reason() -> None:
    filter_ = Filter.model_validate({"pattern": PAID})
    for body in ({"status": "open", "total": 12}, {"status": "paid", "total": 0}, {}):
        assert filter_.process(Message(body)) == Drop("no pattern matched")


def test_the_pattern_sees_headers_and_meta_beside_the_body() -> None:
    filter_ = Filter.model_validate({"pattern": {"headers": {"Region": ["eu"]}, "meta": {"queue": ["orders"]}}})
    assert isinstance(filter_.process(Message(1, headers={"Region": "eu"}, meta={"queue": "orders"})), Message)
    assert isinstance(filter_.process(Message(1, headers={"Region": "us"}, meta={"queue": "orders"})), Drop)


def test_of_body_applies_a_rule_s_pattern_to_the_event_in_the_body() -> None:
    filter_ = Filter.model_validate({"pattern": RULE, "of": "body"})
    assert isinstance(filter_.process(Message(EVENT)), Message)
    assert isinstance(filter_.process(Message({**EVENT, "source": "other"})), Drop)


@pytest.mark.parametrize("body", [None, 5, "text", True, [EVENT]])
@pytest.mark.parametrize("settings_", [{"pattern": RULE, "of": "body"}, {"pattern": PAID}])
def test_a_body_that_is_no_object_never_matches(settings_: dict[str, Any], body: JSON) -> None:
    assert Filter.model_validate(settings_).process(Message(body)) == Drop("no pattern matched")


def test_a_body_that_is_no_object_does_not_even_match_what_need_not_exist() -> None:
    filter_ = Filter.model_validate({"pattern": {"source": [{"exists": False}]}, "of": "body"})
    assert isinstance(filter_.process(Message([1])), Drop)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [(RULE, ["source"]), ({"$or": [{"body": {"a": [1]}}, {"detail": {"a": [1]}}]}, ["$or", 1, "detail"])],
)
def test_a_pattern_over_an_event_without_of_body_is_refused_with_its_place_and_the_way_out(
    pattern: dict[str, Any], path: list[str | int]
) -> None:
    with pytest.raises(ValidationError, match="add of: body") as caught:
        Filter.model_validate({"pattern": pattern})
    (error,) = caught.value.errors()
    assert error["loc"] == ("pattern",)
    assert error["ctx"]["path"] == path


def test_the_order_of_the_keys_in_the_file_does_not_matter() -> None:
    assert Filter.model_validate({"of": "body", "pattern": RULE}) == Filter.model_validate(
        {"pattern": RULE, "of": "body"}
    )


def test_a_wrong_of_is_one_error_and_not_two() -> None:
    with pytest.raises(ValidationError) as caught:
        Filter.model_validate({"pattern": RULE, "of": "bdy"})
    assert [error["loc"] for error in caught.value.errors()] == [("of",)]


def test_a_pattern_that_eventbridge_would_refuse_is_refused() -> None:
    with pytest.raises(ValidationError) as caught:
        Filter.model_validate({"pattern": {"body": {"status": "paid"}}})
    assert caught.value.errors()[0]["loc"] == ("pattern",)


@settings(max_examples=100)
@given(body=bodies)
def test_any_body_passes_or_is_dropped(body: JSON) -> None:
    message = Message(body)
    for settings_ in ({"pattern": PAID}, {"pattern": RULE, "of": "body"}):
        outcome = Filter.model_validate(settings_).process(message)
        assert outcome is message or outcome == Drop("no pattern matched")
