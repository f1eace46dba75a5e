"""How much one evaluation of an expression may make of a message.

A short expression can make much of a small document: `[@, @] | [@, @]` doubles what it is given with each pipe. What
is made one by one is counted while it is made. What is only named twice costs nothing until somebody walks through
it, so where an expression can name the same value very often, all that is walked through is weighed first.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import prod
from typing import Any, TypeAlias, cast

Node: TypeAlias = Mapping[str, Any]
"""A node of the library's syntax tree."""

MAX_WORK = 10_000_000
"""Values that one evaluation may make or hand to functions; eight characters of text count as one."""
MAX_COPIES = 64
"""Copies of one value that a result may hold without being weighed."""
MAX_TEXT = 8 * MAX_WORK


class TooMuchWork(Exception):
    """An evaluation that was given up: what it makes of this message is beyond the bounds."""

    def __init__(self) -> None:
        super().__init__(f"it makes more than {MAX_WORK:,} values, or {MAX_TEXT:,} characters, of this message")


class Work:
    """What is left of the bounds of one evaluation."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = MAX_WORK

    def spend(self, values: int) -> None:
        """Count values before or just after they are made.

        Raises:
            TooMuchWork: There are too many.
        """
        self._left -= values
        if self._left < 0:
            raise TooMuchWork

    def take(self, value: object) -> None:
        """Count what a function takes or gives, not looking into its members."""
        kind = value.__class__
        if kind is list or kind is dict:
            self.spend(len(cast("list[object]", value)))
        elif kind is str:
            self.spend(len(cast("str", value)) >> 3)

    def weigh(self, value: object) -> None:
        """Count all that a value holds, and what it holds twice as two."""
        stack = [value]
        while stack:
            item = stack.pop()
            self.take(item)
            if isinstance(item, dict):
                members = cast("dict[str, object]", item)
                stack.extend(members)
                stack.extend(members.values())
            elif isinstance(item, list):
                stack.extend(cast("list[object]", item))


def size(node: Node) -> int:
    """Return how many nodes a syntax tree has; a literal counts as many as it has characters."""
    kind: str = node["type"]
    if kind == "literal":
        return len(json.dumps(node["value"]))
    return 1 if kind == "slice" else 1 + sum(map(size, node["children"]))


def copies(node: Node) -> int:
    """Return how often what an expression gives may hold one value that it is given: never less than it does."""
    kind: str = node["type"]
    if kind == "slice":  # its children are numbers
        return 1
    found = [copies(child) for child in node["children"]]
    if kind in ("multi_select_list", "multi_select_dict"):
        return sum(found)
    if kind == "function_expression":
        within = [child["type"] == "expref" for child in node["children"]]
        each = prod(count for count, is_expref in zip(found, within, strict=True) if is_expref)
        return each * max(1, sum(count for count, is_expref in zip(found, within, strict=True) if not is_expref))
    if kind in ("or_expression", "and_expression", "comparator"):
        return max(found)
    return prod(found)  # one works on what the other gives
