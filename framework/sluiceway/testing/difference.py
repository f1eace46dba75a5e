"""A readable difference between the messages that a test expects at one output and those that came."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeAlias

from sluiceway.config.problems import printable
from sluiceway.config.sensitive import is_sensitive
from sluiceway.core.json import JSON
from sluiceway.testing.matching import NOTHING, Comparison, Difference, Nothing, Path, compare, nearest_pairs, pair_up

Item: TypeAlias = Mapping[str, JSON]
"""A message as `expect:` sees it: `{id, body, headers}`, or `{stage, error, reason, id, body}`."""

LONGEST: Final = 120
"""Characters of a body, of headers, or of a value in them that are shown."""

_WHOLE: Final[frozenset[Path]] = frozenset({("id",), ("stage",), ("error",), ("reason",)})
"""What is never cut: it says where and why."""

_MOST_DIFFERENCES: Final = 10
_MOST_MESSAGES: Final = 5


def count_difference(expected: int, actual: Sequence[Item]) -> str:
    """Return what is wrong when so many messages were expected; empty when nothing is."""
    if expected == len(actual):
        return ""
    return "\n".join([f"expected {_messages(expected)}, {len(actual)} came", *_extra("  it was sent", actual)])


def list_difference(expected: Sequence[Item], actual: Sequence[Item], *, ordered: bool = False) -> str:
    """Return what is wrong when these messages were expected, in any order unless `ordered`; empty when nothing is.

    Each expectation takes a message of its own. One that finds none is shown beside the message most like it: how
    much is equal, then what differs; then what is left over on each side.
    """
    table = [[compare(dict(want), dict(item)) for item in actual] for want in expected]
    candidates = [[column for column, cell in enumerate(row) if not cell.differences] for row in table]
    pairs = pair_up(len(actual), candidates)
    wanting = [row for row in range(len(expected)) if row not in pairs]
    left = [column for column in range(len(actual)) if column not in pairs.values()]
    if not wanting and not left:
        return _disorder(table, actual) if ordered else ""
    near = nearest_pairs(wanting, left, lambda row, column: table[row][column])
    lines = [f"{len(pairs)} of {_messages(len(expected))} came as expected"] if expected else ["expected to be empty"]
    for row, column in near.items():
        lines += _pair(_place(row, expected), actual[column], table[row][column])
    missing = [expected[row] for row in wanting if row not in near]
    extra = [actual[column] for column in left if column not in near.values()]
    return "\n".join([*lines, *_extra("  did not come", missing), *_extra("  not expected", extra)])


def _disorder(table: Sequence[Sequence[Comparison]], actual: Sequence[Item]) -> str:
    """Return what is wrong with the order in which all that was expected came."""
    for place, row in enumerate(table):
        if row[place].differences:
            came = ", ".join(_name(item) for item in actual[:_MOST_MESSAGES])
            return f"all came, but not in this order: number {place + 1} is not {_name(actual[place])} (came: {came})"
    return ""


def _pair(which: str, item: Item, comparison: Comparison) -> Iterator[str]:
    total = comparison.equal + len(comparison.differences)
    yield f"  {which} is nearest to {_name(item)}: {comparison.equal} of {total} values equal"
    for difference in comparison.differences[:_MOST_DIFFERENCES]:
        yield f"    {_sentence(difference)}"
    if (hidden := len(comparison.differences) - _MOST_DIFFERENCES) > 0:
        yield f"    … and {hidden} more that differ"


def _sentence(difference: Difference) -> str:
    path = difference.path
    expected, actual = shown(difference.expected, path), shown(difference.actual, path)
    if expected == actual and isinstance(difference.expected, bool | int | float):
        actual += " of another type"
    return f"{_dotted(path)}: expected {expected}, got {actual}"


def _extra(label: str, items: Sequence[Item]) -> Iterator[str]:
    for item in items[:_MOST_MESSAGES]:
        parts = (f"{json.dumps(name)}: {shown(value, (name,))}" for name, value in item.items())
        yield f"{label}: {{{', '.join(parts)}}}"
    if (hidden := len(items) - _MOST_MESSAGES) > 0:
        yield f"  … and {hidden} more"


def _messages(count: int) -> str:
    return f"{count} message{'' if count == 1 else 's'}"


def _place(row: int, expected: Sequence[Item]) -> str:
    return "what was expected" if len(expected) == 1 else f"number {row + 1}"


def _name(item: Item) -> str:
    return printable(str(item["id"]))


def _dotted(path: Path) -> str:
    return printable(".".join(map(str, path))) or "the message"


def shown(value: JSON | Nothing, path: Path) -> str:
    """Return a value as JSON for a person: cut, harmless to a terminal, and without what may be a secret."""
    if value is NOTHING:
        return "nothing"
    text = printable(json.dumps(masked(value, path), ensure_ascii=False, default=str))
    hidden = len(text) - LONGEST
    return text if hidden <= 0 or path in _WHOLE else f"{text[:LONGEST]}… ({hidden:,} characters more)"


def masked(value: JSON | Nothing, path: Path) -> object:
    """Return a value with `***` in the place of what may be a secret, by the names that lead to it."""
    if is_sensitive(path):
        return "***"
    if isinstance(value, dict):
        return {key: masked(item, (*path, key)) for key, item in value.items()}
    if isinstance(value, list):
        return [masked(item, (*path, index)) for index, item in enumerate(value)]
    return value
