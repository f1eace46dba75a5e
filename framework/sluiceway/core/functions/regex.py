"""Functions for regular expressions, by RE2: the time is bounded whatever the text."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final, Protocol, cast

from sluiceway.core.functions.documented import MAX_TEXT, documented, too_large
from sluiceway.core.functions.signatures import TEXT, checked, literal, short, signature
from sluiceway.core.json import JSON

_MAX_TEXT: Final = 2**16
"""Characters of a text that is searched."""
_MAX_MATCHES: Final = 1000
"""Of one text."""
_MAX_STEPS: Final = 2**28
"""Steps of one search at worst, a byte by an instruction of the pattern; about a quarter of a second."""
_MAX_MEMORY: Final = 2**20
"""Bytes that the engine may use for one pattern; beyond it refuses the pattern, or searches more slowly."""
_REFERENCE: Final = re.compile(r"\\(.?)", re.DOTALL)


class _Match(Protocol):
    def start(self, group: int = 0) -> int: ...
    def end(self, group: int = 0) -> int: ...
    def group(self, group: int = 0) -> str | None: ...
    def groups(self) -> Sequence[str | None]: ...


class _Pattern(Protocol):
    @property
    def groups(self) -> int: ...
    @property
    def programsize(self) -> int: ...
    def search(self, text: str) -> _Match | None: ...
    def finditer(self, text: str) -> Iterator[_Match]: ...


@lru_cache(maxsize=128)
def _compiled(pattern: str) -> _Pattern:
    """Return a pattern, compiled.

    Raises:
        ValueError: It is not one of RE2's.
    """
    re2 = importlib.import_module("re2")  # here: it costs 8 ms, and few pipelines use it
    options = re2.Options()
    options.max_mem = _MAX_MEMORY
    options.log_errors = False
    try:
        return cast("_Pattern", re2.compile(pattern, options))
    except re2.error as error:
        reason = error.args[0] if error.args else ""
        reason = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise ValueError(f"{short(pattern)} is not a pattern of RE2: {reason}") from None


def _steps(pattern: str, text: str) -> int:
    """Return the steps that a search may take at worst."""
    if len(text) > _MAX_TEXT:
        raise ValueError(f"the text has {len(text)} characters; the limit is {_MAX_TEXT}")
    steps = len(text.encode()) * _compiled(pattern).programsize
    if steps > _MAX_STEPS:
        raise ValueError(f"the text has {len(text)} characters, too long for a pattern as large as this")
    return steps


def _search(pattern: str, text: str) -> _Match | None:
    _steps(pattern, text)
    return _compiled(pattern).search(text)


def _matches(pattern: str, text: str) -> list[_Match]:
    found: list[_Match] = []
    steps = total = _steps(pattern, text)
    for match in _compiled(pattern).finditer(text):
        if found and match.start() == match.end() == found[-1].end():
            continue  # nothing, right behind a match: the engine's binding may give it twice
        if len(found) == _MAX_MATCHES:
            raise ValueError(f"the pattern matches over {_MAX_MATCHES} times")
        found.append(match)
        total += steps * (len(text) - match.end()) // len(text) if text else 0  # each may look at all that follows
        if total > 4 * _MAX_STEPS:
            raise ValueError(f"the pattern is too large to be found {len(found)} times in {len(text)} characters")
    return found


def _parts(match: _Match) -> JSON:
    return [match.group(), *match.groups()]


_PATTERN: Final = literal(checked(TEXT, _compiled))


class RegexFunctions:
    r"""Regular expressions.

    The engine is [RE2](https://github.com/google/re2/wiki/Syntax): no text can make it slow, so there are no
    back-references and no look-around. A pattern stands in the expression itself, in quotes, and is compiled when the
    file is read. It matches anywhere unless `^` and `$` hold it; `(?i)` at its beginning ignores the case. A text has
    up to 65,536 characters, fewer where the pattern is very large, and matches up to 1,000 times. Inside YAML's double
    quotes a backslash is written twice: `"regex_match(id, '^\\d+$')"`.
    """

    @signature(TEXT, _PATTERN)
    @documented(
        "Whether a pattern matches.",
        (r"regex_match('A-4711', '^[A-Z]-\d+$')", True),
        ("regex_match('Invoice 7', '(?i)INVOICE')", True),
    )
    def _func_regex_match(self, text: str, pattern: str) -> bool:
        return _search(pattern, text) is not None

    @signature(TEXT, _PATTERN)
    @documented(
        "The first match: a list of the whole and of each group, null for a group that takes no part. Null when "
        "nothing matches.",
        (r"regex_find('order A-4711, paid', '([A-Z])-(\d+)')", ["A-4711", "A", "4711"]),
        (r"regex_find('order A-4711, paid', '\d+')[0]", "4711"),
        (r"regex_find('none', '\d+')", None),
    )
    def _func_regex_find(self, text: str, pattern: str) -> JSON:
        match = _search(pattern, text)
        return None if match is None else _parts(match)

    @signature(TEXT, _PATTERN)
    @documented(
        "Every match, each as `regex_find` gives it.",
        (r"regex_find_all('A-1 and B-2', '([A-Z])-(\d)')[*][1]", ["A", "B"]),
    )
    def _func_regex_find_all(self, text: str, pattern: str) -> list[JSON]:
        return [_parts(match) for match in _matches(pattern, text)]

    @signature(TEXT, _PATTERN, TEXT)
    @documented(
        r"With another text in the place of every match; in it `\0` is the match, `\1` to `\9` are its groups, and "
        r"`\\` is a backslash.",
        (r"regex_replace('2026-03-01', '(\d+)-(\d+)-(\d+)', '\3.\2.\1')", "01.03.2026"),
        (r"regex_replace('a  b', '\s+', ' ')", "a b"),
    )
    def _func_regex_replace(self, text: str, pattern: str, replacement: str) -> str:
        parts = _template(replacement, _compiled(pattern).groups)
        pieces: list[str] = []
        end = size = 0
        for match in _matches(pattern, text):
            made = "".join(part if isinstance(part, str) else match.group(part) or "" for part in parts)
            pieces += text[end : match.start()], made
            end = match.end()
            size += len(made)
            if size > MAX_TEXT:
                raise too_large("the result", size)
        return "".join(pieces) + text[end:]

    def _cost_regex_match(self, text: str, pattern: str) -> int:
        return _steps(pattern, text) >> 6

    _cost_regex_find = _cost_regex_match

    def _cost_regex_find_all(self, text: str, pattern: str, _: str = "") -> int:
        return (_steps(pattern, text) >> 6) + 8 * min(len(text), _MAX_MATCHES)

    _cost_regex_replace = _cost_regex_find_all

    def _check_regex_replace(self, _text: str | None, pattern: str | None, replacement: str | None) -> None:
        if pattern is not None and replacement is not None:
            _template(replacement, _compiled(pattern).groups)


def _template(text: str, groups: int) -> list[str | int]:
    """Return the parts of a replacement: texts, and numbers of groups."""
    parts: list[str | int] = []
    end = 0
    for found in _REFERENCE.finditer(text):
        parts.append(text[end : found.start()])
        end = found.end()
        if found[1] == "\\":
            parts.append("\\")
        elif found[1] in {*"0123456789"} and int(found[1]) <= groups:
            parts.append(int(found[1]))
        else:
            raise ValueError(
                f"the replacement has \\{found[1]}, and {groups} is the pattern's last group: \\\\ is a backslash"
            )
    return [*parts, text[end:]]
