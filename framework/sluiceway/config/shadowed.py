"""Patterns of which the first that matches decides: find those that never get a turn."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeAlias, cast

from sluiceway.config.document import Document, Path
from sluiceway.core.event_pattern import EventPattern
from sluiceway.core.problem import Problem

_MOST: Final = 200
"""Patterns of one list that are compared with each other."""

_Clauses: TypeAlias = Mapping[Path, frozenset[str]]


def shadowed(document: Document, patterns: Sequence[tuple[Path, EventPattern]]) -> Iterator[Problem]:
    """Yield the patterns that match nothing which one before them in the same list does not match."""
    lists: dict[Path, list[tuple[Path, _Clauses]]] = {}
    for path, pattern in patterns:
        place = next((end for end in reversed(range(len(path))) if isinstance(path[end], int)), None)
        if place is not None:
            lists.setdefault(path[:place], []).append((path, dict(_clauses(pattern.source, ()))))
    for entries in lists.values():
        for index, (path, later) in enumerate(entries[:_MOST]):
            first = next((found for found, earlier in entries[:index] if _implies(later, earlier)), None)
            if first is not None:
                yield document.problem(
                    path,
                    f"what this pattern matches the one on line {document.position(first, key=True).line} matches"
                    " before it: it never gets a turn",
                    code="shadowed",
                    key=True,
                    suggestion="put the narrower pattern first, or remove it",
                    level="warning",
                )


def _clauses(fields: Mapping[str, object], path: Path) -> Iterator[tuple[Path, frozenset[str]]]:
    for name, wanted in fields.items():
        if isinstance(wanted, Mapping):
            yield from _clauses(cast("Mapping[str, object]", wanted), (*path, name))
        else:
            entries = cast("list[object]", wanted)
            yield (*path, name), frozenset(json.dumps(entry, sort_keys=True, default=str) for entry in entries)


def _implies(later: _Clauses, earlier: _Clauses) -> bool:
    """Tell whether all that one pattern matches the other matches too, as far as their lists say."""
    return all(
        path in later and (later[path] <= wanted if path[-1] != "$or" else later[path] == wanted)
        for path, wanted in earlier.items()
    )
