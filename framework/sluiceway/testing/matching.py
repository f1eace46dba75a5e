"""Compare what a test expects with what came: objects are subsets, arrays exact, scalars equal in type and value."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, auto
from typing import Final, TypeAlias

from sluiceway.core.json import JSON

Path: TypeAlias = tuple[str | int, ...]


class Nothing(Enum):
    """Stands for a value that is not there, which null is."""

    NOTHING = auto()


NOTHING: Final = Nothing.NOTHING


@dataclass(frozen=True, slots=True)
class Difference:
    """One place in which what came is not as expected.

    Attributes:
        path: Keys and indices that lead there.
        expected: What should be there; NOTHING for an array's element too many.
        actual: What is; NOTHING when it is missing.
    """

    path: Path
    expected: JSON | Nothing
    actual: JSON | Nothing


@dataclass(frozen=True, slots=True)
class Comparison:
    """How far one message is what one expectation says.

    Attributes:
        equal: How many of the expected values are there.
        differences: Where it differs, in the order of the expectation.
    """

    equal: int
    differences: tuple[Difference, ...]


def compare(expected: JSON, actual: JSON) -> Comparison:
    """Return where `actual` is not what `expected` says.

    An object must have the expected keys and may have more; an array must have the same elements in the same order.
    1 and 1.0 are the same JSON number; true is no number, and "1" is none either.
    """
    found = list(_compare((), expected, actual))
    differences = tuple(each for each in found if each is not None)
    return Comparison(len(found) - len(differences), differences)


def _compare(path: Path, expected: JSON | Nothing, actual: JSON | Nothing) -> Iterator[Difference | None]:
    """Yield None for each value that is as expected, and each difference."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        for key, value in expected.items():
            yield from _compare((*path, key), value, actual.get(key, NOTHING))
        if not expected:
            yield None
    elif isinstance(expected, list) and isinstance(actual, list):
        for index in range(max(len(expected), len(actual))):
            yield from _compare((*path, index), _at(expected, index), _at(actual, index))
        if not expected and not actual:
            yield None
    else:
        yield None if _is_same(expected, actual) else Difference(path, expected, actual)


def _at(items: list[JSON], index: int) -> JSON | Nothing:
    return items[index] if index < len(items) else NOTHING


def _is_same(one: object, other: object) -> bool:
    return _kind(one) is _kind(other) and one == other


def _kind(value: object) -> type:
    return float if isinstance(value, int | float | Decimal) and not isinstance(value, bool) else type(value)


def pair_up(count: int, candidates: Sequence[Sequence[int]]) -> dict[int, int]:
    """Give as many as possible one candidate each, none twice: a maximum matching (Kuhn's algorithm).

    Args:
        count: How many candidates there are.
        candidates: For each that wants one, those that would do.

    Returns:
        The candidate of each that got one.
    """
    taken: list[int | None] = [None] * count

    def seat(one: int, tried: set[int]) -> bool:
        for candidate in candidates[one]:
            if candidate in tried:
                continue
            tried.add(candidate)
            holder = taken[candidate]
            if holder is None or seat(holder, tried):
                taken[candidate] = one
                return True
        return False

    for one in range(len(candidates)):
        seat(one, set())
    return {holder: candidate for candidate, holder in enumerate(taken) if holder is not None}


def nearest_pairs(
    rows: Sequence[int], columns: Sequence[int], comparison: Callable[[int, int], Comparison]
) -> dict[int, int]:
    """Pair what did not match with what is most like it: of which the largest part is equal."""

    def distance(pair: tuple[int, int]) -> tuple[float, int, int]:
        found = comparison(*pair)
        return len(found.differences) / (found.equal + len(found.differences)), *pair

    pairs: dict[int, int] = {}
    for row, column in sorted(((row, column) for row in rows for column in columns), key=distance):
        if row not in pairs and column not in pairs.values():
            pairs[row] = column
    return pairs
