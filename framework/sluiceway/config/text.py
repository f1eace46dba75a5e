"""A text by lines and columns, and problems at places in it."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from typing import Literal, NamedTuple

from sluiceway.config.sensitive import is_sensitive, names_secret
from sluiceway.core.problem import Problem, Related


class Position(NamedTuple):
    """Where something stands in a file.

    Attributes:
        line: From 1.
        column: From 1, in characters.
        length: Characters to underline, at least 1, never past the end of the line.
    """

    line: int
    column: int
    length: int


class Span(NamedTuple):
    """A stretch of the text, in characters from 0; `end` is behind the last one."""

    start: int
    end: int


class Lines:
    """The lines of a text, and the line and column of an offset in it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._starts = [0, *(m.end() for m in re.finditer(r"\r\n|\r|\n", text))]

    def __len__(self) -> int:
        return len(self._starts)

    def __getitem__(self, index: int) -> str:
        """Return the line with that index, from 0, without its line break."""
        start, end = self.span(index)
        return self.text[start:end]

    def span(self, index: int) -> Span:
        """Return the span of the line with that index, without its line break."""
        start = self._starts[index]
        end = self._starts[index + 1] if index + 1 < len(self._starts) else len(self.text)
        return Span(start, start + len(self.text[start:end].rstrip("\r\n")))

    def position(self, span: Span) -> Position:
        """Return where the span starts, and its length on that line."""
        start = min(span.start, len(self.text))
        index = bisect_right(self._starts, start) - 1
        column = start - self._starts[index]
        room = len(self[index].rstrip()) - column
        return Position(index + 1, column + 1, max(1, min(span.end - span.start, room)))


def problem_at(  # noqa: PLR0913  # these are a problem's own fields
    lines: Lines,
    file: str,
    span: Span,
    path: Sequence[str | int],
    message: str,
    *,
    code: str,
    allowed: tuple[str, ...] = (),
    suggestion: str | None = None,
    level: Literal["error", "warning"] = "error",
    related: tuple[Related, ...] = (),
) -> Problem:
    """Return a problem in a text that is not, or not yet, a document."""
    line, column, length = lines.position(span)
    return Problem(
        file,
        line,
        column,
        ".".join(map(str, path)),
        message,
        code,
        allowed=allowed,
        suggestion=suggestion,
        length=length,
        level=level,
        related=related,
        sensitive=is_sensitive(path) or names_secret(lines[line - 1]),
    )
