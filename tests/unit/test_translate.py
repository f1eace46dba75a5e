"""`translate`: what a map makes of a message, what it rejects with which path, and which maps a file may hold."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias
from unittest.mock import Mock

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from sluiceway import JSON, Context, Message, Reject
from sluiceway_patterns.translate import Translate

Tree: TypeAlias = Any
"""A map, or a part of one, as YAML gives it."""

ORDER_MAP: Tree = {
    "orderId": {"jmes": "body.order_no"},
    "customer": {
        "name": {"jmes": "body.customer.full_name"},
        "tier": {"jmes": "body.customer.tier", "default": "standard"},
    },
    "channel": {"jmes": "body.chan", "enum": {"W": "web", "S": "store"}, "on_unknown": "reject"},
    "lines": {
        "each": {"jmes": "body.lines"},
        "as": {"sku": {"jmes": "item.sku"}, "quantity": {"jmes": "item.qty", "type": "integer"}},
    },
}
ORDER: dict[str, Any] = {
    "order_no": "A-1",
    "customer": {"full_name": "Ada"},
    "chan": "W",
    "lines": [{"sku": "x", "qty": "3"}],
}


def run(stage: Translate, message: Message) -> Message:
    """Send one message through the open stage."""

    async def send() -> Message:
        async with stage.open(Mock(spec=Context)) as process:
            return process(message)

    return asyncio.run(send())


def translate(map_: Tree, body: JSON, **more: Any) -> Any:
    return run(Translate.model_validate({"map": map_}), Message(body, **more)).body


def rejection(map_: Tree, body: JSON) -> tuple[str, str]:
    with pytest.raises(Reject) as caught:
        translate(map_, body)
    return caught.value.error, caught.value.reason


def mistakes(map_: Tree) -> list[tuple[tuple[str | int, ...], str]]:
    """Return the place and the text of each mistake in a map."""
    with pytest.raises(ValidationError) as caught:
        Translate.model_validate({"map": map_})
    return [((*error["loc"], *error.get("ctx", {}).get("path", ())), error["msg"]) for error in caught.value.errors()]


def value(node: Tree, of: JSON) -> Any:
    return translate({"out": {"jmes": "body.it", **node}}, {"it": of})["out"]


def refusal(node: Tree, of: JSON) -> tuple[str, str]:
    return rejection({"out": {"jmes": "body.it", **node}}, {"it": of})


# What comes out


def test_a_map_makes_a_new_body_in_our_words() -> None:
    assert translate(ORDER_MAP, ORDER) == {
        "orderId": "A-1",
        "customer": {"name": "Ada", "tier": "standard"},
        "channel": "web",
        "lines": [{"sku": "x", "quantity": 3}],
    }


def test_all_but_the_body_stays() -> None:
    message = Message(ORDER, id="m-1", headers={"a": "b"}, meta={"queue": "q"}, routes=("r",))
    translated = run(Translate.model_validate({"map": ORDER_MAP}), message)
    assert translated == message.evolve(body=translated.body)


def test_the_output_keeps_the_order_of_the_map() -> None:
    assert list(translate(ORDER_MAP, ORDER)) == list(ORDER_MAP)


def test_expressions_see_id_headers_and_meta() -> None:
    map_ = {
        "id": {"jmes": "id"},
        "from": {"jmes": "headers.From"},
        "all": {"jmes": "headers"},
        "q": {"jmes": "meta.queue"},
    }
    made = translate(map_, 1, id="m-1", headers={"From": "shop"}, meta={"queue": "orders"})
    assert made == {"id": "m-1", "from": "shop", "all": {"From": "shop"}, "q": "orders"}


def test_scalars_lists_and_literals_stand_for_themselves() -> None:
    map_ = {
        "v": 1,
        "on": True,
        "none": None,
        "list": [1, {"jmes": "body.a"}, [2]],
        "kept": {"literal": {"jmes": "x", "each": [1]}},
    }
    made = translate(map_, {"a": "A"})
    assert made == {"v": 1, "on": True, "none": None, "list": [1, "A", [2]], "kept": {"jmes": "x", "each": [1]}}


def test_the_whole_body_may_be_one_node() -> None:
    assert translate({"jmes": "body.order"}, {"order": {"a": 1}}) == {"a": 1}
    assert translate({"each": {"jmes": "body"}, "as": {"n": {"jmes": "item"}}}, [1, 2]) == [{"n": 1}, {"n": 2}]
    assert translate([{"jmes": "body.a"}], {"a": 1}) == [1]


def test_a_key_beside_a_tag_s_name_needs_the_literal_escape_only_when_it_is_the_tag() -> None:
    assert translate({"jmes_text": 1, "Each": 2}, {}) == {"jmes_text": 1, "Each": 2}


# Missing, default, optional


@pytest.mark.parametrize("body", [{}, {"order_no": None}, None, 5, "text", []])
def test_what_is_missing_or_null_is_rejected_with_its_path(body: JSON) -> None:
    assert rejection({"order": {"id": {"jmes": "body.order_no"}}}, body) == (
        "missing",
        "order.id: body.order_no is missing or null",
    )


def test_a_default_replaces_what_is_missing_or_null_and_nothing_else() -> None:
    for given_, made in ((None, "d"), ("", ""), (0, 0), (False, False), ([], []), ("x", "x")):
        assert value({"default": "d"}, given_) == made
    assert translate({"out": {"jmes": "body.it", "default": "d"}}, {}) == {"out": "d"}


def test_a_default_may_be_null_and_then_needs_no_type() -> None:
    assert value({"default": None, "type": "integer"}, None) is None


def test_what_is_optional_is_left_out() -> None:
    node = {"jmes": "body.a", "optional": True}
    assert translate({"a": node, "b": 1, "list": [node, 2]}, {}) == {"b": 1, "list": [2]}
    assert translate({"a": node}, {"a": 0}) == {"a": 0}


def test_a_function_that_cannot_take_its_argument_rejects_with_the_path() -> None:
    error, reason = rejection({"n": {"jmes": "length(body.a)"}}, {"a": 5})
    assert error == "invalid"
    assert reason.startswith("n: ")
    assert "length" in reason


# enum


def test_an_enum_translates_texts_and_the_json_spelling_of_other_scalars() -> None:
    enum = {"W": "web", "1": "one", "2.5": "more", "true": "yes", "null": "nothing"}
    for given_, made in (("W", "web"), (1, "one"), (1.0, "one"), ("1", "one"), (2.5, "more"), (True, "yes")):
        assert value({"enum": enum}, given_) == made
    assert value({"enum": enum, "default": None}, None) == "nothing"


def test_an_unknown_code_is_rejected_unless_told_otherwise() -> None:
    assert refusal({"enum": {"W": "web", "S": "store"}}, "?") == ("invalid", 'out: body.it is "?"; the enum knows W, S')
    assert refusal({"enum": {"W": "web"}}, [1])[1] == "out: body.it is a list; the enum knows W"


def test_an_unknown_code_is_kept_or_replaced_when_the_map_says_so() -> None:
    assert value({"enum": {"W": "web"}, "on_unknown": "keep"}, "?") == "?"
    assert value({"enum": {"W": "web"}, "on_unknown": {"default": "other"}}, "?") == "other"


def test_the_order_is_expression_default_enum_type() -> None:
    node = {"default": "one", "enum": {"one": "1"}, "type": "integer"}
    assert value(node, None) == 1


# type

KEPT = [
    ("string", "x", "x"), ("string", 3, "3"), ("string", 3.5, "3.5"), ("string", True, "true"), ("string", "", ""),
    ("integer", 3, 3), ("integer", 3.0, 3), ("integer", "3", 3), ("integer", "-3", -3), ("integer", "3.0", 3),
    ("integer", "1e2", 100), ("integer", 2**64 - 1, 2**64 - 1), ("integer", -(2**63), -(2**63)), ("integer", "0", 0),
    ("number", 1.5, 1.5), ("number", 3, 3), ("number", "1.5", 1.5), ("number", "3", 3), ("number", "-2e3", -2000.0),
    ("number", Decimal("0.12345678901234567890"), Decimal("0.12345678901234567890")),
    ("boolean", True, True), ("boolean", "false", False),
]  # fmt: skip
REFUSED = [
    ("string", {}), ("string", [1]),
    ("integer", 1.5), ("integer", "three"), ("integer", True), ("integer", 2**64), ("integer", -(2**63) - 1),
    ("integer", "1.5"), ("integer", ""), ("integer", " 3"), ("integer", "03"), ("integer", "+3"), ("integer", "0x3"),
    ("integer", "1_000"), ("integer", "٣"), ("integer", 1e300), ("integer", "1e999999999"), ("integer", "3\n"),
    ("integer", "1e99999999999999999999999"), ("integer", []), ("integer", Decimal("0.5")),
    ("number", "three"), ("number", True), ("number", "1e400"), ("number", "0.12345678901234567890"), ("number", "NaN"),
    ("number", "18446744073709551616"), ("number", {}), ("number", "1."), ("number", ".5"),
    ("boolean", 1), ("boolean", "yes"), ("boolean", "True"), ("boolean", 0),
]  # fmt: skip


@pytest.mark.parametrize(("type_", "given_", "made"), KEPT)
def test_a_type_converts_without_loss(type_: str, given_: JSON, made: JSON) -> None:
    converted = value({"type": type_}, given_)
    assert converted == made
    assert type(converted) is type(made)


@pytest.mark.parametrize(("type_", "given_"), REFUSED)
def test_what_a_type_cannot_hold_without_loss_is_rejected(type_: str, given_: JSON) -> None:
    error, reason = refusal({"type": type_}, given_)
    assert error == "invalid"
    assert reason.startswith("out: body.it is ")


def test_a_long_value_is_cut_in_the_reason() -> None:
    assert len(refusal({"type": "integer"}, "x" * 100_000)[1]) < 200


# each


def test_each_names_the_place_of_the_element_that_failed() -> None:
    body = {**ORDER, "lines": [{"sku": "a", "qty": 1}, {"sku": "b", "qty": 1.5}]}
    assert rejection(ORDER_MAP, body) == ("invalid", "lines.1.quantity: item.qty is 1.5, not an integer of 64 bits")


def test_each_sees_item_index_and_the_message() -> None:
    as_ = {"n": {"jmes": "index"}, "v": {"jmes": "item"}, "order": {"jmes": "body.id"}, "h": {"jmes": "headers.h"}}
    made = translate({"l": {"each": {"jmes": "body.l"}, "as": as_}}, {"id": 7, "l": ["a", "b"]}, headers={"h": "H"})
    assert made == {"l": [{"n": 0, "v": "a", "order": 7, "h": "H"}, {"n": 1, "v": "b", "order": 7, "h": "H"}]}


def test_a_nested_each_has_its_own_item_and_the_outer_one_comes_back() -> None:
    inner = {"each": {"jmes": "item.parts"}, "as": {"jmes": "item"}}
    map_ = {"l": {"each": {"jmes": "body"}, "as": {"parts": inner, "name": {"jmes": "item.name"}}}}
    assert translate(map_, [{"name": "n", "parts": [1, 2]}]) == {"l": [{"parts": [1, 2], "name": "n"}]}
    nested = {"l": {"each": {"jmes": "body"}, "as": {"each": {"jmes": "item"}, "as": {"jmes": "item.x"}}}}
    assert rejection(nested, [[], [{"x": 1}, {}]]) == ("missing", "l.1.1: item.x is missing or null")


def test_an_optional_element_is_left_out() -> None:
    assert translate(
        {"each": {"jmes": "body"}, "as": {"jmes": "item.x", "optional": True}}, [{"x": 1}, {}, {"x": 2}]
    ) == [1, 2]


def test_each_over_a_missing_list_is_rejected_unless_it_has_a_default() -> None:
    map_ = {"l": {"each": {"jmes": "body.l"}, "as": 1}}
    assert rejection(map_, {}) == ("missing", "l: body.l is missing or null")
    assert translate({"l": {"each": {"jmes": "body.l", "default": []}, "as": 1}}, {"l": None}) == {"l": []}


@pytest.mark.parametrize("found", [{}, "text", 5, True])
def test_each_over_what_is_no_list_is_rejected(found: JSON) -> None:
    error, reason = rejection({"l": {"each": {"jmes": "body.l"}, "as": 1}}, {"l": found})
    assert error == "invalid"
    assert reason.startswith("l: body.l is ")
    assert reason.endswith(", not a list")


# The output schema


@pytest.fixture
def checked(tmp_path: Path) -> Callable[[Tree], Translate]:
    schema = {
        "properties": {"customer": {"properties": {"tier": {"enum": ["gold", "standard"]}}}},
        "required": ["orderId"],
    }
    (tmp_path / "accepted.json").write_text(json.dumps(schema))

    def make(map_: Tree) -> Translate:
        return Translate.model_validate({"map": map_, "output_schema": "accepted.json"}, context={"folder": tmp_path})

    return make


def test_a_new_body_that_conforms_passes(checked: Callable[[Tree], Translate]) -> None:
    assert run(checked(ORDER_MAP), Message(ORDER)).body["orderId"] == "A-1"


def test_a_new_body_that_breaks_the_output_schema_is_rejected_with_the_exact_path(
    checked: Callable[[Tree], Translate],
) -> None:
    body = {**ORDER, "customer": {"full_name": "Ada", "tier": "lead"}}
    with pytest.raises(Reject, match=r"does not conform to accepted\.json: customer\.tier: ") as caught:
        run(checked(ORDER_MAP), Message(body))
    assert caught.value.error == "invalid"


def test_an_old_body_that_breaks_the_input_schema_is_rejected_before_the_map(tmp_path: Path) -> None:
    (tmp_path / "order.json").write_text('{"required": ["order_no"], "properties": {"order_no": {"type": "string"}}}')
    settings = {"map": {"no": {"jmes": "body.order_no"}}, "input_schema": "order.json"}
    stage = Translate.model_validate(settings, context={"folder": tmp_path})
    assert run(stage, Message({"order_no": "A-1"})).body == {"no": "A-1"}
    with pytest.raises(Reject, match=r"the body does not conform to order\.json: body\.order_no: 7 is not") as caught:
        run(stage, Message({"order_no": 7}))
    assert caught.value.error == "invalid"


def test_a_new_body_that_lacks_a_key_of_the_output_schema_is_rejected(checked: Callable[[Tree], Translate]) -> None:
    with pytest.raises(Reject, match=r'accepted\.json: "orderId" is a required property'):
        run(checked({"a": 1}), Message(ORDER))


# Mistakes in the map


@pytest.mark.parametrize(
    ("map_", "places"),
    [
        ({"a": {"jmes": "body.a", "defalt": 1}}, [("map", "<object>", "a", "<jmes>", "defalt")]),
        ({"a": {"jmes": "body.["}}, [("map", "<object>", "a", "<jmes>", "jmes")]),
        ({"a": {"jmes": 5}}, [("map", "<object>", "a", "<jmes>", "jmes")]),
        ({"a": [1, {"literal": 1, "x": 2}]}, [("map", "<object>", "a", "<list>", 1, "<literal>", "x")]),
        ({"a": {"each": {"jmes": "l"}}}, [("map", "<object>", "a", "<each>", "as")]),
        ({"a": {"each": {"jmes": "l"}, "as_": 1}}, [("map", "<object>", "a", "<each>", k) for k in ("as", "as_")]),
        ({"a": {"each": "body.l", "as": 1}}, [("map", "<object>", "a", "<each>", "each")]),
        (
            {"a": {"each": {"jmes": "l"}, "as": {"b": {"jmes": "x", "tpe": 1}}}},
            [("map", "<object>", "a", "<each>", "as", "<object>", "b", "<jmes>", "tpe")],
        ),
        ({"a": {"jmes": "x", "type": "int"}}, [("map", "<object>", "a", "<jmes>", "type")]),
        ({"a": {"jmes": "x", "enum": {}}}, [("map", "<object>", "a", "<jmes>", "enum")]),
        ({"a": {"jmes": "x", "on_unknown": "keep"}}, [("map", "<object>", "a", "<jmes>", "on_unknown")]),
        (
            {"a": {"jmes": "x", "enum": {"a": 1}, "on_unknown": "kep"}},
            [("map", "<object>", "a", "<jmes>", "on_unknown", "<word>")],
        ),
        ({"a": {"jmes": "x", "optional": True, "default": 1}}, [("map", "<object>", "a", "<jmes>", "optional")]),
        ({"a": {"jmes": "x", "default": "a", "type": "integer"}}, [("map", "<object>", "a", "<jmes>", "default")]),
        ({"a": {"jmes": "x", "default": "a", "enum": {"b": 1}}}, [("map", "<object>", "a", "<jmes>", "default")]),
        ({"a": {"jmes": "x", "enum": {"b": "c"}, "type": "integer"}}, [("map", "<object>", "a", "<jmes>", "enum")]),
        (
            {"a": {"jmes": "x", "enum": {"b": 1}, "type": "integer", "on_unknown": {"default": "x"}}},
            [("map", "<object>", "a", "<jmes>", "on_unknown")],
        ),
        ("body.order", [("map",)]),
        ({"jmes": "body.order", "optional": True}, [("map",)]),
    ],
)
def test_a_mistake_in_a_map_is_placed_at_its_key(map_: Tree, places: list[tuple[str | int, ...]]) -> None:
    assert [place for place, _ in mistakes(map_)] == places


def test_all_mistakes_of_a_map_are_found_together() -> None:
    assert len(mistakes({"a": {"jmes": "x", "tpe": 1}, "b": [{"jmes": "["}], "c": {"literal": 1, "d": 1}})) == 3


@pytest.mark.parametrize(
    "wrap", [lambda inner: {"a": inner}, lambda inner: [inner], lambda inner: {"each": {"jmes": "id"}, "as": inner}]
)
def test_a_map_may_be_64_levels_deep_and_no_deeper(wrap: Callable[[Tree], Tree]) -> None:
    map_: Tree = {"jmes": "body", "default": 1}
    for _ in range(62):
        map_ = wrap(map_)
    map_ = wrap(map_)
    Translate.model_validate({"map": map_})
    assert mistakes(wrap(map_)) == [(("map",), "nested deeper than 64 levels")]
    for _ in range(100_000):
        map_ = wrap(map_)
    assert mistakes(map_) == [(("map",), "nested deeper than 64 levels")]


def test_editors_are_given_a_schema_that_takes_right_maps_and_refuses_wrong_ones() -> None:
    validator = jsonschema_rs.validator_for(Translate.model_json_schema())
    assert validator.is_valid({"map": ORDER_MAP})
    assert validator.is_valid({"map": [1, {"literal": {"jmes": 1}}]})
    assert not validator.is_valid({"map": {"a": {"jmes": "x", "tpe": "integer"}}})
    assert not validator.is_valid({"map": {"a": {"each": {"jmes": "x"}}}})


# Whatever comes

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
names = st.sampled_from(["order_no", "customer", "full_name", "tier", "chan", "lines", "sku", "qty"])
bodies = st.recursive(
    scalars | st.sampled_from(["W", "3", "1e400"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names | st.text(max_size=4), inner, max_size=6),
    max_leaves=20,
)
orders = st.fixed_dictionaries(
    {"order_no": scalars, "customer": bodies, "chan": st.sampled_from(["W", "S", "?"]), "lines": bodies}
)
STAGES = [
    Translate.model_validate({"map": ORDER_MAP}),
    Translate.model_validate(
        {
            "map": {
                t: {"jmes": "body.order_no", "type": t, "default": None}
                for t in ("string", "integer", "number", "boolean")
            }
        }
    ),
    Translate.model_validate(
        {"map": {"each": {"jmes": "body.lines[*].sku", "default": []}, "as": {"jmes": "to_number(item)"}}}
    ),
]


@settings(max_examples=150)
@given(body=bodies | orders)
def test_any_body_is_translated_or_rejected_and_stays_as_it_was(body: JSON) -> None:
    before = copy.deepcopy(body)
    for stage in STAGES:
        try:
            outcome = run(stage, Message(body))
        except Reject as rejected:
            outcome = rejected
        assert isinstance(outcome, Message) or outcome.error in {"missing", "invalid"}
        assert body == before


@settings(max_examples=150)
@given(number=st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_survives_its_way_through_text(number: float) -> None:
    text = value({"type": "string"}, number)
    assert json.loads(text) == number
    assert value({"type": "number"}, text) == number
