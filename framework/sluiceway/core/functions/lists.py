"""Functions for lists and objects."""

from __future__ import annotations

from collections.abc import Hashable
from decimal import Decimal
from typing import Protocol, cast

from sluiceway.core.functions.documented import documented
from sluiceway.core.functions.numbers import EXACT, decimal_of
from sluiceway.core.functions.signatures import ANY, ARRAY, OBJECT, Takes, short, signature
from sluiceway.core.json import JSON


class _Expression(Protocol):
    """An `&` argument, as the library gives it."""

    expression: object

    def visit(self, node: object, value: JSON) -> JSON: ...


_EXPRESSION: Takes = {"types": ["expref"]}


def _identity(value: JSON) -> Hashable:
    """Return what is equal for values that JSON calls equal: 1 is 1.0, but not true."""
    if isinstance(value, dict):
        return frozenset((key, _identity(item)) for key, item in value.items())
    if isinstance(value, list):
        return tuple(map(_identity, value))
    if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        # As text, whose hash nobody can foresee: numbers could be chosen to have all the same one.
        return (int, str(EXACT.normalize(decimal_of(value or 0))))
    return (type(value), value)


class ListFunctions:
    """Lists, objects and choices."""

    @signature(ANY, ANY, ANY)
    @documented(
        "The second where the first counts as true, else the third. As everywhere in JMESPath, false, null, and an "
        "empty text, list or object count as false. Unlike `a && b || c` it may give one of these.",
        ("if(`true`, `0`, 'no')", 0),
        ("if('', 'yes', `null`)", None),
    )
    def _func_if(self, condition: JSON, then: JSON, otherwise: JSON) -> JSON:
        is_true = condition not in ("", [], {}) and condition is not None and condition is not False
        return then if is_true else otherwise

    @signature(OBJECT)
    @documented("The members of an object as `[key, value]`.", ("""items(`{"a": 1, "b": 2}`)""", [["a", 1], ["b", 2]]))
    def _func_items(self, object: dict[str, JSON]) -> list[JSON]:  # noqa: A002 - as the page calls it
        return [[key, value] for key, value in object.items()]

    @signature({"types": ["array-array"]})
    @documented(
        "An object from `[key, value]`; a key that comes twice rejects the message.",
        ("""from_items(`[["a", 1], ["b", 2]]`)""", {"a": 1, "b": 2}),
        ("""from_items(zip(`["sku", "qty"]`, `["A-1", 2]`))""", {"sku": "A-1", "qty": 2}),
    )
    def _func_from_items(self, items: list[list[JSON]]) -> dict[str, JSON]:
        made: dict[str, JSON] = {}
        for item in items:
            if len(item) != 2 or not isinstance(item[0], str):
                raise ValueError(f"{short(item)} is not a text and a value")
            if item[0] in made:
                raise ValueError(f"the key {short(item[0])} comes twice")
            made[item[0]] = item[1]
        return made

    @signature(ARRAY, {"types": ["array"], "variadic": True})
    @documented(
        "Lists of the first elements, of the second, and so on; lists that are not equally long reject the message.",
        ("zip(`[1, 2]`, `[3, 4]`)", [[1, 3], [2, 4]]),
    )
    def _func_zip(self, array: list[JSON], *arrays: list[JSON]) -> list[JSON]:
        sizes = [len(array), *map(len, arrays)]
        if len(set(sizes)) > 1:
            raise ValueError(f"the lists have {short(sizes)} elements")
        return [list(row) for row in zip(array, *arrays, strict=True)]

    @signature(ARRAY)
    @documented("Each value once, where it came first.", ("unique(`[2, 1, 2.0, true]`)", [2, 1, True]))
    def _func_unique(self, array: list[JSON]) -> list[JSON]:
        seen: dict[Hashable, JSON] = {}
        for value in array:
            seen.setdefault(_identity(value), value)
        return list(seen.values())

    @signature(ARRAY, _EXPRESSION)
    @documented(
        "An object of lists: the elements under the text that the expression finds in each.",
        (
            """group_by(`[{"to": "a", "n": 1}, {"to": "b", "n": 2}, {"to": "a", "n": 3}]`, &to).a[*].n""",
            [1, 3],
        ),
    )
    def _func_group_by(self, array: list[JSON], by: object) -> dict[str, JSON]:
        expression = cast("_Expression", by)
        groups: dict[str, JSON] = {}
        for value in array:
            key = expression.visit(expression.expression, value)
            if not isinstance(key, str):
                raise ValueError(f"the expression finds {short(key)}, not a text, in {short(value)}")
            cast("list[JSON]", groups.setdefault(key, [])).append(value)
        return groups
