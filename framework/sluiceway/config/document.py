"""A YAML file as plain values, with the place of every key and value."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, NamedTuple, TypeAlias, cast

from sluiceway.config.sensitive import is_sensitive, names_secret
from sluiceway.core.problem import Problem

Path: TypeAlias = tuple[str | int, ...]
"""Keys and indices from the top of a file to a value."""


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


@dataclass(frozen=True, slots=True)
class Node:
    """A value, where it stands and where its key stands.

    An alias is the node that it stands for with a span of its own, so its children are shared, not copied.

    Attributes:
        value: Plain mappings, lists and scalars.
        span: The narrowest text that stands for the value: a block mapping's is its first key.
        children: By key or index.
        key: The span of the key under which the value stands.
        size: How many nodes the value has, itself included, with every alias written out.
        height: How many levels the value has, 1 for a scalar.
    """

    value: object
    span: Span
    children: Mapping[str | int, Node] = field(default_factory=dict[str | int, "Node"])
    key: Span | None = None
    size: int = 1
    height: int = 1


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


class Document:
    """One YAML file.

    Attributes:
        file: The path as the user gave it, for messages.
        text: The whole text.
        value: Plain mappings, lists and scalars; after `substitute`, with the variables' values.
        written: As `value`, but as the file says: what messages may show.
        unresolved: Places whose variables could not be resolved: what follows from that is not reported.
    """

    def __init__(self, file: str, text: str, root: Node) -> None:
        self.file = file
        self.text = text
        self.root = root
        self.value: object = root.value
        self.written: object = root.value
        self.unresolved: frozenset[Path] = frozenset()

    def with_value(self, value: object, unresolved: frozenset[Path]) -> Document:
        """Return the same document with other values at the same places."""
        other = Document(self.file, self.text, self.root)
        other.value, other.unresolved = value, unresolved
        return other

    @cached_property
    def lines(self) -> Lines:
        """The lines of the file."""
        return Lines(self.text)

    def position(self, path: Sequence[str | int], *, key: bool = False) -> Position:
        """Return where a value stands, or its key.

        Where the path does not exist it is the nearest ancestor that does. An alias stands where it is used;
        what is inside it, where it is written. A value without a key (a list's item) has no key to point at.

        Args:
            path: Keys and indices from the top.
            key: Point at the key instead of the value.
        """
        return self.lines.position(self._span(path, key=key))

    def _span(self, path: Sequence[str | int], *, key: bool) -> Span:
        node = self.root
        for part in path:
            if part not in node.children:
                break
            node = node.children[part]
        return node.key if node.key and (key or node.span.start == node.span.end) else node.span

    def name(self, path: Sequence[str | int]) -> str:
        """Return the path as people read it, a stage or sink by its id if it has one: `sinks.bus.with`."""
        parts = [str(part) for part in path]
        if len(path) > 1 and path[0] in ("stages", "sinks"):
            given = value_at(self.written, (*path[:2], "id"))
            parts[1] = given if isinstance(given, str) else parts[1]
        return ".".join(parts)

    def problem(  # noqa: PLR0913  # these are a problem's own fields
        self,
        path: Sequence[str | int],
        message: str,
        *,
        code: str,
        key: bool = False,
        at: Sequence[str | int] | None = None,
        within: str = "",
        allowed: tuple[str, ...] = (),
        suggestion: str | None = None,
        level: Literal["error", "warning"] = "error",
    ) -> Problem:
        """Return a problem with its place filled in, sensitive when a secret stands in it or beside it.

        Args:
            path: What is wrong.
            message: One sentence.
            code: The rule's short name.
            key: Point at the key instead of the value.
            at: Point at this instead of `path`.
            within: Point at this part of the value, if it can be found as written.
            allowed: What would have been accepted.
            suggestion: The nearest right name, or what to do.
            level: Error or warning.
        """
        span = self._span(path if at is None else at, key=key)
        start = self.text.find(within, *span) if within else -1
        place = self.lines.position(span if start < 0 else Span(start, start + len(within)))
        hidden = is_sensitive(path) or place.line in self._sensitive_lines or names_secret(self.lines[place.line - 1])
        return Problem(
            self.file,
            place.line,
            place.column,
            self.name(path),
            message,
            code,
            allowed,
            suggestion,
            place.length,
            level,
            hidden,
        )

    @cached_property
    def _sensitive_lines(self) -> frozenset[int]:
        """The lines of secrets, so that a mistake beside one does not print it."""
        found: set[int] = set()
        for path, node in _walk((), self.root):
            if is_sensitive(path):
                first, last = (self.lines.position(Span(at, at)).line for at in node.span)
                found.update(range(first, last + 1))
        return frozenset(found)


def value_at(value: object, path: Sequence[str | int]) -> object:
    """Return what stands at a path in plain values, None where nothing does."""
    for part in path:
        if isinstance(value, list):
            children = dict[object, object](enumerate(cast("list[object]", value)))
        elif isinstance(value, dict):
            children = cast("dict[object, object]", value)
        else:
            return None
        value = children.get(part)
    return value


def scalars(value: object, path: Path) -> Iterator[tuple[Path, object]]:
    """Yield the scalars in plain values that stand at a path, each with its own path."""
    if isinstance(value, dict):
        for key, child in cast("dict[str, object]", value).items():
            yield from scalars(child, (*path, key))
    elif isinstance(value, list):
        for index, child in enumerate(cast("list[object]", value)):
            yield from scalars(child, (*path, index))
    else:
        yield path, value


def problem_at(  # noqa: PLR0913  # these are a problem's own fields
    lines: Lines,
    file: str,
    span: Span,
    path: Sequence[str | int],
    message: str,
    *,
    code: str,
    suggestion: str | None = None,
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
        suggestion=suggestion,
        length=length,
        sensitive=is_sensitive(path) or names_secret(lines[line - 1]),
    )


def _walk(path: Path, node: Node) -> Iterator[tuple[Path, Node]]:
    yield path, node
    for part, child in node.children.items():
        yield from _walk((*path, part), child)
