"""What a test may write under `expect:`, for each output."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, cast, get_args

from sluiceway.config.document import Document, Path, value_at
from sluiceway.config.draft import Draft
from sluiceway.config.problems import nearest, shown
from sluiceway.core.errors import ErrorClass
from sluiceway.core.problem import Problem

SINK_FIELDS: Final = ("id", "body", "headers", "routes")
OUTCOME_FIELDS: Final[Mapping[str, Sequence[str]]] = {
    "dead_letter": ("stage", "error", "reason", "id", "body"),
    "dropped": ("stage", "reason", "id", "body"),
}


ENGINE_STAGES: Final = ("source", "sinks")
"""Where a message may end besides stages and sinks: it could not be read, or no sink took it."""


def expectations(document: Document, draft: Draft) -> Iterator[Problem]:
    """An output is expected as a count, or as messages of which some fields are given."""
    words = _words(draft)
    for place, test in enumerate(draft.tests):
        for output, expected in (test.expect if test else {}).items():
            path = ("tests", place, "expect", output)
            if isinstance(expected, list):
                for index, item in enumerate(expected):
                    yield from _item(document, (*path, index), output, item)
                    yield from _wrong_words(document, (*path, index), output, item, words)
            elif isinstance(expected, bool) or not isinstance(expected, int) or expected < 0:
                yield from _item(document, path, output, expected)


def _words(draft: Draft) -> dict[str, tuple[str, ...]]:
    """Return the closed lists of what fields of an outcome may say; a list of which a part is wrong is left out."""
    ids = [*(stage.id for stage in draft.stages), *(sink.id for sink in draft.sinks)]
    errors = {"error": get_args(ErrorClass)}
    if draft.unread or None in ids:
        return errors
    return {"stage": (*[name for name in ids if name], *ENGINE_STAGES), **errors}


def _wrong_words(
    document: Document, path: Path, output: str, item: object, words: Mapping[str, Sequence[str]]
) -> Iterator[Problem]:
    fields = cast("dict[str, object]", item) if isinstance(item, dict) and output in OUTCOME_FIELDS else {}
    for name in fields.keys() & set(OUTCOME_FIELDS.get(output, ())) & words.keys():
        value, allowed = fields[name], tuple(words[name])
        if value not in allowed and (*path, name) not in document.unresolved:
            what = "stage or sink" if name == "stage" else "class of errors"
            yield document.problem(
                (*path, name),
                f"there is no {what} {shown(value_at(document.written, (*path, name)))}",
                code="unknown-id" if name == "stage" else "not-allowed",
                allowed=allowed,
                suggestion=nearest(str(value), allowed),
            )


def _item(document: Document, path: Path, output: str, item: object) -> Iterator[Problem]:
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
