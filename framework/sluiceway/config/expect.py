"""What a test may write under `expect:`, for each output."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, cast

from sluiceway.config.document import Document
from sluiceway.config.draft import Draft
from sluiceway.config.problems import nearest
from sluiceway.core.problem import Problem

SINK_FIELDS: Final = ("id", "body", "headers")
OUTCOME_FIELDS: Final[Mapping[str, Sequence[str]]] = {
    "dead_letter": ("stage", "error", "reason", "id", "body"),
    "dropped": ("stage", "reason", "id", "body"),
}


def readable_expectations(document: Document, draft: Draft) -> Iterator[Problem]:
    """An output is expected as a count, or as messages of which some fields are given."""
    for place, test in enumerate(draft.tests):
        for output, expected in (test.expect if test else {}).items():
            path = ("tests", place, "expect", output)
            if isinstance(expected, list):
                for index, item in enumerate(expected):
                    yield from _item(document, (*path, index), output, item)
            elif isinstance(expected, bool) or not isinstance(expected, int) or expected < 0:
                yield from _item(document, path, output, expected)


def _item(document: Document, path: tuple[str | int, ...], output: str, item: object) -> Iterator[Problem]:
    known = tuple(OUTCOME_FIELDS.get(output, SINK_FIELDS))
    if not isinstance(item, dict):
        yield document.problem(
            path,
            "not a message: write a count, or for each message a mapping of what it must have",
            code="expect",
            suggestion=f"{output}: 1, or {output}: [{{{known[0]}: …}}]",
        )
        return
    for name in cast("dict[str, object]", item):
        if name not in known:
            yield document.problem(
                (*path, name),
                f"there is no `{name}` here to compare; what a message holds stands under `body`",
                code="unknown-key",
                key=True,
                allowed=known,
                suggestion=nearest(name, known),
            )
