"""How messages depart from what was agreed: counted by place, and said for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import islice
from typing import Final

from sluiceway import JSON, Context, Decision, Schema
from sluiceway_patterns.unknown_fields import Path, UnknownFields
from sluiceway_patterns.values import cut, dotted, schema_breaks

_NAMED: Final = 5
"""Unknown fields that a reason names."""
_LABELS: Final = 100
"""Paths that are counted each by itself: senders choose the names, and each is a time series."""


class Drift:
    """Counts by path: indices as `[]`, and after a hundred different paths the rest under `…`.

    Args:
        context: Of the stage.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._labels: set[str] = set()

    def count(self, name: str, paths: Iterable[Path]) -> int:
        """Count these paths in a counter, and return how many they are."""
        counts = Counter(self._label(path) for path in paths)
        for label, amount in counts.items():
            self._context.count(name, amount, path=label)
        return counts.total()

    def _label(self, path: Path) -> str:
        text = cut("body" + "".join("[]" if isinstance(key, int) else f".{key}" for key in path), 120)
        if text not in self._labels and len(self._labels) == _LABELS:
            return "…"
        self._labels.add(text)
        return text


def unknown_text(unknown: Iterable[Path]) -> str:
    """Name the first unknown fields; nothing where there are none."""
    named = [dotted(("body", *path)) for path in islice(unknown, _NAMED)]
    return f"the schema does not name {', '.join(named)}" if named else ""


def conforms(schema: Schema, body: JSON) -> Decision:
    """Say whether a body conforms to the schema of a stage, and where it does not."""
    if schema.is_valid(body):
        return Decision(("schema",), f"the body conforms to {schema.path.name}", taken=True)
    return Decision(("schema",), schema_breaks(schema, body, "body"), taken=False)


def unknown_in(unknown: UnknownFields, body: JSON) -> Decision:
    """Say which fields of a body the schema of a stage does not name."""
    named = unknown_text(unknown.find(body))
    return Decision(("unknown_fields",), named or "the schema names every field", bool(named))
