"""The places of a map at which messages part: its lines, and the codes of its enums."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

from sluiceway import JSON, Decision, Message, Place
from sluiceway_patterns.computed import Computed, Scope, text_of
from sluiceway_patterns.mapping import Each, Fields, Items, Node
from sluiceway_patterns.values import enum_key, shown
from sluiceway_patterns.whole_map import scope_of


def branches(node: Node, at: Place) -> Sequence[Place]:
    """Return the place of every computed line, and of every code that an `enum` knows.

    Args:
        node: The map.
        at: Where it stands below `with`.
    """
    return tuple(_branches(node, at))


def decisions(node: Node, message: Message, at: Place) -> Sequence[Decision]:
    """Return which lines of a map gave this message a value, and which codes were translated.

    A line inside `each` counts once, whatever the number of elements, and gave a value when it did so for one of them.

    Raises:
        Reject: A function in an expression was given what it does not take.
    """
    made: dict[Place, Decision] = {}
    for decision in _decisions(node, scope_of(message), at):
        if decision.place not in made or (decision.taken and not made[decision.place].taken):
            made[decision.place] = decision
    return tuple(made.values())


def _branches(node: Node, at: Place) -> Iterator[Place]:
    if isinstance(node, Computed | Each):
        yield at
    if isinstance(node, Computed):
        yield from ((*at, "enum", code) for code in node.enum or ())
    for key, child in _children(node):
        yield from _branches(child, (*at, key))


def _decisions(node: Node, scope: Scope, at: Place) -> Iterator[Decision]:
    if isinstance(node, Computed):
        yield from _of_line(node, scope, at)
    elif isinstance(node, Each):
        elements: object = node.each.jmes.evaluate(scope)
        elements = node.each.default if elements is None else elements
        yield Decision(at, f"{text_of(node.each.jmes)} is {shown(elements)}", isinstance(elements, list))
        for index, item in enumerate(cast("list[object]", elements) if isinstance(elements, list) else ()):
            yield from _decisions(node.as_, {**scope, "item": item, "index": index}, (*at, "as"))
    for key, child in () if isinstance(node, Each) else _children(node):
        yield from _decisions(child, scope, (*at, key))


def _of_line(node: Computed, scope: Scope, at: Place) -> Iterator[Decision]:
    value: object = node.jmes.evaluate(scope)
    text = f"{text_of(node.jmes)} is {'missing or null' if value is None else shown(value)}"
    if value is None and "default" in node.model_fields_set:
        value, text = node.default, f"{text}, so the default is taken"
    yield Decision(at, text, value is not None or "default" in node.model_fields_set)
    code = enum_key(value)
    if node.enum is not None and code in node.enum:
        yield Decision((*at, "enum", code), f"{code} becomes {shown(cast('JSON', node.enum[code]))}", taken=True)


def _children(node: Node) -> Iterator[tuple[str | int, Node]]:
    match node:
        case Fields():
            yield from node.root.items()
        case Items():
            yield from enumerate(node.root)
        case Each():
            yield "as", node.as_
        case _:
            return
