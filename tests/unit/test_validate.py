"""`validate`: what conforms passes, what does not is rejected, and what the schema does not name is found."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from sluiceway import JSON, Context, Message, Reject
from sluiceway_patterns.validate import Validate

MakeStage: TypeAlias = Callable[..., Validate]

LINE: dict[str, Any] = {
    "type": "object",
    "properties": {"sku": {"type": "string"}, "qty": {"type": "integer"}},
    "required": ["sku"],
}
ORDER: dict[str, Any] = {
    "type": "object",
    "properties": {
        "order_no": {"type": "string"},
        "lines": {"type": "array", "items": LINE},
        "notes": {"type": "object"},
    },
    "required": ["order_no"],
}


@dataclass
class FakeContext:
    """Counts what is counted."""

    counted: Counter[str] = field(default_factory=Counter)

    def count(self, name: str, amount: int = 1, **labels: str) -> None:
        assert name == "unknown_field"
        self.counted[labels["path"]] += amount


@pytest.fixture
def stage(tmp_path: Path) -> MakeStage:
    def make(schema: JSON, **more: str) -> Validate:
        (tmp_path / "order.json").write_text(json.dumps(schema))
        return Validate.model_validate({"schema": "order.json", **more}, context={"folder": tmp_path})

    return make


def run(stage: Validate, *bodies: JSON, context: FakeContext | None = None) -> Message:
    """Send bodies through one open stage and return what became of the last one."""

    async def send() -> Message:
        async with stage.open(cast("Context", context or FakeContext())) as process:
            return [process(Message(body)) for body in bodies][-1]

    return asyncio.run(send())


def unknown(stage: Validate, *bodies: JSON) -> dict[str, int]:
    context = FakeContext()
    run(stage, *bodies, context=context)
    return dict(context.counted)


def test_a_body_that_conforms_passes_unchanged(stage: MakeStage) -> None:
    body = {"order_no": "A-1", "lines": [{"sku": "x", "qty": 1}]}
    assert run(stage(ORDER), body).body is body


def test_a_body_that_breaks_the_schema_is_rejected_with_the_place_of_each_break(stage: MakeStage) -> None:
    with pytest.raises(Reject) as caught:
        run(stage(ORDER), {"order_no": 7, "lines": [{"sku": "x", "qty": "x"}]})
    assert caught.value.error == "invalid"
    assert 'body.lines.0.qty: "x" is not of type "integer"' in caught.value.reason
    assert "body.order_no: 7 is not of type" in caught.value.reason


def test_a_break_of_the_whole_body_is_placed_at_body(stage: MakeStage) -> None:
    with pytest.raises(Reject, match=r'^body: "order_no" is a required property$'):
        run(stage(ORDER), {})


def test_at_most_five_places_are_named_and_long_values_are_cut(stage: MakeStage) -> None:
    with pytest.raises(Reject) as caught:
        run(stage({"items": {"type": "integer"}}), ["x" * 100_000] * 50)
    assert caught.value.reason.count("body.") == 5
    assert len(caught.value.reason) < 2000


def test_unknown_fields_are_allowed_unless_told_otherwise(stage: MakeStage) -> None:
    assert unknown(stage(ORDER), {"order_no": "A", "extra": 1}) == {}


def test_unknown_fields_are_counted_by_path_with_indices_as_brackets(stage: MakeStage) -> None:
    body = {"order_no": "A", "extra": 1, "lines": [{"sku": "a", "colour": 1}, {"sku": "b", "colour": 2}]}
    assert unknown(stage(ORDER, unknown_fields="count"), body) == {"body.extra": 1, "body.lines[].colour": 2}


def test_unknown_fields_are_rejected_by_their_exact_path(stage: MakeStage) -> None:
    with pytest.raises(Reject, match=r"^the schema does not name body\.lines\.1\.colour$") as caught:
        run(
            stage(ORDER, unknown_fields="reject"), {"order_no": "A", "lines": [{"sku": "a"}, {"sku": "b", "colour": 2}]}
        )
    assert caught.value.error == "invalid"


def test_a_schema_that_closes_rejects_by_itself(stage: MakeStage) -> None:
    with pytest.raises(Reject, match="extra"):
        run(stage({**ORDER, "additionalProperties": False}), {"order_no": "A", "extra": 1})


def test_it_says_what_it_found(stage: MakeStage) -> None:
    check = stage(ORDER, unknown_fields="count")
    assert check.branches() == (("schema",), ("unknown_fields",))
    found = check.decisions(Message({"order_no": "A", "extra": 1}))
    assert [(one.place, one.taken) for one in found] == [(("schema",), True), (("unknown_fields",), True)]
    assert found[1].text == "the schema does not name body.extra"
    (broken,) = check.decisions(Message({}))
    assert (broken.taken, broken.text) == (False, 'body: "order_no" is a required property')
    assert stage(ORDER).branches() == (("schema",),)
    assert len(stage(ORDER).decisions(Message({"order_no": "A", "extra": 1}))) == 1


def test_after_a_hundred_different_paths_the_rest_is_counted_together(stage: MakeStage) -> None:
    counted = unknown(stage(ORDER, unknown_fields="count"), *({"order_no": "A", f"x{i}": 1} for i in range(150)))
    assert len(counted) == 101
    assert counted["…"] == 50


def test_a_path_that_was_counted_before_the_limit_is_still_counted_by_itself(stage: MakeStage) -> None:
    many = {"order_no": "A", **{f"x{i}": 1 for i in range(150)}}
    assert unknown(stage(ORDER, unknown_fields="count"), many, many)["body.x0"] == 2


def test_a_long_name_does_not_become_a_long_label(stage: MakeStage) -> None:
    (label,) = unknown(stage(ORDER, unknown_fields="count"), {"order_no": "A", "x" * 100_000: 1})
    assert len(label) <= 120


REFERS = {"$ref": "#/$defs/a~1b", "$defs": {"a/b": {"properties": {"x": {}}}}}
TREE = {"properties": {"name": {}, "children": {"type": "array", "items": {"$ref": "#"}}}}


@pytest.mark.parametrize(
    ("schema", "body", "expected"),
    [
        ({}, {"x": 1}, set()),
        (True, {"x": 1}, set()),
        ({"properties": {"a": {}}}, {"a": {"x": 1}, "b": 1}, {"body.b"}),
        ({"properties": {"a": {}}, "additionalProperties": True}, {"b": 1}, {"body.b"}),
        ({"additionalProperties": {"properties": {"n": {}}}}, {"any": {"n": 1, "x": 1}}, {"body.any.x"}),
        ({"properties": {}, "additionalProperties": {"type": "integer"}}, {"any": 1}, set()),
        ({"patternProperties": {"^x-": {"properties": {"n": {}}}}}, {"x-a": {"m": 1}}, {"body.x-a.m"}),
        ({"patternProperties": {"^x-": {}}}, {"x-a": 1, "y": 1}, {"body.y"}),
        ({"allOf": [{"properties": {"a": {}}}, {"properties": {"b": {}}}]}, {"a": 1, "b": 1, "c": 1}, {"body.c"}),
        ({"anyOf": [{"properties": {"a": {}}}, {"type": "null"}]}, {"a": 1, "c": 1}, {"body.c"}),
        ({"oneOf": [{"properties": {"a": {}}, "required": ["a"]}]}, {"a": 1, "c": 1}, {"body.c"}),
        (
            {"if": {"properties": {"k": {}}}, "then": {"properties": {"a": {}}}, "else": {"properties": {"b": {}}}},
            {"k": 1, "a": 1, "b": 1, "c": 1},
            {"body.c"},
        ),
        ({"properties": {"a": {}}, "dependentSchemas": {"a": {"properties": {"b": {}}}}}, {"a": 1, "b": 1}, set()),
        (REFERS, {"x": 1, "y": 1}, {"body.y"}),
        (TREE, {"children": [{"name": 1, "children": [{"nme": 1}]}]}, {"body.children[].children[].nme"}),
        (
            {"prefixItems": [{"properties": {"a": {}}}], "items": {"properties": {"b": {}}}},
            [{"b": 1}, {"a": 1}, {"b": 1}],
            {"body[].b", "body[].a"},
        ),
        ({"items": {"properties": {"a": {"properties": {"b": {}}}}}}, [{"a": {"c": 1}}], {"body[].a.c"}),
        (
            {
                "$schema": "http://json-schema.org/draft-07/schema#",
                "items": [{"properties": {"a": {}}}],
                "additionalItems": {"properties": {"b": {}}},
            },
            [{"a": 1}, {"a": 1}],
            {"body[].a"},
        ),
        ({"properties": {"a": {"properties": {"b": {}}}}}, {"a": [{"c": 1}]}, set()),
        ({"properties": {"a": {}}}, "text", set()),
        (
            {"properties": {"a": {"$ref": "#here"}}, "$defs": {"h": {"$anchor": "here"}}},
            {"a": {"x": 1}, "b": 1},
            {"body.b"},
        ),
        ({"patternProperties": {r"^\p{L}$": {}}}, {"é": 1, "1": 1}, set()),
    ],
)
def test_a_field_is_unknown_when_no_part_of_the_schema_names_it(
    stage: MakeStage, schema: JSON, body: JSON, expected: set[str]
) -> None:
    assert set(unknown(stage(schema, unknown_fields="count"), body)) == expected


@pytest.mark.timeout(10)
def test_a_hostile_key_cannot_make_a_pattern_run_for_minutes(stage: MakeStage) -> None:
    schema = {"patternProperties": {"^(a+)+$": {}, "^[a-z]+[0-9]+$": {}}}
    assert unknown(stage(schema, unknown_fields="count"), {"a" * 64 + "!": 1, "a" * 100_000: 1}) == {}


def test_the_key_in_the_file_is_schema() -> None:
    with pytest.raises(ValidationError) as caught:
        Validate.model_validate({"schema_": "order.json"})
    assert {error["loc"] for error in caught.value.errors()} == {("schema",), ("schema_",)}


def test_a_schema_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="there is no file") as caught:
        Validate.model_validate({"schema": "none.json"}, context={"folder": tmp_path})
    assert caught.value.errors()[0]["loc"] == ("schema",)


bodies = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["order_no", "lines", "sku", "qty"]) | st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=bodies)
def test_any_body_passes_or_is_rejected_and_stays_as_it_was(stage: MakeStage, body: JSON) -> None:
    before = json.dumps(body)
    for mode in ("allow", "count", "reject"):
        with contextlib.suppress(Reject):
            assert run(stage(ORDER, unknown_fields=mode), body).body is body
    assert json.dumps(body) == before
