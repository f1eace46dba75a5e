"""What an expression gives, by the shape of what it is applied to; that names are found in is tested with lint."""

from __future__ import annotations

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from sluiceway import JSON, Expression, Shape
from sluiceway.core.errors import InvalidExpression
from sluiceway.core.jmes_shape import wrong_names

VIEW = Shape.of_message(
    Shape.of_schema(
        {
            "properties": {
                "no": {"type": "string"},
                "who": {"type": "object", "properties": {"name": {}}, "additionalProperties": False},
                "lines": {"type": "array", "items": {"properties": {"sku": {"type": "string"}}}},
                "grid": {"type": "array", "items": {"type": "array", "items": {"type": "integer"}}},
            }
        }
    )
)


@pytest.mark.parametrize(
    ("text", "types"),
    [
        ("body.no", {"string"}),
        ("body.lines", {"array"}),
        ("body.lines[0].sku", {"string"}),
        ("body.lines[].sku", {"array"}),
        ("body.lines[].sku | [0]", {"string"}),
        ("body.grid[] | [0]", {"integer"}),
        ("body.grid[0]", {"array"}),
        ("sort_by(body.lines, &sku)[-1].sku", {"string"}),
        ("max_by(body.lines, &sku).sku", {"string"}),
        ("map(&sku, body.lines)[0]", {"string"}),
        ("length(body.no)", {"number"}),
        ("to_string(body)", {"string"}),
        ("contains(body.no, 'x')", {"boolean"}),
        ("body.no == 'x'", {"boolean"}),
        ("!(body.no)", {"boolean"}),
        ("{a: body.no}", {"object"}),
        ("{a: body.no}.a", {"string"}),
        ("[body.no]", {"array"}),
        ("[body.no, length(body.no)][1]", {"string", "number"}),
        ("body.no || length(body.no)", {"string", "number"}),
        ("not_null(body.no, body.lines)", {"string", "array"}),
        ("`1`", {"integer"}),
        ("'x'", {"string"}),
        ("body.lines[?sku == 'a'] | [0].sku", {"string"}),
        ("body.nothing", None),
        ("body.who.*", {"array"}),
        ("merge(body, body)", None),
        ("@.body.no", {"string"}),
    ],
)
def test_an_expression_gives(text: str, types: set[str] | None) -> None:
    assert Expression(jmes=text).shape(VIEW).types == types


def test_a_literal_gives_itself() -> None:
    assert Expression(literal="x").shape(VIEW).values == ["x"]
    assert Expression(literal={"a": 1}).shape(VIEW).names() == ("a",)


def test_wrong_names_have_their_places_in_the_order_of_the_text() -> None:
    text = "body.lines[?qyt > `1`].skuu | sort_by(@, &skuu)[0].{sku: qyt, no: sku}"
    found = wrong_names(text, VIEW)
    assert [(wrong.name, wrong.start) for wrong in found] == [("qyt", 12), ("skuu", 23)]
    assert [wrong.where for wrong in found] == ["body.lines[]", "body.lines[]"]


names = st.sampled_from(["body", "no", "who", "name", "lines", "sku", "x", '"q q"'])
expressions = st.recursive(
    names | st.sampled_from(["@", "`1`", "'s'", "id"]),
    lambda inner: st.one_of(
        st.builds("{}.{}".format, inner, names),
        st.builds("{}[0]".format, inner),
        st.builds("{}[].{}".format, inner, names),
        st.builds("{}[?{} == {}].{}".format, inner, names, inner, names),
        st.builds("({} || {})".format, inner, inner),
        st.builds("({} | {})".format, inner, inner),
        st.builds("{{k: {}, l: {}}}".format, inner, inner),
        st.builds("sort_by({}, &{})".format, inner, names),
        st.builds("{}[1:].*".format, inner),
    ),
    max_leaves=8,
)
bodies = st.recursive(
    st.text(max_size=2), lambda inner: st.lists(inner, max_size=2) | st.dictionaries(names, inner, max_size=3)
)


@given(expressions, bodies)
def test_each_wrong_name_stands_where_it_is_said_to_stand(text: str, body: JSON) -> None:
    try:
        Expression(jmes=text)
    except InvalidExpression:  # a literal that the function does not take
        reject()
    for wrong in wrong_names(text, Shape.of_message(Shape.of_constant(body))):
        assert text.startswith(wrong.name, wrong.start)
        assert wrong.shape.lacks(wrong.name)


@given(st.sampled_from(["body.{}", "body.{}.{}", "body.{}[].{}", "body.{}[0].{}"]), names, names, bodies)
def test_a_name_that_gives_a_value_is_never_wrong(form: str, one: str, two: str, body: JSON) -> None:
    text = form.format(one, two)
    value = Expression(jmes=text).evaluate({"id": "m", "body": body, "headers": {}, "meta": {}})
    for known in (Shape.of_value(body), Shape.of_constant(body)):
        found = [wrong for wrong in wrong_names(text, Shape.of_message(known)) if wrong.shape.lacks(wrong.name)]
        assert not (found and value not in (None, []))
