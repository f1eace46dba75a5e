"""Build plain values and positions from ruamel's events, within bounds.

Events, not ruamel's nodes: its composer calls itself for every level, and the bounds must hold before that.
An alias counts as if it were written out but shares what it stands for, so a bomb costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NoReturn

from sluiceway.config.document import Node
from sluiceway.config.text import Lines, Span, problem_at
from sluiceway.config.yaml_events import Event, YamlSyntaxError, read_events
from sluiceway.config.yaml_scalars import joined, plain
from sluiceway.config.yaml_syntax import explain
from sluiceway.core.errors import InvalidPipeline
from sluiceway.core.problem import Problem

MAX_LEVELS = 64
"""How deep mappings and lists may be nested."""

MAX_NODES = 10_000
"""How many values a file may have with its aliases written out."""


def build(lines: Lines, file: str) -> tuple[Node | None, list[Problem]]:
    """Return the root of the document, None if there is none, and what was left out of it.

    Raises:
        InvalidPipeline: The text is no YAML, or beyond the bounds.
    """
    builder = _Builder(lines, file)
    builder.read()
    return builder.root, builder.problems


@dataclass(slots=True)
class _Open:
    """A mapping or list whose end has not been reached."""

    value: dict[str, object] | list[object]
    span: Span
    flow: bool
    anchor: str | None
    children: dict[str | int, Node] = field(default_factory=dict[str | int, Node])
    key: str | None = None
    key_span: Span | None = None
    discard: bool = False
    size: int = 1
    height: int = 1

    @property
    def wants_key(self) -> bool:
        return isinstance(self.value, dict) and self.key is None

    def attach(self, node: Node) -> None:
        """Put a value under the key at hand, or at the end of the list."""
        self.size += node.size
        self.height = max(self.height, node.height + 1)
        if isinstance(self.value, list):
            self.children[len(self.value)] = node
            self.value.append(node.value)
            return
        if self.key is not None and not self.discard:
            self.children[self.key] = replace(node, key=self.key_span)
            self.value[self.key] = node.value
        self.key, self.discard = None, False


class _Builder:
    def __init__(self, lines: Lines, file: str) -> None:
        self.root: Node | None = None
        self.problems: list[Problem] = []
        self._lines = lines
        self._file = file
        self._stack: list[_Open] = []
        self._anchors: dict[str, Node | None] = {}  # None while what it names is still open
        self._nodes = 0
        self._documents = 0

    def read(self) -> None:
        """Take all events."""
        take = {"scalar": self._scalar, "mapping": self._open, "list": self._open}
        take |= {"end": self._close, "alias": self._alias, "document": self._document}
        try:
            for event in read_events(self._lines.text):
                take[event.kind](event)
        except YamlSyntaxError as error:
            span, message, suggestion = explain(error, self._lines)
            problem = self._problem(span, message, "syntax", suggestion)
            raise InvalidPipeline([*self.problems, problem]) from error

    def _document(self, event: Event) -> None:
        self._documents += 1
        if self._documents > 1:
            self._refuse(event.span, "a second document", "syntax", "give it a file of its own")

    def _scalar(self, event: Event) -> None:
        span = event.span
        self._check_tag(event)
        is_plain = event.style is None
        try:
            text = joined(event.text)
        except ValueError:
            text = ""
            self._report(span, r"half of a surrogate pair (`\ud800` to `\udfff`) is no character", "syntax")
        if self._stack and self._stack[-1].wants_key:
            self._key(text, span, is_plain=is_plain)
            return
        self._count(1, span)
        value: object = text
        if is_plain:
            try:
                value = plain(text)
            except ValueError as error:
                self._report(span, f"{error}, so it would be changed", "number", "quote it if it is text")
            if not text:
                self._check_colon(span)
        self._attach(Node(value, span), event.anchor)

    def _key(self, text: str, span: Span, *, is_plain: bool) -> None:
        frame = self._stack[-1]
        frame.key, frame.key_span = text, span
        if not frame.children and not frame.flow:
            frame.span = span
        if is_plain and text == "<<":
            self._discard(span, "a merge key; pipeline files have none", "merge-key", "write the keys out")
        elif is_plain and not text:
            self._discard(span, "a key is missing before the colon", "syntax")
        elif text in frame.children:
            first = self._lines.position(frame.children[text].key or span)
            self._discard(span, f"the key stands here twice, first at {first.line}:{first.column}", "duplicate-key")

    def _open(self, event: Event) -> None:
        span = event.span
        self._check_tag(event)
        if len(self._stack) >= MAX_LEVELS:
            self._refuse(span, f"more than {MAX_LEVELS} levels", "too-deep")
        self._count(1, span)
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        value: dict[str, object] | list[object] = {} if event.kind == "mapping" else []
        if not event.flow:
            span = Span(span.end, span.end + 1)  # behind the anchor: the first dash, or the first key (see _key)
        self._stack.append(_Open(value, span, flow=event.flow, anchor=event.anchor))

    def _close(self, event: Event) -> None:
        frame = self._stack.pop()
        span = Span(frame.span.start, event.span.end) if frame.flow else frame.span
        node = Node(frame.value, span, frame.children, size=frame.size, height=frame.height)
        if self._stack and self._stack[-1].wants_key:
            self._no_text_key(span)
        else:
            self._attach(node, frame.anchor)

    def _alias(self, event: Event) -> None:
        span, name = event.span, event.text
        if self._stack and self._stack[-1].wants_key:
            self._no_text_key(span)
            return
        if name not in self._anchors:
            advice = "quote a text that begins with `*`"
            self._refuse(span, f"no anchor `&{name}` stands above this alias", "alias", advice)
        target = self._anchors[name]
        if target is None:
            self._refuse(span, f"the alias `*{name}` stands inside what it names", "alias")
        if len(self._stack) + target.height - 1 > MAX_LEVELS:
            self._refuse(span, f"more than {MAX_LEVELS} levels", "too-deep")
        self._count(target.size, span)
        self._attach(replace(target, span=span), None)

    def _attach(self, node: Node, anchor: str | None) -> None:
        if anchor is not None:
            self._anchors[anchor] = node
        if self._stack:
            self._stack[-1].attach(node)
        else:
            self.root = node

    def _count(self, nodes: int, span: Span) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            self._refuse(span, f"more than {MAX_NODES:,} values, aliases written out", "too-large")

    def _check_tag(self, event: Event) -> None:
        if event.tagged:
            advice = "remove it; quote text that begins with `!`"
            self._report(event.span, "a tag; pipeline files have none", "tag", advice)

    def _check_colon(self, span: Span) -> None:
        """Report `{length(a, b)}`, which YAML reads as two keys without values."""
        frame = self._stack[-1] if self._stack else None
        if frame and frame.key_span and ":" not in self._lines.text[frame.key_span.end : span.start]:
            advice = "write `key: value`; quote text or an expression with a comma"
            self._discard(frame.key_span, f"`{frame.key}` has neither colon nor value", "syntax", advice)

    def _no_text_key(self, span: Span) -> None:
        frame = self._stack[-1]
        frame.key, frame.key_span = self._lines.text[span.start : span.end], span
        self._discard(span, "a key must be text, not a mapping, list or alias", "syntax", "quote it")

    def _discard(self, span: Span, message: str, code: str, suggestion: str | None = None) -> None:
        """Report the key at hand and leave it out."""
        self._report(span, message, code, suggestion)
        self._stack[-1].discard = True

    def _report(self, span: Span, message: str, code: str, suggestion: str | None = None) -> None:
        self.problems.append(self._problem(span, message, code, suggestion))

    def _refuse(self, span: Span, message: str, code: str, suggestion: str | None = None) -> NoReturn:
        raise InvalidPipeline([*self.problems, self._problem(span, message, code, suggestion)])

    def _problem(self, span: Span, message: str, code: str, suggestion: str | None) -> Problem:
        path: list[str | int] = []
        for frame in self._stack:
            if isinstance(frame.value, list):
                path.append(len(frame.value))
            elif frame.key is not None:
                path.append(frame.key)
        return problem_at(self._lines, self._file, span, path, message, code=code, suggestion=suggestion)
