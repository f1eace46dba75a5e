"""The functions of JMESPath's specification: what they give, and which types they refuse."""

import json
import re

import pytest
from tests.unit.expression_rows import check, rows

from sluiceway.core.errors import Reject
from sluiceway.core.expression import Expression
from sluiceway.core.json import JSON

PEOPLE: JSON = [{"name": "b", "age": 30, "ok": True}, {"name": "a", "age": 50}, {"name": "c", "age": 40}]


@rows(
    ("abs(`-1`)", None, 1),
    ("abs(`-2.5`)", None, 2.5),
    ("abs(a)", {"a": 3}, 3),
    ("avg(`[1, 2, 6]`)", None, 3.0),
    ("avg(`[]`)", None, None),
    ("ceil(`1.001`)", None, 2),
    ("ceil(`-1.9`)", None, -1),
    ("ceil(`1`)", None, 1),
    ("floor(`1.9`)", None, 1),
    ("floor(`-1.1`)", None, -2),
    ("sum(`[1, 2.5]`)", None, 3.5),
    ("sum(`[]`)", None, 0),
    ("max(`[1, 3, 2]`)", None, 3),
    ('max(`["a", "c", "b"]`)', None, "c"),
    ("max(`[]`)", None, None),
    ("min(`[2, 1.5]`)", None, 1.5),
    ('min(`["b", "a"]`)', None, "a"),
    ("min(`[]`)", None, None),
    ("to_number('12')", None, 12),
    ("to_number('-1.5e2')", None, -150.0),
    ("to_number('abc')", None, None),
    ("to_number('')", None, None),
    ("to_number(' 1')", None, None),
    ("to_number(`3`)", None, 3),
    ("to_number(`true`)", None, None),
    ("to_number(`[1]`)", None, None),
    ("to_number(`null`)", None, None),
)
def test_numbers(text: str, document: JSON, expected: JSON) -> None:
    check(text, document, expected)


@rows(
    ("contains('pipeline', 'pipe')", None, True),
    ("contains('pipeline', 'pump')", None, False),
    ("contains('pipeline', '')", None, True),
    ("ends_with('order-1', '-1')", None, True),
    ("ends_with('order-1', 'order')", None, False),
    ("starts_with('order-1', 'order')", None, True),
    ("starts_with('order-1', '')", None, True),
    ("starts_with('order-1', '1')", None, False),
    ('join(\', \', `["a", "b"]`)', None, "a, b"),
    ('join(\'\', `["a", "b"]`)', None, "ab"),
    ("join(',', `[]`)", None, ""),
    ("join('-', [*].name)", PEOPLE, "b-a-c"),
    ("length('größe')", None, 5),
    ("length('🚀')", None, 1),
    ("length('')", None, 0),
    ("reverse('abc')", None, "cba"),
    ("to_string('a')", None, "a"),
    ("to_string(`1.5`)", None, "1.5"),
    ("to_string(`null`)", None, "null"),
    ('to_string(`[1, {"a": true}]`)', None, '[1,{"a":true}]'),
)
def test_texts(text: str, document: JSON, expected: JSON) -> None:
    check(text, document, expected)


@rows(
    ("contains(`[1, 2]`, `2`)", None, True),
    ("contains(`[1, 2]`, '2')", None, False),
    ("contains(`[[1]]`, `[1]`)", None, True),
    ("contains(`[]`, `null`)", None, False),
    ("contains(`[null]`, missing)", {}, True),
    ("length(`[1, null]`)", None, 2),
    ("length(`{}`)", None, 0),
    ('length(`{"a": 1, "b": 2}`)', None, 2),
    ("reverse(`[1, 2, 3]`)", None, [3, 2, 1]),
    ("reverse(`[]`)", None, []),
    ("sort(`[2, 1, 1.5]`)", None, [1, 1.5, 2]),
    ('sort(`["b", "B", "a"]`)', None, ["B", "a", "b"]),
    ("sort(`[]`)", None, []),
    ("to_array(`[1]`)", None, [1]),
    ("to_array('a')", None, ["a"]),
    ("to_array(`null`)", None, [None]),
    ("to_array(@)", {"a": 1}, [{"a": 1}]),
    ("keys(@)", {"b": 1, "a": 2}, ["b", "a"]),
    ("keys(@)", {}, []),
    ("values(@)", {"b": 1, "a": None}, [1, None]),
    ('merge(`{"a": 1, "b": 2}`, `{"b": 3}`)', None, {"a": 1, "b": 3}),
    ("merge(@)", {"a": 1}, {"a": 1}),
    ('merge(a, `{"x": {"z": 1}}`)', {"a": {"x": {"y": 1}}}, {"x": {"z": 1}}),
    ("not_null(a, b, c)", {"b": None, "c": 0}, 0),
    ("not_null(a)", {}, None),
    ("not_null(a, 'default')", {"a": False}, False),
)
def test_lists_and_objects(text: str, document: JSON, expected: JSON) -> None:
    check(text, document, expected)


@rows(
    *((f"type(`{value}`)", None, "number") for value in ("1", "-0.5", "1e3")),
    ("type('1')", None, "string"),
    ("type(`true`)", None, "boolean"),
    ("type(`null`)", None, "null"),
    ("type(missing)", {}, "null"),
    ("type(`[]`)", None, "array"),
    ("type(@)", {}, "object"),
)
def test_types(text: str, document: JSON, expected: JSON) -> None:
    check(text, document, expected)


@rows(
    ("map(&age, @)", PEOPLE, [30, 50, 40]),
    ("map(&ok, @)", PEOPLE, [True, None, None]),  # unlike a projection, it keeps null
    ("map(&@, `[]`)", None, []),
    ("map(&[0], `[[1], [2]]`)", None, [1, 2]),
    ("map(&to_string(@), `[1, 2]`)", None, ["1", "2"]),
    ("map(&map(&@, @), `[[1], []]`)", None, [[1], []]),
    ("map(&a || 'none', `[{\"a\": 1}, {}]`)", None, [1, "none"]),
    ("sort_by(@, &age)[*].name", PEOPLE, ["b", "c", "a"]),
    ("sort_by(@, &name)[*].age", PEOPLE, [50, 30, 40]),
    ("sort_by(@, &length(name))[*].name", PEOPLE, ["b", "a", "c"]),  # equal ones keep their order
    ("sort_by(`[]`, &missing)", PEOPLE, []),
    ("max_by(@, &age).name", PEOPLE, "a"),
    ("max_by(@, &name).name", PEOPLE, "c"),
    ("max_by(`[]`, &age)", None, None),
    ("min_by(@, &age).name", PEOPLE, "b"),
    ("min_by(`[]`, &age)", None, None),
    ("[*].length(name)", PEOPLE, [1, 1, 1]),
    ("[?starts_with(name, 'a')].age", PEOPLE, [50]),
    ("@.length(@)", PEOPLE, 3),
    ("sum(map(&age, @))", PEOPLE, 120),
    ("length( [?age > `35`] )", PEOPLE, 2),
)
def test_functions_of_expressions(text: str, document: JSON, expected: JSON) -> None:
    check(text, document, expected)


@pytest.mark.parametrize(
    "text",
    [
        *(f"{name}({value})" for name in ("abs", "ceil", "floor") for value in ("'1'", "`true`", "`null`", "`[1]`")),
        *(
            f"{name}({value})"
            for name in ("sum", "avg")
            for value in ("`1`", "'a'", '`["1"]`', "`[1, null]`", "`[true]`")
        ),
        *(
            f"{name}({value})"
            for name in ("max", "min", "sort")
            for value in ("`1`", "'a'", '`[1, "a"]`', "`[[1]]`", "@")
        ),
        *(f"{name}({value})" for name in ("keys", "values", "merge") for value in ("`[]`", "'a'", "`null`", "`1`")),
        *(f"length({value})" for value in ("`1`", "`null`", "`true`")),
        *(f"reverse({value})" for value in ("`1`", "`{}`", "`null`")),
        *("starts_with('a', `1`)", "starts_with(`1`, 'a')", "ends_with(`null`, 'a')", "ends_with('a', `[]`)"),
        *("contains(`1`, `1`)", "contains(`{}`, 'a')", "contains('1', `1`)", "merge(`1`, `{}`)"),
        *("join(`1`, `[]`)", "join(',', 'a')", "join(',', `[1]`)", "join(',', `[\"a\", null]`)"),
        *("map(&a, `{}`)", "map(&a, `null`)", "map(a, `[]`)", 'map(&abs(@), `["a"]`)'),
        *("sort_by(`{}`, &a)", "sort_by(`[1]`, &@.a)", 'sort_by(`[1, "a"]`, &@)', "sort_by(`[true]`, &@)"),
        *("max_by(`[[1]]`, &@)", "min_by(`[null]`, &@)", "max_by('a', &@)"),
    ],
)
def test_a_type_that_a_function_does_not_take_rejects_the_message(text: str) -> None:
    members: dict[str, JSON] = {}

    def member(literal: re.Match[str]) -> str:
        name = f"v{len(members)}"
        members[name] = literal[1] if literal[1] is not None else json.loads(literal[2])
        return f"body.{name}"

    from_body = re.sub(r"'(.*?)'|`(.*?)`", member, text)
    with pytest.raises(Reject, match=r"cannot be computed: (\w+\(\) takes|'in <string>' requires)") as rejected:
        Expression.parse({"jmes": from_body}).evaluate({"body": members})
    assert rejected.value.error == "invalid"


@pytest.mark.parametrize("name", ["abs", "avg", "keys", "length", "max", "reverse", "sort", "sum", "to_array", "type"])
def test_functions_of_one_argument_are_only_compiled_with_one(name: str) -> None:
    for text in (f"{name}()", f"{name}(a, b)"):
        with pytest.raises(ValueError, match=rf"{name}\(\) takes 1 argument, not"):
            Expression.parse({"jmes": text})
