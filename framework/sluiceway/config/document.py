"""A YAML file as plain values, with the place of every key and value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal, NamedTuple, TypeAlias, cast

from sluiceway.config.sensitive import is_sensitive, names_secret
from sluiceway.config.text import Lines, Position, Span
from sluiceway.core.problem import Problem, Related

Path: TypeAlias = tuple[str | int, ...]
"""Keys and indices from the top of a file to a value."""


@dataclass(frozen=True, slots=True)
class Origin:
    """A file whose values stand in a document, and how they came there.

    Attributes:
        file: Its path, for messages.
        lines: Its text.
        notes: Other places that messages about its values name too.
    """

    file: str
    lines: Lines
    notes: tuple[Note, ...] = ()


class Note(NamedTuple):
    """Another place that a message names: `used at` there."""

    what: str
    origin: Origin
    span: Span


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
        origin: The file that it, and what is in it, stands in, where that is another than its parent's.
    """

    value: object
    span: Span
    children: Mapping[str | int, Node] = field(default_factory=dict[str | int, "Node"])
    key: Span | None = None
    size: int = 1
    height: int = 1
    origin: Origin | None = None


class Document:
    """One YAML file, with what stands in it from others.

    Attributes:
        file: The path as the user gave it, for messages.
        text: The whole text.
        value: Plain mappings, lists and scalars; after `substitute`, with the variables' values.
        written: As `value`, but as the file says: what messages may show.
        notes: What messages about the whole file name besides their place.
        unresolved: Places whose variables could not be resolved: what follows from that is not reported.
    """

    def __init__(self, file: str, text: str, root: Node, notes: tuple[Note, ...] = ()) -> None:
        self.file = file
        self.text = text
        self.root = root
        self.notes = notes
        self.value: object = root.value
        self.written: object = root.value
        self.unresolved: frozenset[Path] = frozenset()

    def with_value(self, value: object, unresolved: frozenset[Path]) -> Document:
        """Return the same document with other values at the same places."""
        other = Document(self.file, self.text, self.root, self.notes)
        other.value, other.unresolved = value, unresolved
        return other

    def with_stages(self, stages: Sequence[Node], unresolved: frozenset[Path]) -> Document:
        """Return the same document with other stages, each of which knows the file that it stands in."""
        before = self.root.children["stages"]
        listed = replace(before, value=[node.value for node in stages], children=dict(enumerate(stages)))
        value = {**cast("dict[str, object]", self.root.value), "stages": listed.value}
        root = replace(self.root, value=value, children={**self.root.children, "stages": listed})
        other = Document(self.file, self.text, root, self.notes)
        other.unresolved = unresolved
        return other

    @cached_property
    def origin(self) -> Origin:
        """The file itself."""
        return Origin(self.file, Lines(self.text), self.notes)

    def position(self, path: Sequence[str | int], *, key: bool = False) -> Position:
        """Return where a value stands, or its key.

        Where the path does not exist it is the nearest ancestor that does. An alias stands where it is used;
        what is inside it, where it is written. A value without a key (a list's item) has no key to point at.

        Args:
            path: Keys and indices from the top.
            key: Point at the key instead of the value.
        """
        origin, span = self._place(path, key=key)
        return origin.lines.position(span)

    def origin_at(self, path: Sequence[str | int]) -> Origin:
        """Return the file that a value stands in."""
        return self._place(path, key=False)[0]

    def _place(self, path: Sequence[str | int], *, key: bool) -> tuple[Origin, Span]:
        node, origin, of_key = self.root, self.origin, self.origin
        for part in path:
            if part not in node.children:
                break
            node = node.children[part]
            origin, of_key = node.origin or origin, origin
        wants_key = node.key and (key or node.span.start == node.span.end)
        return (of_key, node.key) if wants_key and node.key else (origin, node.span)

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
        offset: int | None = None,
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
            offset: Where in the value that part begins, when it stands there more than once.
            allowed: What would have been accepted.
            suggestion: The nearest right name, or what to do.
            level: Error or warning.
        """
        origin, span = self._place(path if at is None else at, key=key)
        start = self._start(origin.lines.text, span, tuple(path), within, offset) if within else -1
        span = span if start < 0 else Span(start, start + len(within))
        place = origin.lines.position(span)
        return Problem(
            origin.file,
            place.line,
            place.column,
            self.name(path),
            message,
            code,
            allowed,
            suggestion,
            place.length,
            level,
            is_sensitive(path) or self._is_hidden(origin, place.line),
            tuple(self._related(note) for note in origin.notes),
        )

    def guarded(self, problem: Problem) -> Problem:
        """Return a problem that was found before it was known which lines hold secrets."""
        related = tuple(
            place._replace(sensitive=place.sensitive or (place.file, place.line) in self._sensitive_lines)
            for place in problem.related
        )
        hidden = problem.sensitive or (problem.file, problem.line) in self._sensitive_lines
        return replace(problem, sensitive=hidden, related=related)

    def _related(self, note: Note) -> Related:
        place = note.origin.lines.position(note.span)
        return Related(note.what, note.origin.file, *place, self._is_hidden(note.origin, place.line))

    def _is_hidden(self, origin: Origin, line: int) -> bool:
        return (origin.file, line) in self._sensitive_lines or names_secret(origin.lines[line - 1])

    def _start(self, text: str, span: Span, path: Path, within: str, offset: int | None) -> int:
        """Return where a part of a value stands in the text; -1 when it is not found as written."""
        value = value_at(self.value, path) if offset is not None else None
        whole = text.find(value, *span) if isinstance(value, str) else -1
        if offset is not None and whole >= 0 and text.startswith(within, whole + offset):
            return whole + offset
        return text.find(within, *span)

    @cached_property
    def _sensitive_lines(self) -> frozenset[tuple[str, int]]:
        """The lines of secrets, so that a mistake beside one does not print it."""
        found: set[tuple[str, int]] = set()
        for path, node, origin in _walk((), self.root, self.origin):
            if is_sensitive(path):
                first, last = (origin.lines.position(Span(at, at)).line for at in node.span)
                found.update((origin.file, line) for line in range(first, last + 1))
        return frozenset(found)


def value_at(value: object, path: Sequence[str | int]) -> object:
    """Return what stands at a path in plain values, None where nothing does."""
    for part in path:
        if isinstance(value, dict):
            value = cast("dict[object, object]", value).get(part)
        elif isinstance(value, list) and isinstance(part, int) and 0 <= part < len(cast("list[object]", value)):
            value = cast("list[object]", value)[part]
        else:
            return None
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


def _walk(path: Path, node: Node, origin: Origin) -> Iterator[tuple[Path, Node, Origin]]:
    origin = node.origin or origin
    yield path, node, origin
    for part, child in node.children.items():
        yield from _walk((*path, part), child, origin)
