"""Reading an event pattern: from JSON text or a mapping to the clauses that it means."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from decimal import Decimal
from typing import cast

from sluiceway.core.errors import InvalidPattern
from sluiceway.core.json import JSON
from sluiceway.core.pattern_operators import OPERATORS, Path, compile_leaf, shown
from sluiceway.core.pattern_tree import Clause, Keys

_MAX_DEPTH = 64
_MAX_VALUES = 10_000
_MAX_TEXT = 1_048_576  # characters; a pipeline file has at most as many bytes
_MAX_COMBINATIONS = 1000  # the service's limit; it multiplies the lengths of all `$or`, nested ones too
_MAX_FIELDS = 256  # the service's limit on the fields of one alternative

_RESERVED_IN_OR = frozenset(
    {
        *OPERATORS,
        *("=", "<", "<=", ">", ">=", "html", "regex", "not-wildcard", "not-equals-ignore-case"),
        *("date-after", "date-on-or-after", "date-before", "date-on-or-before", "in-date-range"),
        *("ip-address-in-range", "ip-address-not-in-range"),
    }
)
"""Field names that the service keeps for operators, present and future, inside an `$or`."""

_Alternative = dict[str, Clause]
"""Clauses by their dotted path: a path that comes again counts the last time, as with the service."""


def parse_text(text: str) -> object:
    """Parse a pattern given as JSON text; a key that comes twice counts the last time.

    Raises:
        InvalidPattern: The text is not JSON or too long.
    """
    if len(text) > _MAX_TEXT:
        raise InvalidPattern(f"the pattern has {len(text)} characters, at most {_MAX_TEXT} are allowed")
    try:
        return json.loads(text)
    except RecursionError:
        raise InvalidPattern(f"the pattern is nested deeper than {_MAX_DEPTH} levels") from None
    except ValueError as error:
        raise InvalidPattern(f"the pattern is not JSON: {error}") from None


def copy_plain(pattern: object) -> dict[str, JSON]:
    """Copy a pattern into plain dicts and lists.

    Raises:
        InvalidPattern: It is not an object, holds what JSON cannot, or is too large or too deep.
    """
    if not isinstance(pattern, Mapping):
        raise InvalidPattern(f"a pattern is an object of fields, found {shown(pattern)}")
    return cast("dict[str, JSON]", _Copier().copy(cast("object", pattern), ()))


def read_pattern(pattern: Mapping[str, object]) -> tuple[list[list[Clause]], list[tuple[Path, Clause]]]:
    """Read what a pattern means: it matches when all clauses of one alternative do; `$or` multiplies these.

    Returns:
        The alternatives, and all clauses as they stand in the pattern, each with its place there.

    Raises:
        InvalidPattern: EventBridge would refuse the pattern.
    """
    reader = _Reader()
    alternatives = reader.read_object(pattern, (), (), [{}])
    return [list(alternative.values()) for alternative in alternatives], reader.clauses


class _Copier:
    def __init__(self) -> None:
        self.values = 0

    def copy(self, value: object, path: Path) -> JSON:
        self.values += 1
        if self.values > _MAX_VALUES:
            raise InvalidPattern(f"the pattern has more than {_MAX_VALUES} values", path)
        if len(path) > _MAX_DEPTH:
            raise InvalidPattern(f"the pattern is nested deeper than {_MAX_DEPTH} levels", path)
        if isinstance(value, Mapping):
            fields = cast("Mapping[object, object]", value)
            return {self._name(key, path): self.copy(inner, (*path, str(key))) for key, inner in fields.items()}
        if isinstance(value, list | tuple):
            entries = cast("list[object]", value)
            return [self.copy(inner, (*path, index)) for index, inner in enumerate(entries)]
        return self._scalar(value, path)

    @staticmethod
    def _name(key: object, path: Path) -> str:
        if not isinstance(key, str):
            raise InvalidPattern(f"the name of a field is a string, found {shown(key)}", path)
        return key

    @staticmethod
    def _scalar(value: object, path: Path) -> JSON:
        if isinstance(value, float) and not math.isfinite(value):
            raise InvalidPattern(f"{value} is not a JSON number", path)
        if isinstance(value, Decimal) and not value.is_finite():
            raise InvalidPattern(f"{value} is not a JSON number", path)
        if value is None or isinstance(value, str | int | float | Decimal):
            return value
        raise InvalidPattern(f"a pattern holds JSON values only, found a Python {type(value).__name__}", path)


class _Reader:
    """Reads one pattern; remembers which meanings of `$or` it has met, as they cannot be mixed."""

    def __init__(self) -> None:
        self.clauses: list[tuple[Path, Clause]] = []
        self._or_meanings: set[str] = set()
        self._combinations = 1

    def read_object(
        self, fields: Mapping[str, object], keys: Keys, path: Path, alternatives: list[_Alternative]
    ) -> list[_Alternative]:
        if not fields:
            raise InvalidPattern("an empty object matches nothing; name at least one field", path)
        for name, value in fields.items():
            here = (*path, name)
            if name == "$or" and self._is_alternatives(value, here):
                alternatives = self._read_or(cast("list[object]", value), keys, here, alternatives)
            elif name in _RESERVED_IN_OR and "$or" in path and "alternatives" in self._or_meanings:
                raise InvalidPattern(f'"{name}" is reserved for operators and cannot name a field inside "$or"', here)
            elif isinstance(value, Mapping):
                inner = cast("Mapping[str, object]", value)
                alternatives = self.read_object(inner, (*keys, name), here, alternatives)
            elif isinstance(value, list):
                self._add_clause(cast("list[object]", value), (*keys, name), here, alternatives)
            else:
                raise InvalidPattern(
                    f"{shown(name)} must be an object or an array, found {shown(value)}",
                    here,
                )
        return alternatives

    def _add_clause(self, entries: list[object], keys: Keys, path: Path, alternatives: list[_Alternative]) -> None:
        leaf = compile_leaf(entries, path)
        self.clauses.append((path, (keys, leaf)))
        if ".".join(keys).count(".") >= _MAX_DEPTH:
            raise InvalidPattern(f"the name has more than {_MAX_DEPTH} parts between dots", path)
        for alternative in alternatives:
            alternative[".".join(keys)] = (keys, leaf)
            if len(alternative) > _MAX_FIELDS:
                raise InvalidPattern(f"a pattern has at most {_MAX_FIELDS} fields", path)

    def _is_alternatives(self, value: object, path: Path) -> bool:
        """Tell `$or` between patterns from an ordinary field of that name, which old rules may have."""
        entries = cast("list[object]", value) if isinstance(value, list) else []
        objects = [cast("Mapping[str, object]", entry) for entry in entries if isinstance(entry, Mapping)]
        is_alternatives = any(set(fields) - _RESERVED_IN_OR for fields in objects)
        self._or_meanings.add("alternatives" if is_alternatives else "field")
        if len(self._or_meanings) > 1:
            raise InvalidPattern('a pattern cannot use "$or" both for alternatives and as the name of a field', path)
        return is_alternatives

    def _read_or(
        self, entries: list[object], keys: Keys, path: Path, alternatives: list[_Alternative]
    ) -> list[_Alternative]:
        if len(entries) < 2:
            raise InvalidPattern('"$or" needs at least two patterns to choose from', path)
        self._combinations *= len(entries)
        if self._combinations > _MAX_COMBINATIONS:
            raise InvalidPattern(f'the "$or" of a pattern make more than {_MAX_COMBINATIONS} combinations', path)
        result: list[_Alternative] = []
        for index, entry in enumerate(entries):
            here = (*path, index)
            if not isinstance(entry, Mapping):
                raise InvalidPattern(f'"$or" holds only patterns, found {shown(entry)}', here)
            copies = [dict(alternative) for alternative in alternatives]
            result += self.read_object(cast("Mapping[str, object]", entry), keys, here, copies)
        return result
