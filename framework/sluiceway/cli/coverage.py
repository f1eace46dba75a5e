"""What the tests of a pipeline reach and what not, as text for people and JSON for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sluiceway.config.document import Document
    from sluiceway.config.text import Position
    from sluiceway.testing.coverage import Point

_PLURALS: Final = {"stage": "stages", "branch": "branches", "route": "routes", "sink": "sinks"}


@dataclass(frozen=True, slots=True)
class Covered:
    """One pipeline file and what there is to reach in it."""

    path: Path
    points: Sequence[Point]
    document: Document

    def position(self, point: Point) -> Position:
        """Return where a point stands in the file."""
        listed = "sinks" if point.kind == "sink" else "stages"
        ids = [each.where for each in self.points if each.kind == ("sink" if point.kind == "sink" else "stage")]
        inside = ("with", *point.place) if point.kind == "branch" else ()
        return self.document.position((listed, ids.index(point.where), *inside), key=point.kind == "branch")


def coverage_text(covered: Covered) -> str:
    """Return how much of a file its tests reach, and a line for each place that they do not."""
    counts = ", ".join(_count(covered.points, kind) for kind in _PLURALS if any(p.kind == kind for p in covered.points))
    lines = [f"{covered.path}: coverage: {counts}"]
    for point in covered.points:
        if not point.reached:
            at = covered.position(point)
            lines.append(f"  {covered.path}:{at.line}:{at.column}: not reached: {_name(point)}")
    return "".join(f"{line}\n" for line in lines)


def coverage_json(covered: Covered) -> list[dict[str, object]]:
    """Return all that there is to reach in a file, each with its place and whether it was."""
    return [
        {
            "file": str(covered.path),
            "line": (at := covered.position(point)).line,
            "column": at.column,
            "kind": point.kind,
            "where": point.where,
            "place": list(point.place),
            "reached": point.reached,
        }
        for point in covered.points
    ]


def _count(points: Sequence[Point], kind: str) -> str:
    those = [point for point in points if point.kind == kind]
    return f"{_PLURALS[kind]} {sum(point.reached for point in those)}/{len(those)}"


def _name(point: Point) -> str:
    place = ".".join(map(str, point.place))
    return f"{point.kind} {point.where}{f': {place}' if place else ''}"
