"""Show problems to people and to programs, and find the name that was meant."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence

from rich.cells import cell_len
from rich.color import ColorSystem
from rich.style import Style

from sluiceway.core.problem import Problem, Related

LONGEST_VALUE = 120
"""Characters of a found value, path or name that are shown."""

LONGEST_MESSAGE = 600
"""Characters of a message, or of what to do, that are shown."""

_SOURCE_WIDTH = 110  # characters of a source line that are shown
_SOURCE_BEFORE = 60  # of these, at most so many before what is wrong
_MOST_ALLOWED = 30
_MOST_COMPARED = 50


def render_text(
    problems: Iterable[Problem], sources: Mapping[str, Sequence[str]], *, color: bool, limit: int = 100
) -> str:
    """Return problems as text: for each its place, what is wrong, the source line and what to do.

    Each begins with one line that is never wrapped, `path:line:column: error[code] key: message`, so that
    editors can follow it. Nothing from a file can control the terminal.

    Args:
        problems: In any order; equal ones are shown once.
        sources: The lines of each file by its name as the problems have it.
        color: Whether to colour for a terminal.
        limit: How many to show; the rest is counted.
    """
    ordered = in_order(problems)
    blocks = [_block(problem, sources, color=color) for problem in ordered[:limit]]
    if len(ordered) > limit:
        blocks.append(f"... and {len(ordered) - limit:,} more\n")
    return "\n".join(blocks)


def render_json(problems: Iterable[Problem]) -> str:
    """Return problems as a JSON list for programs, in the order of the files."""
    return json.dumps(
        [
            {
                "file": problem.file,
                "line": problem.line,
                "column": problem.column,
                "path": cut(problem.path),
                "message": cut(problem.message, LONGEST_MESSAGE),
                "allowed": list(problem.allowed),
                "suggestion": problem.suggestion,
                "code": problem.code,
                "level": problem.level,
                **_related_json(problem.related),
            }
            for problem in in_order(problems)
        ],
        indent=2,
    )


def _related_json(related: Sequence[Related]) -> dict[str, object]:
    """Return the other places, under a key that most problems have no need of."""
    places = [{"what": place.what, "file": place.file, "line": place.line, "column": place.column} for place in related]
    return {"related": places} if places else {}


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """Return problems by file and place, each once."""
    return sorted(dict.fromkeys(problems), key=lambda p: (p.file, p.line, p.column, p.path, p.message))


def shown(value: object) -> str:
    """Return a found value for a message: text in quotes, long values cut, collections by kind."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return cut(json.dumps(value, ensure_ascii=False, default=str))


def cut(text: str, length: int = LONGEST_VALUE) -> str:
    """Return a text cut to a length, with an ellipsis if it was longer."""
    return text if len(text) <= length else text[: length - 1] + "…"


def printable(text: str) -> str:
    """Return a text with control and invisible characters as escapes, so that none reaches the terminal."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def nearest(word: str, candidates: Iterable[str]) -> str | None:
    """Return the candidate that was most likely meant, None if none is near.

    Near is the same word in another case, else at most a third mistyped, else its parts in another order.

    Args:
        word: What was written.
        candidates: What could have been.
    """
    names = sorted(set(candidates) - {word})
    same = next((name for name in names if name.lower() == word.lower()), None)
    if same is not None:
        return same
    limit = max(len(word), 3) // 3
    close = [name for name in names if _may_be_near(word, name, limit)] if len(word) <= LONGEST_VALUE else []
    if len(close) > _MOST_COMPARED:  # comparing takes long: those that share most letters
        close = sorted(close, key=lambda name: len(set(word.lower()) ^ set(name.lower())))[:_MOST_COMPARED]
    distance, name = min(
        ((_distance(word.lower(), name.lower(), limit), name) for name in close), default=(limit + 1, "")
    )
    if distance <= limit:
        return name
    return next((name for name in names if _parts(name) == _parts(word)), None)


def _may_be_near(word: str, name: str, limit: int) -> bool:
    """Tell whether two words may differ by so few mistakes, by their letters alone."""
    if abs(len(name) - len(word)) > limit:
        return False
    mine, other = set(word.lower()), set(name.lower())
    return len(mine - other) <= limit and len(other - mine) <= limit


def _parts(name: str) -> list[str]:
    return sorted(re.split(r"[_\-. ]", name.lower()))


def _distance(one: str, other: str, limit: int) -> int:
    """Return how many characters must be added, dropped, changed or swapped; past the limit, one more than it."""
    before: list[int] = []
    last = list(range(len(other) + 1))
    for i, a in enumerate(one, start=1):
        row = [i]
        for j, b in enumerate(other, start=1):
            row.append(min(last[j] + 1, row[-1] + 1, last[j - 1] + (a != b)))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                row[j] = min(row[j], before[j - 2] + 1)
        if min(*row, *last) > limit:
            return limit + 1
        before, last = last, row
    return last[-1]


def _block(problem: Problem, sources: Mapping[str, Sequence[str]], *, color: bool) -> str:
    def paint(text: str, style: str) -> str:
        return Style.parse(style).render(text, color_system=ColorSystem.STANDARD) if color else text

    strong = "bold red" if problem.level == "error" else "bold yellow"
    place = paint(f"{printable(problem.file)}:{problem.line}:{problem.column}:", "bold")
    what = printable(cut(problem.message, LONGEST_MESSAGE))
    path = f"{printable(cut(problem.path))}: " if problem.path else ""
    rows = [f"{place} {paint(f'{problem.level}[{problem.code}]', strong)} {path}{what}"]
    margin = " " * len(str(problem.line))
    source = sources.get(problem.file, ())
    allowed = _allowed(problem.allowed)
    if 1 <= problem.line <= len(source) and not problem.sensitive:
        line, indent, carets = _underlined(source[problem.line - 1], problem.column - 1, problem.length)
        rows.append(f"{problem.line} | {line}".rstrip())
        rows.append(f"{margin} | {indent}{paint(carets, strong)} {allowed}".rstrip())
    elif allowed:
        rows.append(f"{margin} = {allowed}")
    if problem.suggestion:
        rows.append(f"{margin} = fix: {printable(cut(_fix(problem), LONGEST_MESSAGE))}")
    for other in problem.related:
        rows += _other_place(other, sources.get(other.file, ()), margin)
    return "\n".join(rows) + "\n"


def _other_place(place: Related, source: Sequence[str], margin: str) -> list[str]:
    rows = [f"{margin} = {place.what} {printable(place.file)}:{place.line}:{place.column}"]
    if 1 <= place.line <= len(source) and not place.sensitive:
        line, indent, carets = _underlined(source[place.line - 1], place.column - 1, place.length)
        rows += [f"{place.line} | {line}".rstrip(), f"{' ' * len(str(place.line))} | {indent}{carets}"]
    return rows


def _fix(problem: Problem) -> str:
    suggestion = problem.suggestion or ""
    is_name = suggestion in problem.allowed or " " not in suggestion
    return f"did you mean `{suggestion}`?" if is_name else suggestion


def _allowed(names: Sequence[str]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - _MOST_ALLOWED} more" if len(names) > _MOST_ALLOWED else ""
    return "allowed: " + ", ".join(printable(cut(name)) for name in names[:_MOST_ALLOWED]) + more


def _underlined(line: str, column: int, length: int) -> tuple[str, str, str]:
    """Return a source line cut around what is wrong, the space before its underline, and the underline."""
    start = max(0, column - _SOURCE_BEFORE) if len(line) > _SOURCE_WIDTH else 0
    end = min(len(line), start + _SOURCE_WIDTH)
    head, tail = "…" if start else "", "…" if end < len(line) else ""
    before, wrong = (_visible(part) for part in (line[start:column], line[column : min(column + length, end)]))
    text = head + before + wrong + _visible(line[column + length : end]) + tail
    return text, " " * cell_len(head + before), "^" * max(1, cell_len(wrong))


def _visible(text: str) -> str:
    return printable(text.replace("\t", "    "))
