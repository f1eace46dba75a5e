"""Which names an expression looks up in the view of a message itself."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias, cast

from jmespath.parser import Parser

_Node: TypeAlias = Mapping[str, Any]

_ELSEWHERE = {"subexpression", "pipe", "projection", "value_projection", "filter_projection", "index_expression"}
"""Their first child is computed where they stand, the others in what it gives."""


def root_names(text: str) -> list[str]:
    """Return the names that a valid expression looks up in the view, in the order of the text, each once.

    In `body.lines[?qty > min].sku | [0].x` that is `body` alone; the other names are members of what it holds.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        node = cast("_Node", Parser().parse(text).parsed)
    return list(dict.fromkeys(_roots(node)))


def is_constant(text: str) -> bool:
    """Tell whether a valid expression reads nothing: it gives the same for every message."""
    return not root_names(text) and not any(mark in text for mark in ("@", "*", "()"))


def _roots(node: _Node) -> Iterator[str]:
    kind: str = node["type"]
    if kind == "field":
        yield str(node["value"])
    elif kind not in ("expref", "slice", "index", "literal"):  # `&` is computed in each element of a list
        children: list[_Node] = node["children"]
        if kind in _ELSEWHERE:  # behind `@` one still stands where one stood
            children = children[: 2 if children[0]["type"] == "current" else 1]
        for child in children:
            yield from _roots(child)
