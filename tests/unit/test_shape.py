"""What a JSON Schema, a sample or a constant says of a value, and what stages make of that."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluiceway import JSON, Shape

ORDER: JSON = {
    "$defs": {"party": {"type": "object", "properties": {"name": {"type": "string"}, "of": {"$ref": "#/$defs/party"}}}},
    "type": "object",
    "properties": {
        "no": {"type": "string"},
        "status": {"enum": ["open", "paid"]},
        "customer": {"$ref": "#/$defs/party"},
        "lines": {"type": "array", "items": {"properties": {"sku": {}}, "additionalProperties": False}},
    },
}


def at(shape: Shape, path: str) -> Shape:
    """Return what is at a dotted path of members, `[]` for the elements of a list."""
    for name in path.split("."):
        found = shape.items() if name == "[]" else shape.member(name)
        assert found is not None, name
        shape = found
    return shape


def test_of_what_nothing_is_known_nothing_is_said() -> None:
    shape = Shape.anything()
    assert (shape.member("a"), shape.lacks("a"), shape.names(), shape.is_silent) == (None, False, (), True)
    assert (shape.types, shape.values, shape.items().is_silent, shape.is_closed) == (None, None, True, False)


def test_a_schema_names_members_elements_types_and_values() -> None:
    shape = Shape.of_schema(ORDER)
    assert shape.names() == ("no", "status", "customer", "lines")
    assert at(shape, "no").types == {"string"}
    assert at(shape, "status").values == ["open", "paid"]
    assert at(shape, "lines.[]").names() == ("sku",)


def test_a_reference_to_itself_can_be_followed_as_deep_as_one_likes() -> None:
    assert at(Shape.of_schema(ORDER), "customer" + ".of" * 200).names() == ("name", "of")


def test_what_no_part_names_is_excluded_only_where_the_schema_is_closed() -> None:
    shape = Shape.of_schema(ORDER)
    lines = at(shape, "lines.[]")
    assert (shape.member("noo"), shape.lacks("noo"), shape.is_closed) == (None, False, False)
    assert (lines.member("skuu"), lines.lacks("skuu"), lines.lacks("sku"), lines.is_closed) == (None, True, False, True)


def test_a_scalar_has_no_members() -> None:
    assert at(Shape.of_schema(ORDER), "no").lacks("a")


@pytest.mark.parametrize(
    ("schema", "known", "lacks"),
    [
        ({"allOf": [{"properties": {"a": {}}}, {"properties": {"b": {}}}]}, "ab", ""),
        ({"anyOf": [{"properties": {"a": {}}}, {"properties": {"b": {}}}]}, "ab", ""),
        ({"properties": {"a": {}}, "anyOf": [{"required": ["b"]}, {"properties": {"c": {}}}]}, "ac", ""),
        ({"oneOf": [{"properties": {"a": {}}, "additionalProperties": False}, {"type": "string"}]}, "a", "bcx"),
        ({"oneOf": [{"properties": {"a": {}}, "additionalProperties": False}, {"properties": {"b": {}}}]}, "ab", ""),
        ({"allOf": [{"properties": {"a": {}}, "additionalProperties": False}, {"properties": {"b": {}}}]}, "a", "bcx"),
        ({"allOf": [{"properties": {"a": {}}}], "unevaluatedProperties": False}, "a", "bcx"),
        ({"if": {}, "then": {"properties": {"a": {}}}, "else": {"properties": {"b": {}}}}, "ab", ""),
        ({"properties": {"a": {}}, "then": {"properties": {"b": {}}}}, "ab", ""),
        ({"patternProperties": {"^a": {}}, "additionalProperties": False}, "a", "bcx"),
        ({"additionalProperties": {"type": "string"}}, "abcx", ""),
        ({"$defs": {"p~/": {"properties": {"a": {}}}}, "$ref": "#/$defs/p~0~1"}, "a", ""),
        ({"$defs": [{"properties": {"a": {}}}], "$ref": "#/$defs/0"}, "a", ""),
        ({"allOf": [{"$id": "b", "$defs": {"p": {"properties": {"a": {}}}}, "$ref": "#/$defs/p"}]}, "a", ""),
    ],
)
def test_what_any_part_names_is_known(schema: JSON, known: str, lacks: str) -> None:
    shape = Shape.of_schema(schema)
    assert [name for name in "abcx" if shape.member(name)] == sorted(known)
    assert [name for name in "abcx" if shape.lacks(name)] == sorted(lacks)


@pytest.mark.parametrize(
    "schema",
    [
        True,
        False,
        {},
        {"type": "object"},
        {"not": {"properties": {"a": {}}}},
        {"$ref": "https://example.com/other.json"},
        {"$ref": "#/nowhere"},
        {"$ref": 7},
        {"$ref": "#"},
        {"allOf": [{"$ref": "#"}]},
        {"anyOf": [{"properties": {"a": {}}}, {}]},
        {"anyOf": []},
        {"properties": 3, "items": 4, "type": 5, "enum": 6, "anyOf": 7, "patternProperties": 8},
    ],
)
def test_a_schema_that_lists_no_members_is_silent_about_them(schema: JSON) -> None:
    assert Shape.of_schema(schema).is_silent
    assert not Shape.of_schema(schema).lacks("x")


def test_a_pattern_that_could_take_long_is_taken_to_match() -> None:
    shape = Shape.of_schema({"patternProperties": {"(a+)+$": {}, "[": {}}, "additionalProperties": False})
    assert shape.member("a" * 30 + "b") is not None
    assert shape.member("b" * 200) is not None


def test_tuples_have_the_members_of_any_of_their_elements() -> None:
    pair: JSON = [{"properties": {"a": {}}}, {"properties": {"b": {}}}]
    assert Shape.of_schema({"prefixItems": pair, "items": {"properties": {"c": {}}}}).items().names() == ("a", "b", "c")
    assert Shape.of_schema({"items": pair, "additionalItems": {"properties": {"c": {}}}}).items().lacks("x") is False
    assert Shape.of_schema({"items": pair}).items().is_silent


def test_a_schema_whose_parts_multiply_is_read_in_no_time() -> None:
    links: dict[str, JSON] = {
        f"d{n}": {kind: [{"$ref": f"#/$defs/d{n + 1}"}, {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}]}]}
        for n in range(24)
        for kind in [("anyOf", "allOf")[n % 2]]
    }
    shape = Shape.of_schema({"$defs": {**links, "d24": {"properties": {"a": {"$ref": "#"}}}}, "$ref": "#/$defs/d0"})
    assert at(shape, ".".join("a" * 20)).names() == ("a",)


def test_a_schema_nested_beyond_reason_is_read_as_far_as_is_sensible() -> None:
    schema: JSON = {"properties": {"a": {}}}
    for _ in range(400):
        schema = {"allOf": [schema]}
    assert Shape.of_schema(schema).is_silent


def test_a_sample_shows_members_and_neither_that_they_are_all_nor_which_scalars() -> None:
    shape = Shape.of_value({"no": "A", "lines": [{"sku": 1}, {"qty": 2}], "note": None, "tags": [], "who": {}})
    assert (shape.lacks("x"), at(shape, "who").is_silent) == (False, True)
    assert set(at(shape, "lines.[]").names()) == {"sku", "qty"}
    assert at(shape, "note").types is None
    assert at(shape, "no").types == {"string", "number", "integer", "boolean", "null"}


def test_a_constant_is_known_whole() -> None:
    shape = Shape.of_constant({"a": [1, 1.5, "x", None, True]})
    assert shape.is_closed
    assert at(shape, "a.[]").values == [1, 1.5, "x", None, True]
    assert at(shape, "a.[]").types == {"integer", "number", "string", "null", "boolean"}


def test_what_is_put_joins_and_objects_on_the_way_are_made() -> None:
    shape = Shape.of_schema({"properties": {"no": {}}, "additionalProperties": False})
    more = shape.put(["customer", "name"], Shape.of_types("string"))
    assert more.names() == ("no", "customer")
    assert at(more, "customer.name").types == {"string"}
    assert (more.lacks("customer"), more.lacks("x"), shape.lacks("customer")) == (False, True, True)
    assert Shape.anything().put(["a"], Shape.anything()).is_silent


def test_what_is_taken_away_is_not_there_until_it_is_put_again() -> None:
    shape = Shape.of_schema(ORDER).without(["customer", "name"]).without(["no"]).without(["a", "b"])
    assert (shape.names(), shape.lacks("no"), shape.member("no")) == (("status", "customer", "lines"), True, None)
    assert at(shape, "customer").lacks("name")
    assert not shape.put(["no"], Shape.anything()).lacks("no")


def test_both_names_what_either_does_and_meets_types_and_values() -> None:
    one = Shape.of_schema({"properties": {"a": {"enum": [1, 2]}, "b": {"type": ["string", "null"]}}})
    two = Shape.of_schema({"properties": {"a": {"enum": [2, 3]}, "b": {"type": "string"}, "c": {"type": "integer"}}})
    shape = one.both(two).both(Shape.of_schema({"properties": {"c": {"type": "number"}}}))
    assert shape.names() == ("a", "b", "c")
    assert (at(shape, "a").values, at(shape, "b").types, at(shape, "c").types) == ([2], {"string"}, {"integer"})


def test_either_excludes_only_what_all_exclude() -> None:
    closed = Shape.of_members({"a": Shape.of_constant(1)})
    shape = Shape.either([closed, Shape.of_members({"a": Shape.of_constant("x"), "b": Shape.anything()})])
    assert (shape.lacks("b"), shape.lacks("c"), at(shape, "a").values) == (False, True, [1, "x"])
    assert Shape.either([closed, Shape.anything()]).is_silent
    assert Shape.either([]).is_silent


def test_what_a_pattern_lets_through_is_remembered_where_it_lists_plain_values() -> None:
    pattern = {"status": ["paid"], "no": [{"prefix": "A"}], "customer": {"tier": ["gold", None]}, "lines": {"sku": [1]}}
    shape = Shape.of_schema(ORDER).passing(pattern)
    assert (at(shape, "status").passed, at(shape, "status").values) == (["paid"], ["open", "paid"])
    assert at(shape, "customer.tier").passed == ["gold", None]
    assert (at(shape, "no").passed, at(shape, "lines.[]").names()) == (None, ("sku",))
    assert shape.names() == ("no", "status", "customer", "lines")
    assert shape.passing({"status": ["open"]}).member("status").passed == []  # type: ignore[union-attr] # it is there


def test_shapes_made_of_each_other_without_end_become_unknown() -> None:
    shape = Shape.of_schema(ORDER)
    for _ in range(1000):
        shape = shape.both(Shape.of_schema(ORDER)).put(["a"], Shape.anything())
    assert shape.member("nothing") is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


@given(json_values)
def test_every_path_in_a_value_is_known_to_the_shape_of_it(value: JSON) -> None:
    def check(value: JSON, shape: Shape) -> None:
        if isinstance(value, dict):
            for name, member in value.items():
                found = shape.member(name)
                assert found is not None or shape.is_silent
                check(member, found or Shape.anything())
        elif isinstance(value, list):
            for element in value:
                check(element, shape.items())

    check(value, Shape.of_value(value))
    check(value, Shape.of_constant(value))


KEYWORDS = ["type", "properties", "items", "allOf", "anyOf", "enum", "$ref", "additionalProperties", "then", "const"]
schemas = st.recursive(
    st.sampled_from([True, False, {}, {"$ref": "#"}, {"type": "string"}, {"enum": [1, "a"]}]) | json_values,
    lambda inner: st.dictionaries(
        st.sampled_from(KEYWORDS), inner | st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=1), inner)
    ),
    max_leaves=20,
)


@given(schemas, st.lists(st.text(max_size=1), max_size=4))
def test_nothing_that_stands_in_a_schema_fails(schema: JSON, path: list[str]) -> None:
    shape = Shape.of_schema(schema)
    for name in path:
        assert isinstance(shape.lacks(name), bool)
        assert not (shape.member(name) is not None and shape.lacks(name) and shape.types is None)
        shape = (shape.member(name) or shape).put([name], shape.items()).without([name]).both(shape)
