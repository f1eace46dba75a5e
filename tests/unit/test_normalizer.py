"""`normalizer`: which translation is chosen, what is of no known shape, and what maps say of their places."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sluiceway import JSON, Context, Message, Reject
from sluiceway_patterns.normalizer import Normalizer
from sluiceway_patterns.translate import Translate

WEB: dict[str, Any] = {"when": {"body": {"order_no": [{"exists": True}]}}, "map": {"id": {"jmes": "body.order_no"}}}
TILL: dict[str, Any] = {"when": {"headers": {"channel": ["till"]}}, "map": {"id": {"jmes": "body.receipt"}}}

bodies = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["order_no", "receipt", "lines", "chan"]), inner, max_size=3)
    ),
    max_leaves=8,
)


def normalizer(folder: Path = Path(), **settings: Any) -> Normalizer:
    return Normalizer.model_validate(settings, context={"folder": folder})


def run(stage: Normalizer, message: Message) -> Message:
    async def send() -> Message:
        async with stage.open(Mock(spec=Context)) as process:
            return process(message)

    return asyncio.run(send())


@pytest.fixture
def schemas(tmp_path: Path) -> Path:
    (tmp_path / "till.json").write_text(json.dumps({"type": "object", "required": ["receipt"]}))
    (tmp_path / "one.json").write_text(json.dumps({"type": "object", "properties": {"id": {"type": "string"}}}))
    return tmp_path


def test_the_first_shape_that_fits_decides() -> None:
    stage = normalizer(shapes=[WEB, TILL])
    assert run(stage, Message({"order_no": "A"}, headers={"channel": "till"})).body == {"id": "A"}
    assert run(stage, Message({"receipt": "C"}, headers={"channel": "till"})).body == {"id": "C"}


def test_a_shape_is_known_by_a_schema_too(schemas: Path) -> None:
    stage = normalizer(schemas, shapes=[WEB, {"schema": "till.json", "map": {"id": {"jmes": "body.receipt"}}}])
    assert run(stage, Message({"receipt": "C"})).body == {"id": "C"}
    with pytest.raises(Reject, match="of none of the 2 known shapes"):
        run(stage, Message({"other": 1}))


def test_a_rule_s_pattern_is_applied_to_the_event_in_the_body() -> None:
    stage = normalizer(of="body", shapes=[{"when": {"source": ["shop"]}, "map": {"id": {"jmes": "body.detail"}}}])
    assert run(stage, Message({"source": "shop", "detail": 1})).body == {"id": 1}
    with pytest.raises(Reject, match="known shapes"):
        run(stage, Message("shop"))
    assert not stage.decisions(Message("shop"))[0].taken


def test_a_message_that_its_map_cannot_translate_is_not_tried_with_the_next() -> None:
    with pytest.raises(Reject) as caught:
        run(normalizer(shapes=[WEB, TILL]), Message({"order_no": None, "receipt": "C"}, headers={"channel": "till"}))
    assert (caught.value.error, caught.value.reason) == ("missing", "id: body.order_no is missing or null")


def test_a_message_of_no_known_shape_is_rejected_or_kept() -> None:
    message = Message([1])
    with pytest.raises(Reject, match="a list of none of the 1 known shapes") as caught:
        run(normalizer(shapes=[WEB]), message)
    assert caught.value.error == "invalid"
    assert run(normalizer(shapes=[WEB], otherwise="keep"), message) is message


def test_all_that_leaves_is_of_one_form(schemas: Path) -> None:
    stage = normalizer(schemas, shapes=[WEB], otherwise="keep", output_schema="one.json")
    with pytest.raises(Reject, match=r"^the new body does not conform to one\.json: id: 5"):
        run(stage, Message({"order_no": 5}))
    with pytest.raises(Reject, match=r"^no shape fits, and the body does not conform to one\.json: body\.id"):
        run(stage, Message({"id": 5}))


@pytest.mark.parametrize(
    "shape",
    [
        {"map": {}},
        {"when": {"body": {"a": [1]}}},
        {"when": {"order_no": [1]}, "map": {}},
        {"when": {"body": {"a": [1]}}, "map": {"id": {"jmes": "order_no"}}},
        {"when": {"body": {"a": [1]}}, "map": 5},
    ],
)
def test_shapes_that_can_only_be_mistakes(shape: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        normalizer(shapes=[shape])


def test_a_shape_has_one_test(schemas: Path) -> None:
    with pytest.raises(ValidationError, match="give one"):
        normalizer(schemas, shapes=[{**WEB, "schema": "till.json"}])


def test_it_says_which_shapes_were_tried(schemas: Path) -> None:
    stage = normalizer(schemas, shapes=[WEB, {**TILL, "when": None, "schema": "till.json"}], otherwise="keep")
    assert stage.branches() == (
        ("shapes", 0),
        ("shapes", 0, "map", "id"),
        ("shapes", 1),
        ("shapes", 1, "map", "id"),
        ("otherwise",),
    )
    made = stage.decisions(Message({"receipt": "C"}))
    assert [(decision.place, decision.taken) for decision in made] == [
        (("shapes", 0), False),
        (("shapes", 1), True),
        (("shapes", 1, "map", "id"), True),
    ]
    assert [decision.text for decision in made[1:]] == ["the body conforms to till.json", 'body.receipt is "C"']
    assert stage.decisions(Message(1))[-1].place == ("otherwise",)


MAP: dict[str, Any] = {
    "id": {"jmes": "body.order_no"},
    "fixed": "x",
    "tier": {"jmes": "body.tier", "default": "S", "enum": {"S": "standard", "G": "gold"}},
    "note": {"jmes": "body.note", "optional": True},
    "pair": [{"jmes": "id"}, 5],
    "lines": {"each": {"jmes": "body.lines"}, "as": {"chan": {"jmes": "item.chan", "enum": {"W": 1, "1": 2}}}},
}


def test_a_translation_s_places_are_its_lines_and_codes() -> None:
    assert Translate.model_validate({"map": MAP}).branches() == (
        ("map", "id"),
        ("map", "tier"),
        ("map", "tier", "enum", "S"),
        ("map", "tier", "enum", "G"),
        ("map", "note"),
        ("map", "pair", 0),
        ("map", "lines"),
        ("map", "lines", "as", "chan"),
        ("map", "lines", "as", "chan", "enum", "W"),
        ("map", "lines", "as", "chan", "enum", "1"),
    )


def test_a_translation_says_which_of_them_a_message_took() -> None:
    stage = Translate.model_validate({"map": MAP})
    body: JSON = {"order_no": "A", "lines": [{}, {"chan": 1}, {"chan": "?"}]}
    made = {decision.place: decision for decision in stage.decisions(Message(body, id="m-1"))}
    assert {place for place, decision in made.items() if decision.taken} == {
        ("map", "id"),
        ("map", "tier"),
        ("map", "tier", "enum", "S"),
        ("map", "pair", 0),
        ("map", "lines"),
        ("map", "lines", "as", "chan"),
        ("map", "lines", "as", "chan", "enum", "1"),
    }
    assert made["map", "tier"].text == "body.tier is missing or null, so the default is taken"
    assert made["map", "note"].text == "body.note is missing or null"
    assert set(made) <= set(stage.branches())


@given(body=bodies)
def test_any_body_is_translated_or_rejected_and_its_decisions_are_about_places(body: JSON) -> None:
    for stage in (normalizer(shapes=[{**WEB, "map": MAP}, TILL]), Translate.model_validate({"map": MAP})):
        assert {decision.place for decision in stage.decisions(Message(body))} <= set(stage.branches())
    try:
        run(normalizer(shapes=[{**WEB, "map": MAP}, TILL]), Message(body, id="m"))
    except Reject:
        return
