"""Projections, pipes, flattening, filters, comparisons, what is true, and precedence, from JMESPath's specification."""

import pytest
from tests.unit.expression_rows import check, rows

from sluiceway.core.errors import Reject
from sluiceway.core.expression import Expression
from sluiceway.core.json import JSON

LINES: JSON = [{"sku": "x", "qty": 1}, {"sku": "y", "qty": 3, "tags": ["b", "a"]}, {"sku": None, "qty": 5, "tags": []}]
PLACES: JSON = {"berlin": {"n": 1}, "rome": {"n": 2, "m": 3}, "none": None, "text": "n"}


@rows(
    ("[*].qty", LINES, [1, 3, 5]),
    ("[*].sku", LINES, ["x", "y"]),  # null is left out
    ("[*].missing", LINES, []),
    ("[*]", [1, None, [None]], [1, [None]]),
    ("[*]", [], []),
    ("[*].[sku]", LINES, [["x"], ["y"], [None]]),
    ("[*].{s: sku}", LINES, [{"s": "x"}, {"s": "y"}, {"s": None}]),
    ("[*].tags[0]", LINES, ["b"]),
    ("[*].tags[*]", LINES, [["b", "a"], []]),
    ("[*][*]", [[1, 2], [3], 4], [[1, 2], [3]]),
    ("[*][0]", [[1, 2], [3], []], [1, 3]),
    ("a[*].b", {"a": {"b": 1}}, None),
    ("a[*].b", {}, None),
    ("[*]", "text", None),
    ("[*].a.b.c", [{"a": {"b": {"c": 1}}}, {"a": {"b": None}}, {"a": 1}], [1]),
    ("lines[*].sku", {"lines": LINES}, ["x", "y"]),
)
def test_list_projections(text: str, document: JSON, expected: JSON) -> None:
    check(text, document, expected)


@rows(
    ("*.n", PLACES, [1, 2]),
    ("*", PLACES, [{"n": 1}, {"n": 2, "m": 3}, "n"]),
    ("*.*", PLACES, [[1], [2, 3]]),
    ("*.missing", PLACES, []),
    ("*", {}, []),
    ("*", [1], None),
    ("*", "text", None),
    ("a.*.n", {"a": PLACES}, [1, 2]),
    ("a.*", {"a": None}, None),
    ("*[0]", {"a": [1], "b": [2, 3], "c": 4}, [1, 2]),
    ("*.a[*]", {"x": {"a": [1]}, "y": {"a": 1}}, [[1]]),
    ("[*].*", [{"a": 1}, {"b": 2}, 3], [[1], [2]]),
    ("[*]", {"a": 1}, None),
    ("[a, *]", {"a": 1}, [1, [1]]),
)
def test_object_projections(text: str, document: JSON, expected: JSON) -> None:
    check(text, document, expected)


@rows(
    ("[*].tags | [0]", LINES, ["b", "a"]),  # a pipe stops a projection
    ("([*].tags)[0]", LINES, ["b", "a"]),  # as brackets do
    ("[*].tags[0] | [0]", LINES, "b"),
    ("*.n | [1]", PLACES, 2),
    ("*.n | length(@)", PLACES, 2),
    ("(*.n)[-1]", PLACES, 2),
    ("a | b | c", {"a": {"b": {"c": 1}}}, 1),
    ("a | missing | c", {"a": {}}, None),
    ("missing | [@]", {}, None),
    ("a.b | [0]", {"a": {"b": [1]}}, 1),
    ("[0] | sku", LINES, "x"),
    ("[?qty > `1`].sku | [0]", LINES, "y"),
    ("a || b | c", {"b": {"c": 1}}, 1),
    ("{a: a | b, c: `1`}", {"a": {"b": 2}}, {"a": 2, "c": 1}),
)
def test_pipes(text: str, document: JSON, expected: JSON) -> None:
    check(text, document, expected)


@rows(
    ("[]", [1, [2, 3], [], [[4]], None], [1, 2, 3, [4]]),
    ("[][]", [1, [2, [3, [4]]]], [1, 2, 3, [4]]),
    ("[]", {"a": 1}, None),
    ("[]", "text", None),
    ("[*].tags[]", LINES, ["b", "a"]),
    ("[*].tags | []", LINES, ["b", "a"]),
    ("[].tags[]", LINES, ["b", "a"]),
    ("a[].b", {"a": [{"b": 1}, [{"b": 2}, {"c": 3}]]}, [1, 2]),
    ("a[].b[].c", {"a": [{"b": [{"c": 1}, {"c": 2}]}, {"b": [{"c": 3}]}]}, [1, 2, 3]),
    ("a[*].b[*].c", {"a": [{"b": [{"c": 1}, {"c": 2}]}, {"b": [{"c": 3}]}]}, [[1, 2], [3]]),
    ("a[*].b[].c", {"a": [{"b": [{"c": 1}, {"c": 2}]}, {"b": [{"c": 3}]}]}, [1, 2, 3]),
    ("*.n[]", {"x": {"n": [1]}, "y": {"n": [2]}}, [1, 2]),
    ("[][0]", [[1, 2], [[3]]], [3]),
    ("[] | [0]", [[1, 2], [[3]]], 1),
)
def test_flattening(text: str, document: JSON, expected: JSON) -> None:
    check(text, document, expected)


@rows(
    ("[?qty > `1`].sku", LINES, ["y"]),
    ("[?sku == 'x'].qty", LINES, [1]),
    ("[?sku]", LINES, [{"sku": "x", "qty": 1}, {"sku": "y", "qty": 3, "tags": ["b", "a"]}]),
    ("[?!sku].qty", LINES, [5]),
    ("[?tags].qty", LINES, [3]),
    ("[?qty > `1` && qty < `5`].qty", LINES, [3]),
    ("[?qty == `1` || sku == 'y'].qty", LINES, [1, 3]),
    ("[?contains(tags || `[]`, 'a')].sku", LINES, ["y"]),
    ("[?sku == null].qty", LINES, [5]),  # the member `null`, which is missing: null == null
    ("[?@ > `2`]", [1, 2, 3, None, [4], True], [3]),
    ("[?@]", [0, "", [], {}, False, None, "a"], [0, "a"]),
    ("[?a[?b == `1`]].c", [{"a": [{"b": 1}], "c": 1}, {"a": [{"b": 2}], "c": 2}, {"c": 3}], [1]),
    ("[?a == `1`][0]", [{"a": 1}], []),
    ("[?a == `1`] | [0]", [{"a": 1}], {"a": 1}),
    ("[?a][?b]", [[{"a": 1}]], []),
    ("a[?b].c.d", {"a": [{"b": 1, "c": {"d": 2}}, {"b": 1}]}, [2]),
    ("a[?b]", {"a": {"b": 1}}, None),
    ("[?a]", None, None),
    ("*[?@ > `1`]", {"x": [1, 2], "y": [3]}, [[2], [3]]),
    ("*[?@ > `1`][]", {"x": [1, 2], "y": [3]}, [2, 3]),
)
def test_filters(text: str, document: JSON, expected: JSON) -> None:
    check(text, document, expected)


@rows(
    ("a == b", {"a": [1, {"x": None}], "b": [1, {"x": None}]}, True),
    ("a == b", {"a": {"x": 1, "y": 2}, "b": {"y": 2, "x": 1}}, True),
    ("a == b", {"a": [1, 2], "b": [2, 1]}, False),
    ("a == b", {}, True),
    ("a == `null`", {}, True),
    ("`1` == `1.0`", {}, True),
    ("`1` == '1'", {}, False),
    ("`1` == `true`", {}, False),
    ("`true` == `1`", {}, False),
    ("`0` == `false`", {}, False),
    ("`false` != `0`", {}, True),
    ("'' == `null`", {}, False),
    ("`[]` == `{}`", {}, False),
    ("a != b", {"a": 1}, True),
    ("`1` < `2`", {}, True),
    ("`2` <= `2`", {}, True),
    ("`2` > `2.5`", {}, False),
    ("`-1` >= `-1.0`", {}, True),
    ("`1` < a", {}, None),  # only numbers have an order, and texts, as in all of the libraries
    ("`1` < `true`", {}, None),
    ("`[1]` < `[2]`", {}, None),
    ("`null` <= `null`", {}, None),
    ("'a' < 'b'", {}, True),
    ("'b' <= 'a'", {}, False),
    ("'10' < '9'", {}, True),
)
def test_comparisons(text: str, document: JSON, expected: JSON) -> None:
    check(text, document, expected)


def test_a_text_has_no_order_among_numbers() -> None:
    with pytest.raises(Reject, match="cannot be computed"):
        Expression.parse({"jmes": "'a' < `1`"}).evaluate({})


@rows(
    *((f"!`{false}`", None, True) for false in ("false", "null", '""', "[]", "{}")),
    *((f"!`{true}`", None, False) for true in ("true", "0", "0.0", '" "', "[null]", '{"a": null}')),
    ("!!a", {"a": 0}, True),
    ("a || b", {"a": "", "b": "B"}, "B"),
    ("a || b", {"a": 0, "b": "B"}, 0),
    ("a || b", {"a": [], "b": False}, False),
    ("a || b || c", {"c": 1}, 1),
    ("a || 'default'", {}, "default"),
    ("a && b", {"a": 1, "b": 2}, 2),
    ("a && b", {"a": [], "b": 2}, []),
    ("a && b", {"b": 2}, None),
    ("a && b", {"a": 1}, None),
    ("a[0] || b[0]", {"b": [1]}, 1),
    ("@ || length(missing)", 1, 1),  # the second is not computed
    ("a && length(missing)", {}, None),
)
def test_what_is_true(text: str, document: JSON, expected: JSON) -> None:
    check(text, document, expected)


T: JSON = {"t": True, "f": False, "one": 1, "two": 2}


@rows(
    ("t || f && f", T, True),  # && before ||
    ("(t || f) && f", T, False),
    ("f && f || t", T, True),
    ("f && (f || t)", T, False),
    ("!f && f", T, False),  # ! before &&
    ("!(f && f)", T, True),
    ("!f == f", T, False),  # ! before ==: true == false
    ("!(f == f)", T, False),
    ("!one == one", T, False),
    ("one == `1` && two == `2`", T, True),  # == before &&
    ("one == (`1` && two)", T, False),
    ("t && one < two", T, True),
    ("f || one > two", T, False),
    ("one < two == t", T, True),  # from the left: (one < two) == t
    ("!t || t", T, True),
    ("!a.b", {"a": {"b": 1}}, None),  # the library's parser takes `!` before `.`: (!a).b
    ("!(a.b)", {"a": {"b": 1}}, False),
    ("a.b || c.d | e", {"c": {"d": {"e": 1}}}, 1),  # | last
    ("a || b.c", {"b": {"c": 1}}, 1),
    ("a[0] == `1` | !@", {"a": [1]}, False),
    ("[*].a || b", {"b": 1}, 1),
    ("a[*].b == `[1]`", {"a": [{"b": 1}]}, True),  # a comparison stops a projection too
    ("a[*].b || c", {"a": [], "c": 2}, 2),
    ("a[*].b && c", {"a": [{"b": 1}], "c": 2}, 2),
)
def test_precedence(text: str, document: JSON, expected: JSON) -> None:
    check(text, document, expected)
