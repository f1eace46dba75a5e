"""A stage of a fragment on its way into a pipeline: its nodes, with the values of parameters put in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from sluiceway.config.document import Node, Note, Origin, value_at
from sluiceway.config.document import Path as Place
from sluiceway.config.fragment_file import named_parameter, names_fragment

_ROOT: Final[Place] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """A stage, or the use of a fragment.

    Attributes:
        node: Its keys.
        within: The fragments that it stands in, the outermost first.
        unresolved: Places in it of which nothing is known, because a parameter is missing.
        broken: It is the use of a fragment that cannot be replaced, which has been reported.
    """

    node: Node
    within: tuple[str, ...] = ()
    unresolved: frozenset[Place] = frozenset()
    broken: bool = False


@dataclass(frozen=True, slots=True)
class Given:
    """What a parameter stands for: None where that is not known."""

    node: Node | None
    unresolved: frozenset[Place] = frozenset({_ROOT})


def is_use(step: Step) -> bool:
    """Tell whether a step still is to be replaced by a fragment's stages."""
    return not step.broken and names_fragment(value_at(step.node.value, ("use",)))


def id_of(node: Node) -> str | None:
    """Return a stage's id: the one given, or what its `use` gives it."""
    given, use = (value_at(node.value, (key,)) for key in ("id", "use"))
    if given is None and isinstance(use, str):
        return Path(use).stem if names_fragment(use) else use.rpartition(":")[2]
    return given if isinstance(given, str) else None


def broken(step: Step) -> Step:
    """Return a use of a fragment that cannot be replaced, of which nothing is known."""
    return replace(step, broken=True, unresolved=frozenset({_ROOT, ("use",)}))


def given_value(node: Node | None, origin: Origin, unresolved: frozenset[Place] = frozenset()) -> Given:
    """Return what a parameter stands for; a value of which there is nothing to see stands where its key does."""
    if node is None:
        return Given(None)
    span = node.key if node.key and node.span.start == node.span.end else node.span
    return Given(replace(node, span=span, origin=node.origin or origin), unresolved)


def filled_stage(node: Node, given: Mapping[str, Given], origin: Origin, within: tuple[str, ...]) -> Step:
    """Return a fragment's stage with the values of its parameters."""
    unresolved: set[Place] = set()

    def filled(node: Node, path: Place) -> Node:
        name = named_parameter(node.value)
        if name is not None:
            value = given.get(name, Given(None))
            unresolved.update((*path, *deeper) for deeper in value.unresolved)
            return _put(value.node, node, origin) if value.node else node
        children = {part: filled(child, (*path, part)) for part, child in node.children.items()}
        return (
            node if all(child is node.children[part] for part, child in children.items()) else rebuilt(node, children)
        )

    return Step(replace(filled(node, ()), origin=origin), within, frozenset(unresolved))


def _put(value: Node, place: Node, origin: Origin) -> Node:
    """Return the value of a parameter, to stand in a place of the fragment; messages about it name both."""
    whence = value.origin or origin
    notes = (Note("put in at", origin, place.span), *whence.notes)
    return replace(value, key=place.key, origin=Origin(whence.file, whence.lines, notes))


def with_key(node: Node, key: str, value: Node) -> Node:
    """Return a mapping with one more key, or with another value under it."""
    return rebuilt(node, {**node.children, key: value})


def rebuilt(node: Node, children: Mapping[str | int, Node]) -> Node:
    """Return a mapping or list with other children."""
    values = [child.value for child in children.values()]
    return replace(
        node,
        value=values if isinstance(node.value, list) else dict(zip(children, values, strict=True)),
        children=children,
        size=1 + sum(child.size for child in children.values()),
        height=1 + max((child.height for child in children.values()), default=0),
    )
