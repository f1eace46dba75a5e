"""Enrichers whose rows are known beforehand: what is put in, and what becomes of a message without a row."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from decimal import Decimal
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sluiceway import JSON, Message, Reject, Table
from sluiceway_patterns.enrich_table import EnrichMemory, EnrichTable

Make: TypeAlias = Callable[..., EnrichTable | EnrichMemory]

ROWS: dict[str, JSON] = {"DE": {"name": "Germany"}, "7": "seven", "none": None}


def enricher(**more: object) -> EnrichTable:
    settings = {"table": "countries", "key": {"jmes": "body.c"}, "into": "country", **more}
    return EnrichTable.model_validate(settings, context={"tables": {"countries": Table(ROWS)}})


def memory(**more: object) -> EnrichMemory:
    return EnrichMemory.model_validate({"rows": ROWS, "key": {"jmes": "body.c"}, "into": "country", **more})


@pytest.mark.parametrize("make", [enricher, memory])
@pytest.mark.parametrize(
    ("key", "row"), [("DE", {"name": "Germany"}), ("7", "seven"), (7, "seven"), (Decimal(7), "seven"), ("none", None)]
)
def test_the_row_is_put_into_the_body(make: Make, key: JSON, row: JSON) -> None:
    body: JSON = {"c": key}
    assert make().process(Message(body=body)).body == {"c": key, "country": row}
    assert body == {"c": key}


@pytest.mark.parametrize("make", [enricher, memory])
def test_into_may_be_deep(make: Make) -> None:
    made = make(into="a.b").process(Message(body={"c": "DE", "a": {"x": 1}}))
    assert made.body == {"c": "DE", "a": {"x": 1, "b": {"name": "Germany"}}}


@pytest.mark.parametrize(
    ("body", "error", "reason"),
    [
        ({"c": "XX"}, "missing", 'the table has no row "XX"'),
        ({"c": 8}, "missing", "the table has no row 8"),
        ({"c": None}, "missing", "no key for the table, body.c is missing or null"),
        ({}, "missing", "no key for the table, body.c is missing or null"),
        ({"c": True}, "invalid", "the key for the table is neither text nor a number: true"),
        ({"c": ["DE"]}, "invalid", "the key for the table is neither text nor a number: "),
        ([], "invalid", "body is not an object"),
        (None, "invalid", "body is not an object"),
    ],
)
def test_what_has_no_row_is_rejected(body: JSON, error: str, reason: str) -> None:
    with pytest.raises(Reject) as rejected:
        enricher().process(Message(body=body))
    assert rejected.value.error == error
    assert str(rejected.value).startswith(reason)


def test_rows_in_place_are_called_so() -> None:
    with pytest.raises(Reject, match='`rows` has no row "XX"'):
        memory().process(Message(body={"c": "XX"}))


@pytest.mark.parametrize("body", [{"c": "XX"}, {"c": None}, {}])
def test_a_message_without_a_row_is_kept_or_given_a_default(body: dict[str, JSON]) -> None:
    assert enricher(on_missing="keep").process(Message(body=body)).body == body
    made = enricher(on_missing={"default": {"name": "?"}}).process(Message(body=body))
    assert made.body == {**body, "country": {"name": "?"}}


def test_a_table_is_named() -> None:
    with pytest.raises(ValidationError, match="there is no table `countrys`: did you mean `countries`"):
        enricher(table="countrys")
    with pytest.raises(ValidationError, match="expected the name of a table"):
        enricher(table=7)
    with pytest.raises(ValidationError, match="the file has none under `tables`"):
        EnrichTable.model_validate({"table": "countries", "key": 1, "into": "x"})
    with pytest.raises(ValidationError):
        memory(rows={})


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda each: st.lists(each) | st.dictionaries(st.text(), each),
)


@given(values | st.fixed_dictionaries({"c": values}))
def test_any_body_is_enriched_or_rejected(body: JSON) -> None:
    with contextlib.suppress(Reject):
        made = enricher().process(Message(body=body)).body
        assert isinstance(body, dict)
        assert isinstance(made, dict)
        assert {**body, "country": made["country"]} == made
