"""Find the clauses of an event pattern that no message can meet, by what is known of the bodies that come there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, cast

from sluiceway.config.document import Document, Path
from sluiceway.config.problems import cut, nearest, shown
from sluiceway.config.unknown_path import in_words, unknown_path
from sluiceway.core.event_pattern import EventPattern
from sluiceway.core.json import JSON
from sluiceway.core.problem import Problem
from sluiceway.core.shape import Shape
from sluiceway.core.shape_parts import ARRAY, OBJECT, SCALARS, Types

_MOST: Final = 200
"""Entries of a clause, and values of a schema, that are compared with each other."""

_NESTED: Final = 8
"""Lists inside lists that are looked into."""

_ON_TEXT: Final = frozenset({"prefix", "suffix", "equals-ignore-case", "wildcard", "cidr", "exactly"})
_NUMBERS: Final = frozenset({"number", "integer"})


def clauses_that_never_match(
    document: Document, path: Path, pattern: EventPattern, view: Shape, *, of_message: bool
) -> Iterator[Problem]:
    """Yield the fields of a pattern that nothing has, and the values that those which there are never have.

    Args:
        document: The file.
        path: Where the pattern stands.
        pattern: The pattern.
        view: What it is applied to.
        of_message: That is the message: a stage may add to it, and has checked itself which names it has.
    """
    yield from _Reader(document, of_message=of_message).fields(pattern.source, path, view, "", may_fail=False)


class _Reader:
    def __init__(self, document: Document, *, of_message: bool) -> None:
        self._document = document
        self._of_message = of_message

    def fields(
        self, fields: Mapping[str, object], path: Path, shape: Shape, where: str, *, may_fail: bool
    ) -> Iterator[Problem]:
        """Look at the fields of an object; `may_fail`: another alternative may match when this one does not."""
        shape = _through_lists(shape)
        for name, wanted in fields.items():
            here = (*path, name)
            if name == "$or" and _are_patterns(wanted):
                for index, each in enumerate(cast("list[Mapping[str, object]]", wanted)):
                    yield from self.fields(each, (*here, index), shape, where, may_fail=True)
            elif "." not in name:  # else it is a name of its own, or a path
                yield from self._field(name, wanted, here, shape, where, may_fail=may_fail)

    def _field(
        self, name: str, wanted: object, path: Path, shape: Shape, where: str, *, may_fail: bool
    ) -> Iterator[Problem]:
        member = shape.member(name)
        there = f"{where}.{name}" if where else name
        if member is None:
            if not where and self._of_message:
                return
            if (not shape.is_silent or shape.lacks(name)) and not _may_be_absent(wanted):
                yield unknown_path(self._document, path, shape, where, name, language="pattern")
        elif isinstance(wanted, Mapping):
            yield from self.fields(cast("Mapping[str, object]", wanted), path, member, there, may_fail=may_fail)
        elif isinstance(wanted, list):
            yield from self._clause(cast("list[JSON]", wanted), path, member, there, may_fail=may_fail)

    def _clause(
        self, entries: Sequence[JSON], path: Path, shape: Shape, where: str, *, may_fail: bool
    ) -> Iterator[Problem]:
        if len(entries) > _MOST:
            return
        dead = [index for index, entry in enumerate(entries) if not _can_match(entry, shape)]
        if len(dead) == len(entries):
            message = f"`{where}` is {_known(shape)}, and the pattern wants {_listed(entries)}: this never matches"
            yield self._problem(path, message, entries, shape, is_error=not may_fail)
        elif dead:
            for index in dead:
                message = f"`{where}` is {_known(shape)}: this value never matches"
                yield self._problem((*path, index), message, [entries[index]], shape, is_error=False)
        elif shape.passed and not any(_matches(entry, shape.passed) for entry in entries):
            yield self._document.problem(
                path,
                f"an earlier stage lets through only {_listed(shape.passed)} as `{where}`, and this pattern wants"
                f" {_listed(entries)}: nothing passes both",
                code="shadowed",
                suggestion="let one pattern list all values that are wanted",
                level="warning",
            )

    def _problem(self, path: Path, message: str, entries: Sequence[JSON], shape: Shape, *, is_error: bool) -> Problem:
        texts = tuple(value for value in shape.values or () if isinstance(value, str))
        near = next((found for entry in entries if isinstance(entry, str) and (found := nearest(entry, texts))), None)
        return self._document.problem(
            path,
            message,
            code="never-matches",
            allowed=texts,
            suggestion=near,
            level="error" if is_error else "warning",
        )


def _through_lists(shape: Shape) -> Shape:
    """Return the elements of a list: to a pattern it is no level of the path."""
    for _ in range(_NESTED):
        if shape.types is None or shape.types & OBJECT or not shape.types & ARRAY:
            break
        shape = shape.items()
    return shape


def _can_match(entry: JSON, shape: Shape) -> bool:
    """Tell whether an entry of a clause can accept a value of this shape; what cannot be told counts as yes."""
    if isinstance(entry, dict) and (entry.get("exists") is False or "anything-but" in entry):
        return True
    types, values = shape.types, shape.values
    if types is not None and types & ARRAY:
        return _can_match(entry, shape.items()) or (bool(types & SCALARS) and _accepts(entry, types))
    if values is not None and len(values) <= _MOST:
        return _matches(entry, values)
    return types is None or _accepts(entry, types)


def _accepts(entry: JSON, types: Types) -> bool:
    """Tell whether an entry may accept a value of one of these types."""
    if isinstance(entry, dict):
        name = next(iter(entry), "")
        return bool(types & (_NUMBERS if name == "numeric" else {"string"} if name in _ON_TEXT else SCALARS))
    match entry:
        case None:
            return "null" in types
        case bool():
            return "boolean" in types
        case str():
            return "string" in types
        case _:
            return bool(types & _NUMBERS)


def _matches(entry: JSON, values: Sequence[JSON]) -> bool:
    pattern = EventPattern({"value": [entry]})
    return any(pattern.matches({"value": value}) for value in values)


def _are_patterns(wanted: object) -> bool:
    entries = cast("list[object]", wanted) if isinstance(wanted, list) else []
    return bool(entries) and all(isinstance(entry, Mapping) for entry in entries)


def _may_be_absent(wanted: object) -> bool:
    """Tell whether a part of a pattern is met, too, where there is no such field."""
    if isinstance(wanted, Mapping):
        return all(map(_may_be_absent, cast("Mapping[str, object]", wanted).values()))
    return {"exists": False} in cast("list[object]", wanted)


def _known(shape: Shape) -> str:
    if shape.types == ARRAY and (shape.items().values or shape.items().types):
        return f"a list of {_known(shape.items())}"
    if shape.values is not None:
        return _listed(shape.values) if shape.values else "nothing that can be"
    return in_words(shape.types or SCALARS)


def _listed(values: Sequence[JSON]) -> str:
    return cut(" or ".join(f"{next(iter(v))}" if isinstance(v, dict) and v else shown(v) for v in values), 200)
