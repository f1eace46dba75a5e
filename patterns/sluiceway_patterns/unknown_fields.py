"""Which fields of a value no part of a JSON Schema names."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, TypeAlias, cast
from urllib.parse import unquote

from sluiceway import JSON

Path: TypeAlias = tuple[str | int, ...]
Part: TypeAlias = Mapping[str, object]
"""One subschema that applies to a value."""

_LISTS: Final = ("allOf", "anyOf", "oneOf")
_BRANCHES: Final = ("if", "then", "else")
_MAPS: Final = ("dependentSchemas", "dependencies")
_REFERENCES: Final = ("$ref", "$dynamicRef", "$recursiveRef")

_QUANTIFIER: Final = re.compile(r"(?<!\()[*+?{]")
_LONGEST_KEY = 128


class UnknownFields:
    """Finds fields that a schema does not name.

    All subschemas that may apply to a value are taken together (`allOf`, `anyOf`, `oneOf`, `if`, local `$ref` …):
    what any of them names is known. An object of which they list no `properties` or `patternProperties` is
    free-form; so is what lies behind a `$ref` to another document.

    Args:
        document: The schema.
    """

    def __init__(self, document: JSON) -> None:
        self._document = document
        self._shapes: dict[tuple[int, ...], _Shape] = {}
        self._root = self.shape([document])

    def find(self, value: JSON) -> Iterator[Path]:
        """Yield the path of each unknown field. What lies below one is not looked at."""
        pending: deque[tuple[Path, JSON, _Shape]] = deque([((), value, self._root)])
        while pending:
            path, whole, shape = pending.popleft()
            for key, member in _members(whole):
                below = shape.below(key)
                if below is None:
                    yield (*path, key)
                elif below.parts and isinstance(member, dict | list):
                    pending.append(((*path, key), member, below))

    def shape(self, schemas: Iterable[object]) -> _Shape:
        """Return what these schemas say together."""
        parts = self._parts(schemas)
        key = tuple(map(id, parts))
        if key not in self._shapes:
            self._shapes[key] = _Shape(self, parts)
        return self._shapes[key]

    def _parts(self, schemas: Iterable[object]) -> list[Part]:
        parts: dict[int, Part] = {}
        pending = deque(schemas)
        while pending:
            part = _map(pending.popleft())  # true and false name nothing, as an empty schema
            if not part or id(part) in parts:
                continue
            parts[id(part)] = part
            for keyword in _LISTS:
                pending.extend(_list(part.get(keyword)))
            pending.extend(part.get(keyword) for keyword in _BRANCHES)
            for keyword in _MAPS:
                pending.extend(_map(part.get(keyword)).values())
            try:
                pending.extend(self._resolve(part[keyword]) for keyword in _REFERENCES if keyword in part)
            except (LookupError, TypeError, ValueError):
                return []  # we cannot know what it names, so nothing there is called unknown
        return list(parts.values())

    def _resolve(self, reference: object) -> object:
        pointer = unquote(str(reference))
        if pointer != "#" and not pointer.startswith("#/"):
            raise LookupError(pointer)
        target: object = self._document
        for token in pointer.split("/")[1:]:
            name = token.replace("~1", "/").replace("~0", "~")
            members, elements = _map(target), _list(target)
            target = elements[int(name)] if elements else members[name]
        return target


class _Shape:
    """What the subschemas of one value say together of its fields and elements."""

    __slots__ = ("_known", "_owner", "_prefix", "lists_fields", "parts")

    def __init__(self, owner: UnknownFields, parts: list[Part]) -> None:
        self._owner = owner
        self.parts = parts
        self.lists_fields = any("properties" in part or "patternProperties" in part for part in parts)
        # Only names from the schema are remembered: those from messages would be without bound.
        self._known: dict[str | int, _Shape | None] = {}
        self._prefix = max((len(_prefix(part)) for part in parts), default=0)

    def below(self, key: str | int) -> _Shape | None:
        """Return the shape of a field or an element, or None for a field that nothing names."""
        if isinstance(key, int):
            key = min(key, self._prefix)
        elif not any(key in _map(part.get("properties")) for part in self.parts):
            return self._below(key)
        if key not in self._known:
            self._known[key] = self._below(key)
        return self._known[key]

    def _below(self, key: str | int) -> _Shape | None:
        if isinstance(key, int):
            return self._owner.shape(schema for part in self.parts for schema in _element(part, key))
        found = [schema for part in self.parts for schema in _field(part, key)]
        return self._owner.shape(found) if found or not self.lists_fields else None


def without(value: JSON, paths: Iterable[Path]) -> JSON:
    """Return a value without the fields at these paths; what is beside them is shared."""
    below: dict[str | int, list[Path]] = {}
    for key, *rest in paths:
        below.setdefault(key, []).append(tuple(rest))
    if isinstance(value, dict):
        gone = {key for key, paths_below in below.items() if () in paths_below}
        return {
            key: without(member, below[key]) if key in below else member
            for key, member in value.items()
            if key not in gone
        }
    if isinstance(value, list):
        return [without(member, below[at]) if at in below else member for at, member in enumerate(value)]
    return value


def _members(value: JSON) -> Iterable[tuple[str | int, JSON]]:
    if isinstance(value, dict):
        return cast("Iterable[tuple[str | int, JSON]]", value.items())
    return enumerate(value) if isinstance(value, list) else ()


def _field(part: Part, key: str) -> list[object]:
    """Return the schemas that this part has for a field."""
    named = _map(part.get("properties"))
    found = [named[key]] if key in named else []
    found += [schema for pattern, schema in _map(part.get("patternProperties")).items() if _matches(pattern, key)]
    # `additionalProperties: true` or `{}` means no more than leaving it out, so it names nothing.
    rest = part.get("additionalProperties", part.get("unevaluatedProperties"))
    return found or ([rest] if isinstance(rest, dict) and rest else [])


def _element(part: Part, index: int) -> list[object]:
    """Return the schemas that this part has for an element."""
    prefix, items = _prefix(part), part.get("items", part.get("unevaluatedItems"))
    if index < len(prefix):
        return [prefix[index]]
    return [part.get("additionalItems") if isinstance(items, list) else items]


def _prefix(part: Part) -> Sequence[object]:
    """Return the schemas of the first elements: `prefixItems`, before draft 2020-12 a list under `items`."""
    return _list(part.get("prefixItems")) or _list(part.get("items"))


def _matches(pattern: str, key: str) -> bool:
    """Tell whether a key matches; what cannot be told in bounded time counts as matching.

    Keys come from outside, and Python's matching has no limit: with nested quantifiers thirty characters take
    minutes. So only patterns with at most two quantifiers, none on a group, are tried, on keys of usual length.
    """
    unbounded = len(_QUANTIFIER.findall(pattern)) > 2 or re.search(r"\)[*+?{]", pattern)
    if unbounded or len(key) > _LONGEST_KEY:
        return True
    try:
        return re.search(pattern, key, re.ASCII) is not None
    except re.error:  # ECMAScript that Python does not read
        return True


def _map(value: object) -> Mapping[str, object]:
    return cast("Mapping[str, object]", value) if isinstance(value, dict) else {}


def _list(value: object) -> Sequence[object]:
    return cast("list[object]", value) if isinstance(value, list) else ()
