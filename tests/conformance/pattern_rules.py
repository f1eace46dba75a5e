"""The rules of event patterns as docs/event-patterns.md lists them: the page is the table that the tests read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "event-patterns.md"
_ROW = re.compile(r"\| ([a-z0-9-]+) \| `(.+)` \| (?:`(.+)`|—) \| (matches|no match|refused) \| (.+) \|")
_LIMIT = re.compile(r"\| ([a-z]+) \| (.+) \| refused \| (.+) \|")


@dataclass(frozen=True)
class Rule:
    """A row: a pattern and an event, both JSON text, and the answer."""

    name: str
    pattern: str
    event: str
    answer: str
    source: str


def rules() -> list[Rule]:
    """Read the rules; a row that is no rule is an error, lest a test be lost by a slip of the pen."""
    found: list[Rule] = []
    for line in PAGE.read_text().partition("## Limits")[0].splitlines():
        if line.startswith("|") and not line.startswith(("| rule |", "|---")):
            row = _ROW.fullmatch(line)
            assert row, f"not a rule: {line}"
            name, pattern, event, answer, source = row.groups()
            assert (event is None) == (answer == "refused"), f"an event goes with every answer but refused: {line}"
            found.append(Rule(name, pattern, event or "{}", answer, source))
    return found


def limits() -> list[str]:
    """Read the names of the limits."""
    rows = map(_LIMIT.fullmatch, PAGE.read_text().partition("## Limits")[2].splitlines())
    return [row[1] for row in rows if row]
