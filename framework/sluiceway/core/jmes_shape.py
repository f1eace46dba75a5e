"""What an expression gives, and the names in it that lead nowhere, judged by the shape of what it is applied to."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, TypeAlias, cast

from jmespath.lexer import Lexer
from jmespath.parser import Parser

from sluiceway.core.json import JSON
from sluiceway.core.shape import Shape
from sluiceway.core.shape_parts import ARRAY

_Node: TypeAlias = Mapping[str, Any]

_STEPS: Final = {"subexpression", "index_expression", "pipe"}
"""Each child is computed in what the one before it gives."""

_OF_ITEMS: Final = {"sort_by": 0, "min_by": 0, "max_by": 0, "group_by": 0, "map": 1}
"""Functions that take an expression over the elements of a list, and which argument the list is."""

_GIVES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("join", "to_string", "type"), "string"),
    **dict.fromkeys(("abs", "avg", "ceil", "floor", "length", "sum", "to_number"), "number"),
    **dict.fromkeys(("contains", "ends_with", "starts_with"), "boolean"),
}


@dataclass(frozen=True, slots=True)
class WrongName:
    """A name in an expression that nothing has.

    Attributes:
        name: The name.
        start: Where it stands in the expression, in characters from 0.
        where: What was asked for it, as the expression has it (`body.customer`), or empty where that has no path.
        shape: What is known of that.
    """

    name: str
    start: int
    where: str
    shape: Shape


@dataclass(frozen=True, slots=True)
class _Found:
    """A part of a message: its shape, and the path that leads there, if one does."""

    shape: Shape
    path: str = ""

    def items(self) -> _Found:
        return _Found(self.shape.items(), f"{self.path}[]" if self.path else "")


_UNKNOWN: Final = _Found(Shape.anything())


def shape_of(text: str, view: Shape) -> Shape:
    """Return what a valid expression gives when it is applied to a value of a shape."""
    return _Walk(text).visit(_parsed(text), _Found(view)).shape


def wrong_names(text: str, view: Shape) -> list[WrongName]:
    """Return the names in a valid expression that lead nowhere in a value of a shape, in the order of the text."""
    walk = _Walk(text)
    walk.visit(_parsed(text), _Found(view))
    return sorted(walk.wrong, key=lambda wrong: wrong.start)


class _Walk:
    """Follows an expression through shapes."""

    def __init__(self, text: str) -> None:
        self.wrong: list[WrongName] = []
        self._places = _places(text)
        self._starts: dict[int, int] = {}
        self._visits: dict[str, Callable[[_Node, _Found], _Found]] = {
            "field": self._field,
            "index": lambda _, here: here.items(),
            "slice": lambda _, here: here,
            "identity": lambda _, here: here,
            "current": lambda _, here: here,
            "literal": lambda node, _: _Found(Shape.of_constant(cast("JSON", node["value"]))),
            "flatten": lambda node, here: self._flat(self.visit(node["children"][0], here)),
            "projection": self._projection,
            "filter_projection": self._projection,
            "value_projection": self._value_projection,
            "or_expression": self._either,
            "and_expression": self._either,
            "multi_select_dict": self._members,
            "multi_select_list": self._list,
            "key_val_pair": lambda node, here: self.visit(node["children"][0], here),
            "comparator": self._condition,
            "not_expression": self._condition,
            "function_expression": self._call,
        }

    def visit(self, node: _Node, here: _Found) -> _Found:
        """Return what a node gives where it is applied, having noted the names in it that are wrong."""
        if id(node) not in self._starts and not self._starts:
            self._starts = {id(field): start for field, start in zip(_fields(node), self._places, strict=True)}
        kind: str = node["type"]
        if kind in _STEPS:
            for child in node["children"]:
                here = self.visit(child, here)
            return here
        return self._visits[kind](node, here)

    def _field(self, node: _Node, here: _Found) -> _Found:
        name = str(node["value"])
        member = here.shape.member(name)
        if member is None:
            if not here.shape.is_silent or here.shape.lacks(name):
                self.wrong.append(WrongName(name, self._starts[id(node)], here.path, here.shape))
            return _UNKNOWN
        return _Found(member, f"{here.path}.{name}" if here.path else name)

    def _projection(self, node: _Node, here: _Found) -> _Found:
        """Follow `[*]`, `[]`, a slice or `[?…]`: the second child is computed in each element of the first."""
        source, each, *condition = node["children"]
        element = self.visit(source, here).items()
        for child in condition:
            self.visit(child, element)
        return _Found(Shape.of_items(self.visit(each, element).shape))

    def _value_projection(self, node: _Node, here: _Found) -> _Found:
        source, each = node["children"]
        self.visit(source, here)
        self.visit(each, _UNKNOWN)
        return _Found(Shape.of_items(Shape.anything()))

    @staticmethod
    def _flat(found: _Found) -> _Found:
        """Return a list with those of its elements opened that are lists."""
        types = found.shape.items().types
        if types is None or not types & ARRAY:
            return found
        return _Found(Shape.of_items(found.items().shape.items() if types == ARRAY else Shape.anything()), found.path)

    def _either(self, node: _Node, here: _Found) -> _Found:
        return _Found(Shape.either([self.visit(child, here).shape for child in node["children"]]))

    def _members(self, node: _Node, here: _Found) -> _Found:
        return _Found(Shape.of_members({str(c["value"]): self.visit(c, here).shape for c in node["children"]}))

    def _list(self, node: _Node, here: _Found) -> _Found:
        return _Found(Shape.of_items(Shape.either([self.visit(child, here).shape for child in node["children"]])))

    def _condition(self, node: _Node, here: _Found) -> _Found:
        for child in node["children"]:
            self.visit(child, here)
        return _Found(Shape.of_types("boolean"))

    def _call(self, node: _Node, here: _Found) -> _Found:
        name, arguments = str(node["value"]), cast("Sequence[_Node]", node["children"])
        given = [_UNKNOWN if a["type"] == "expref" else self.visit(a, here) for a in arguments]
        elements = given[_OF_ITEMS[name]].items() if name in _OF_ITEMS else _UNKNOWN
        for argument in arguments:
            if argument["type"] == "expref":
                mapped = self.visit(argument["children"][0], elements)
                if name == "map":
                    return _Found(Shape.of_items(mapped.shape))
        if name in ("sort_by", "reverse", "sort", "unique"):
            return given[0]
        if name in ("min_by", "max_by", "min", "max"):
            return given[0].items()
        if name == "not_null":
            return _Found(Shape.either([each.shape for each in given]))
        return _Found(Shape.of_types(_GIVES[name])) if name in _GIVES else _UNKNOWN


def _parsed(text: str) -> _Node:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        return cast("_Node", Parser().parse(text).parsed)


def _places(text: str) -> list[int]:
    """Return where the names of fields stand in an expression; the tree knows only their order."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        tokens = list(Lexer().tokenize(text))
    return [
        int(token["start"]) + (token["type"] == "quoted_identifier")
        for token, following in pairwise(tokens)
        if token["type"] in ("quoted_identifier", "unquoted_identifier")
        if following["type"] not in ("lparen", "colon")
    ]


def _fields(node: _Node) -> Iterator[_Node]:
    """Yield the fields in the order of the text; the tree has the condition of a filter last."""
    if node["type"] == "field":
        yield node
        return
    children: list[_Node] = node["children"] if node["type"] != "slice" else []
    if node["type"] == "filter_projection":
        children = [children[0], children[2], children[1]]
    for child in children:
        yield from _fields(child)
