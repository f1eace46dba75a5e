"""Reading the shape of a value out of a JSON Schema, a sample or a constant."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final, cast
from urllib.parse import unquote

from sluiceway.core.json import JSON
from sluiceway.core.shape_parts import ANYTHING, ARRAY, OBJECT, SCALARS, Known, Part, Types, both, either

_ALTERNATIVES: Final = ("anyOf", "oneOf")
_ALL_TYPES: Final = OBJECT | ARRAY | SCALARS

_SAMPLED: Final = 100
"""Elements of a list in a sample that are looked at."""

_LEVELS: Final = 64
"""Levels of nesting that are looked at."""

_LONGEST_NAME: Final = 128
_HARMLESS: Final = re.compile(r"[^()*+?{}|\\]*|(?:[^()*+?{}|\\]*[*+][^()*+?{}|\\]*)")
"""A regular expression with at most one quantifier and no group: it cannot take long on a name of usual length."""


def of_schema(document: JSON) -> Known:
    """Return what a JSON Schema says. Only as much of it is read as is asked for, each part once."""
    return _Reader(document).read(document)


def of_sample(value: JSON, levels: int = _LEVELS) -> Known:
    """Return what a sample shows. Another message may have other members, and another scalar in the same place."""
    if not levels:
        return ANYTHING
    if isinstance(value, dict):
        return Part(types=OBJECT, members={name: of_sample(member, levels - 1) for name, member in value.items()})
    if isinstance(value, list):
        return Part(types=ARRAY, element=either(of_sample(element, levels - 1) for element in value[:_SAMPLED]))
    return ANYTHING if value is None else Part(types=SCALARS)


def of_constant(value: JSON) -> Known:
    """Return the shape of a value that is always the same."""
    if isinstance(value, dict):
        return Part(types=OBJECT, members={name: of_constant(member) for name, member in value.items()}, closed=True)
    if isinstance(value, list):
        return Part(types=ARRAY, element=either(map(of_constant, value)))
    return Part(types=frozenset({json_type(value)}), values=[value])


class _Reader:
    """Reads one document, or the part of it that has an `$id` of its own.

    Args:
        root: What `#` stands for.
    """

    def __init__(self, root: object) -> None:
        self._root = root
        self._levels = 0  # of parts that are being read, one for the other
        self._read: dict[int, Known | None] = {}

    def read(self, schema: object) -> Known:
        """Return what a part of the document says; of one that is being read already, no more than is known."""
        if not isinstance(schema, dict):
            return ANYTHING  # true and false name nothing
        part = cast("Mapping[str, object]", schema)
        if part is not self._root and isinstance(part.get("$id"), str):
            return _Reader(part).read(part)
        if id(part) not in self._read and self._levels < _LEVELS:
            self._read[id(part)] = None
            self._levels += 1
            self._read[id(part)] = self._whole(part)
            self._levels -= 1
        return self._read.get(id(part)) or ANYTHING

    def _whole(self, part: Mapping[str, object]) -> Known:
        shapes: list[Known] = [_Described(part, self), *map(self.read, _list(part.get("allOf")))]
        if "$ref" in part:
            shapes.append(self.read(self._target(part["$ref"])))
        shapes += [either(map(self.read, found)) for key in _ALTERNATIVES if (found := _list(part.get(key)))]
        branches = [part[key] for key in ("then", "else") if key in part]
        if branches:
            shapes.append(either([*map(self.read, branches), *([Part()] if len(branches) == 1 else [])]))
        whole = both(shapes)
        return _Sealed(whole) if part.get("unevaluatedProperties") is False else whole

    def _target(self, reference: object) -> object:
        """Return what a reference inside the document leads to, None for any other."""
        if not isinstance(reference, str) or not re.fullmatch(r"#(/.*)?", reference, re.DOTALL):
            return None
        found: object = self._root
        for step in unquote(reference).split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            elements = _list(found)
            is_index = name.isdecimal() and len(name) < 8 and int(name) < len(elements)
            found = elements[int(name)] if is_index else _map(found).get(name)
        return found


class _Described(Known):
    """What the keywords of one subschema say by themselves."""

    def __init__(self, part: Mapping[str, object], reader: _Reader) -> None:
        self._reader = reader
        self._properties = _map(part.get("properties"))
        self._patterns = _map(part.get("patternProperties"))
        rest = part.get("additionalProperties", part.get("unevaluatedProperties"))
        self._rest = _map(rest)
        self._closed = part.get("additionalProperties") is False
        self._prefix = _list(part.get("prefixItems")) or _list(part.get("items"))
        items = part.get("items")
        self._element = part.get("additionalItems") if isinstance(items, list) else items
        self.is_silent = not (self._properties or self._patterns or self._rest or self._closed)
        self.values = _values(part)
        self.types = _types(part.get("type"))
        if self.types is None and self.values is not None:
            self.types = frozenset(map(json_type, self.values))

    def member(self, name: str) -> Known | None:
        found = [self._properties[name]] if name in self._properties else []
        found += [schema for pattern, schema in self._patterns.items() if _may_match(pattern, name)]
        found = found or ([self._rest] if self._rest else [])
        return both(map(self._reader.read, found)) if found else None

    def lacks(self, name: str) -> bool:
        return super().lacks(name) or (self._closed and self.member(name) is None)

    def names(self) -> tuple[str, ...]:
        return tuple(self._properties)

    def items(self) -> Known:
        schemas = [*self._prefix, self._element] if self._prefix else [self._element]
        return either(map(self._reader.read, schemas))


class _Sealed(Known):
    """A shape whose members are those that any part of it names: `unevaluatedProperties: false`."""

    def __init__(self, whole: Known) -> None:
        self._whole = whole
        self.types, self.values, self.depth = whole.types, whole.values, whole.depth + 1
        self.is_silent = False

    def member(self, name: str) -> Known | None:
        return self._whole.member(name)

    def lacks(self, name: str) -> bool:
        return self._whole.lacks(name) or self._whole.member(name) is None

    def names(self) -> tuple[str, ...]:
        return self._whole.names()

    def items(self) -> Known:
        return self._whole.items()


def json_type(value: JSON) -> str:
    """Return the type of a value, as JSON Schema calls it; a number without a fraction is an integer."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case str():
            return "string"
        case dict():
            return "object"
        case list():
            return "array"
        case _:
            return "integer" if value == int(value) else "number"


def _types(named: object) -> Types | None:
    names = [named] if isinstance(named, str) else _list(named)
    known = frozenset(name for name in names if isinstance(name, str)) & _ALL_TYPES
    return known or None


def _values(part: Mapping[str, object]) -> Sequence[JSON] | None:
    if "const" in part:
        return [cast("JSON", part["const"])]
    return cast("Sequence[JSON]", part["enum"]) if isinstance(part.get("enum"), list) else None


def _may_match(pattern: str, name: str) -> bool:
    """Tell whether a name matches; what cannot be told in bounded time counts as matching."""
    if len(name) > _LONGEST_NAME or not _HARMLESS.fullmatch(pattern):
        return True
    try:
        return re.search(pattern, name) is not None
    except re.error:  # ECMAScript that Python does not read
        return True


def _map(value: object) -> Mapping[str, object]:
    return cast("Mapping[str, object]", value) if isinstance(value, dict) else {}


def _list(value: object) -> Sequence[object]:
    return cast("list[object]", value) if isinstance(value, list) else ()
