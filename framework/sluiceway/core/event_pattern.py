"""Event patterns: EventBridge's language for choosing messages."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import cast

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from sluiceway.core.errors import InvalidPattern
from sluiceway.core.json import JSON
from sluiceway.core.pattern_operators import Path, cut, shown
from sluiceway.core.pattern_reader import copy_plain, parse_text, read_pattern
from sluiceway.core.pattern_schema import EventPatternFields
from sluiceway.core.pattern_tree import Clause, Keys, compile_clauses, scalars

_MAX_FOUND = 40  # values of a field that are looked at for a message; what is shown of them is cut at 80 characters


@dataclass(frozen=True, slots=True)
class ClauseResult:
    """How one clause of a pattern fared with an event, for messages to people.

    Attributes:
        path: Its place in the pattern, `("$or", 1, "body", "status")` say.
        field: The field of the event that it looks at, `body.status`.
        found: What the event has there, cut at 80 characters, or "no value".
        wants: What the pattern wants of it, in words.
        matched: Whether this clause alone is met.
    """

    path: Path
    field: str
    found: str
    wants: str
    matched: bool


class EventPattern:
    """An EventBridge event pattern, compiled once.

    A pattern has the shape of the events that it matches; each field holds the list of values or operators
    that it accepts. The same pattern and event give the same answer as the service: see "Amazon EventBridge
    event patterns" in its user guide. Numbers are equal by value (300 and 300.0), never to strings; `numeric`
    works from -5e9 to 5e9.

    Args:
        pattern: A mapping, or JSON text (where a key that comes twice counts the last time).

    Raises:
        InvalidPattern: EventBridge would refuse the pattern, or it is nested deeper than 64 levels.
    """

    __slots__ = ("_alternatives", "_clauses", "_matches", "_source", "_text")

    def __init__(self, pattern: Mapping[str, object] | str) -> None:
        self._source = copy_plain(parse_text(pattern) if isinstance(pattern, str) else pattern)
        self._text = json.dumps(self._source, sort_keys=True, default=str)
        self._alternatives, self._clauses = read_pattern(cast("Mapping[str, object]", self._source))
        self._matches = [compile_clauses(clauses) for clauses in self._alternatives]

    @property
    def source(self) -> dict[str, JSON]:
        """The pattern as given, in plain dicts and lists. Not to be changed."""
        return self._source

    def matches(self, event: Mapping[str, object]) -> bool:
        """Tell whether the pattern matches; of the event's top-level keys only those it names are read.

        Raises:
            TypeError: The event is no mapping, but JSON text, say.
        """
        kind: type[object] = type(event)
        if kind is not dict and not _is_mapping(event):  # the first is the quick answer
            raise TypeError(f"an event is a mapping, not {kind.__name__}: parse JSON text with json.loads first")
        for match in self._matches:  # noqa: SIM110 - any() over a generator adds 0.3 µs to a match of 1 µs
            if match(event):
                return True
        return False

    def mismatch(self, event: Mapping[str, object]) -> str | None:
        """Say in one sentence which clause fails first, or None when the pattern matches.

        Slower than `matches`: for messages to people. Values are cut at 80 characters.
        """
        if self.matches(event):
            return None
        reasons = list(dict.fromkeys(_reason(clauses, event) for clauses in self._alternatives))
        return reasons[0] if len(reasons) == 1 else f"none of the alternatives matches; the first: {reasons[0]}"

    def explain(self, event: Mapping[str, object]) -> tuple[ClauseResult, ...]:
        """Say of every clause, in the pattern's order, whether it is met; those of `$or` have it in their path.

        Each clause is looked at alone. All may be met and the pattern not match, as fields inside an array must
        be met in one element of it; `mismatch` says so.
        """
        self.matches(event)  # refuses what is no event, with the same error
        return tuple(_result(path, clause, event) for path, clause in self._clauses)

    def __eq__(self, other: object) -> bool:
        return self._text == other._text if isinstance(other, EventPattern) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return f"EventPattern({self._source!r})"

    def __reduce__(self) -> tuple[type[EventPattern], tuple[dict[str, JSON]]]:
        return EventPattern, (self._source,)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Validate a mapping, JSON text or an EventPattern; an error's `ctx["path"]` is its place there."""
        return core_schema.no_info_plain_validator_function(
            _validate,
            serialization=core_schema.plain_serializer_function_ser_schema(_source_of),
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Describe a pattern to editors."""
        return handler(EventPatternFields.__pydantic_core_schema__)


def _is_mapping(value: object) -> bool:
    return isinstance(value, Mapping)


def _validate(value: object) -> EventPattern:
    if isinstance(value, EventPattern):
        return value
    try:
        return EventPattern(cast("Mapping[str, object]", value))
    except InvalidPattern as error:
        raise PydanticCustomError(
            "event_pattern", "{reason}", {"path": list(error.path), "reason": str(error)}
        ) from None


def _source_of(pattern: EventPattern) -> dict[str, JSON]:
    return pattern.source


def _found(keys: Keys, event: Mapping[str, object]) -> str:
    return cut(", ".join(map(shown, islice(scalars(keys, event), _MAX_FOUND))))


def _result(path: Path, clause: Clause, event: Mapping[str, object]) -> ClauseResult:
    keys, leaf = clause
    return ClauseResult(
        path=path,
        field=".".join(keys),
        found=_found(keys, event) or "no value",
        wants=cut(leaf.wants),
        matched=compile_clauses([clause])(event),
    )


def _reason(clauses: list[Clause], event: Mapping[str, object]) -> str:
    for keys, leaf in clauses:
        if not compile_clauses([(keys, leaf)])(event):
            found = _found(keys, event)
            state = f"is {found}" if found else "has no value"
            return f"{'.'.join(keys)} {state}; the pattern wants {cut(leaf.wants)}"
    names = ", ".join(".".join(keys) for keys, _ in clauses)
    return f"no single element of an array has what the pattern wants of {cut(names)}"
