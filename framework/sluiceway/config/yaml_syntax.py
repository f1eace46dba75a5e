"""What ruamel's errors mean, in plain words, with the common traps explained."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from sluiceway.config.text import Lines, Span
from sluiceway.config.yaml_events import YamlSyntaxError

_NO_SPACE = re.compile(r"\s*(- )?[\w.-]+:[^\s/]")
_BAD_ESCAPE = re.compile(r"\\U(?!000|0010)[0-9A-Fa-f]{8}")


class Finding(NamedTuple):
    """One syntax error: where it is, what it is and what to do."""

    span: Span
    message: str
    suggestion: str | None = None


class _Scene(NamedTuple):
    """Where ruamel stopped, and where what it was reading began."""

    lines: Lines
    at: int
    start: int

    @property
    def char(self) -> str:
        return self.lines.text[self.at : self.at + 1]

    @property
    def span(self) -> Span:
        return Span(self.at, self.at + 1)

    @property
    def opening(self) -> str:
        """The bracket or quote that began it, and where."""
        place = self.lines.position(Span(self.start, self.start))
        return f"the {self.lines.text[self.start]} of {place.line}:{place.column}"


def explain(error: YamlSyntaxError, lines: Lines) -> Finding:
    """Return what ruamel's error means.

    Args:
        error: What it said.
        lines: The text that it read.
    """
    if error.at is None or error.start is None:
        found = _BAD_ESCAPE.search(lines.text)
        span = Span(*found.span()) if found else Span(0, 1)
        return Finding(span, "this escape names no character", r"the last one is \U0010FFFF")
    scene = _Scene(lines, error.at, error.start)
    for sign, finding in _FINDINGS.items():
        if sign in error.reason:
            return finding(scene)
    if lines.text[scene.start : scene.start + 1] == "!":
        return Finding(scene.span, "a tag; pipeline files have none", "quote text that begins with `!`")
    return Finding(scene.span, f"not YAML: {error.reason}")


def _in_flow(scene: _Scene) -> Finding:
    before = scene.lines.text[: scene.at]
    closing = "}" if scene.lines.text[scene.start] == "{" else "]"
    if scene.char == "{" and before.endswith("$"):
        advice = 'quote it: "${NAME}"'
        message = f"an unquoted ${{…}} inside {scene.opening} is read as a mapping"
        return Finding(Span(scene.at - 1, scene.at + 1), message, advice)
    if scene.char and scene.char in "[{":
        message = f"an unquoted {scene.char} cannot stand inside a value within {scene.opening}"
        return Finding(scene.span, message, 'quote the expression: {jmes: "lines[0].sku"}')
    if scene.char and scene.char in "]}":
        return Finding(scene.span, f"{scene.char} cannot close {scene.opening}", f"close it with {closing}")
    if not scene.char or "\n" in before[scene.start :]:
        return Finding(Span(scene.start, scene.start + 1), f"{scene.opening} is not closed", f"close it with {closing}")
    return Finding(scene.span, f"a comma or {closing} is missing here", "quote the value if it goes on")


def _bad_start(scene: _Scene) -> Finding:
    if scene.char == "\t":
        return Finding(scene.span, "a tab cannot indent or begin a value", "use spaces")
    return Finding(scene.span, f"unquoted text cannot begin with {scene.char}", "quote the value or the expression")


def _unclosed_quote(scene: _Scene) -> Finding:
    return Finding(Span(scene.start, scene.start + 1), f"{scene.opening} is not closed", "close the quote")


def _second_colon(scene: _Scene) -> Finding:
    line = scene.lines.position(scene.span).line
    above = scene.lines[line - 2] if line > 1 else ""
    if _NO_SPACE.match(above):
        span = scene.lines.span(line - 2)
        start = span.start + len(above) - len(above.lstrip())
        return Finding(Span(start, span.end), "no space after the colon", "write `key: value`")
    if re.search(r":\s", scene.lines.text[scene.lines.span(line - 1).start : scene.at]):
        return Finding(scene.span, "a second colon in a value", "quote the value")
    advice = "indent it as the keys beside it; quote a value that has a colon"
    return Finding(scene.span, "a key cannot stand here: the line above has its value already", advice)


def _list_item(scene: _Scene) -> Finding:
    return Finding(scene.span, "a list cannot begin here", "begin the list on a line of its own; quote a lone dash")


def _block_end(scene: _Scene) -> Finding:
    if scene.char and scene.char in "]}":
        return Finding(scene.span, f"{scene.char} closes nothing", "remove it, or quote the value")
    line = scene.lines.position(scene.span)
    if not scene.lines[line.line - 1][: line.column - 1].strip():
        return Finding(scene.span, "this line is not indented as those that it belongs to", "align it with them")
    return _after_end(scene)


def _no_colon(scene: _Scene) -> Finding:
    span = scene.lines.span(scene.lines.position(Span(scene.start, scene.start)).line - 1)
    return Finding(Span(scene.start, span.end), "neither a key with a colon nor part of a value", "write `key: value`")


def _no_value(scene: _Scene) -> Finding:
    found = f"{scene.char} stands" if scene.char.strip() else "the text ends"
    return Finding(scene.span, f"{found} where a value should begin", "write the value, or quote it")


def _escape(scene: _Scene) -> Finding:
    message = f"\\{scene.char} is no escape in double quotes"
    return Finding(Span(scene.at - 1, scene.at + 1), message, "use single quotes, or write \\\\ for a backslash")


def _digits(scene: _Scene) -> Finding:
    return Finding(scene.span, "this escape lacks digits", r"write \xNN, \uNNNN or \UNNNNNNNN")


def _name(scene: _Scene) -> Finding:
    char = scene.lines.text[scene.start]
    return Finding(
        Span(scene.start, scene.start + 1),
        f"{char} begins an alias or anchor, which needs a name",
        "quote the value",
    )


def _after_end(scene: _Scene) -> Finding:
    return Finding(scene.span, "text after the end of the value", "quote the whole value")


def _block_text(scene: _Scene) -> Finding:
    char = scene.lines.text[scene.start]
    return Finding(scene.span, f"the text of a {char} block begins on the next line", "quote text that begins so")


def _character(scene: _Scene) -> Finding:
    return Finding(scene.span, f"the character U+{ord(scene.char):04X} is not allowed in YAML", "remove it")


_FINDINGS: dict[str, Callable[[_Scene], Finding]] = {
    "expected ',' or '": _in_flow,
    "cannot start any token": _bad_start,
    "found unexpected end of stream": _unclosed_quote,
    "found unexpected document separator": _unclosed_quote,
    "mapping values are not allowed": _second_colon,
    "sequence entries are not allowed": _list_item,
    "expected <block end>": _block_end,
    "could not find expected ':'": _no_colon,
    "expected the node content": _no_value,
    "found unknown escape": _escape,
    "expected escape sequence": _digits,
    "expected '<document start>'": _after_end,
    "expected chomping": _block_text,
    "expected a comment or a line break": _block_text,
    "special character": _character,
    "expected alphabetic or numeric": _name,
}
"""By what ruamel says; tests hold each to a text that makes it say so."""
