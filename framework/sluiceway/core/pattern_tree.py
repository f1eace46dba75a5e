"""Matching the clauses of an event pattern against an event.

An array in the event is no level of the path: a clause looks at all its elements. But clauses that pass
through the same array must be met in the same element of it ("array consistency"). A clause with
`exists: false` is met when the element chosen so far has no such field; when none is chosen yet, no element
may have it. Clauses are taken in the order of their paths, as the service takes them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache, lru_cache
from typing import Final, TypeAlias, cast

from sluiceway.core.pattern_operators import Leaf

Keys: TypeAlias = tuple[str, ...]
Clause: TypeAlias = tuple[Keys, Leaf]
"""The field and what it must be."""
Match: TypeAlias = Callable[[object], bool]
MatchObject: TypeAlias = Callable[[Mapping[str, object]], bool]

_MISSING: Final = object()


def compile_clauses(clauses: Sequence[Clause]) -> MatchObject:
    """Compile clauses, all of which must be met, into a test of an event.

    The test reads only the keys of the event that the clauses name.
    """
    return _compile_object(sorted(clauses, key=_order))


def scalars(keys: Keys, value: object) -> Iterator[object]:
    """Yield every scalar that the event has at a path, through all arrays on the way."""
    if isinstance(value, list):
        for element in _elements(cast("list[object]", value)):
            yield from scalars(keys, element)
    elif isinstance(value, Mapping):
        if keys:
            found = cast("Mapping[str, object]", value)
            head, dot, tail = keys[0].partition(".")
            if keys[0] in found:
                yield from scalars(keys[1:], found[keys[0]])
            elif dot:
                yield from scalars((tail, *keys[1:]), found.get(head, _MISSING))
    elif not keys and value is not _MISSING:
        yield value


def _order(clause: Clause) -> bytes:
    return ".".join(clause[0]).encode("utf-16-be", "surrogatepass")  # Java compares strings by UTF-16 unit


def _elements(array: list[object]) -> Iterator[object]:
    """Yield the elements of an array, arrays inside it opened; by a stack, for they may nest very deep."""
    stack = [iter(array)]
    while stack:
        for element in stack[-1]:
            if isinstance(element, list):
                stack.append(iter(cast("list[object]", element)))
                break
            yield element
        else:
            stack.pop()


def _compile_object(clauses: Sequence[Clause]) -> MatchObject:
    with_dots = {_head(keys) for keys, _ in clauses if "." in keys[0]}
    below: dict[tuple[str, bool], list[Clause]] = {}
    joined: dict[str, list[Clause]] = {}
    for keys, leaf in clauses:
        if _head(keys) in with_dots and keys != (_head(keys),):
            joined.setdefault(_head(keys), []).append((keys, leaf))
        else:
            below.setdefault((keys[0], len(keys) == 1), []).append((keys[1:], leaf))
    plain = [(key, _compile_below(under)) for (key, _), under in below.items()]
    dotted = [_dotted(head, under) for head, under in joined.items()]

    def match_object(value: Mapping[str, object]) -> bool:
        for key, match in plain:
            if not match(value.get(key, _MISSING)):
                return False
        return all(match(value) for match in dotted) if dotted else True

    return match_object


def _head(keys: Keys) -> str:
    return keys[0].partition(".")[0]


def _compile_below(under: list[Clause]) -> Match:
    return _compile_branch(under) if under[0][0] else _compile_leaf(under[0][1])


def _dotted(head: str, clauses: list[Clause]) -> MatchObject:
    """Match keys of which some have dots: for the service `a.b` is a key of that name or `b` inside `a`.

    What is not there by its dotted name is looked for inside, with all else that is: it may be an array there.
    """
    whole: dict[tuple[str, bool], list[Clause]] = {}
    for keys, leaf in clauses:
        if keys[0] != head:
            whole.setdefault((keys[0], len(keys) == 1), []).append((keys[1:], leaf))
    by_name = [(key, _compile_below(under)) for (key, _), under in whole.items()]

    @lru_cache(maxsize=8)  # which are there by name is the event's choice, so it must not fill the memory
    def inside(named: frozenset[str]) -> Match:
        """Compiled when first needed: many dotted names under each other would multiply."""
        left = [(keys, leaf) for keys, leaf in clauses if keys[0] not in named]
        return _compile_branch(
            [(keys[1:] if keys[0] == head else (keys[0][len(head) + 1 :], *keys[1:]), leaf) for keys, leaf in left]
        )

    def match_object(value: Mapping[str, object]) -> bool:
        named = frozenset(key for key, _ in by_name if key in value)
        if not all(match(value[key]) for key, match in by_name if key in named):
            return False
        return inside(named)(value.get(head, _MISSING))

    return match_object


def _compile_leaf(leaf: Leaf) -> Match:
    test, absent = leaf.test, leaf.absent

    def match(value: object) -> bool:
        if isinstance(value, list):
            found = list(scalars((), cast("object", value)))
            return any(map(test, found)) or (absent and not found)
        if value is _MISSING or isinstance(value, Mapping):
            return absent
        return test(value)

    return match


def _compile_branch(clauses: list[Clause]) -> Match:
    match_object = _compile_object(clauses)
    leading = next((place for place, (_, leaf) in enumerate(clauses) if not leaf.absent), len(clauses))
    all_absent = leading == len(clauses)

    @cache
    def from_value(place: int) -> Match:
        """Match the clauses from `place` on in one element, the first of them by a value."""
        (keys, leaf), *rest = clauses[place:]
        return _compile_branch([(keys, replace(leaf, absent=False)), *rest])

    def match_array(array: list[object]) -> bool:
        elements = list(_elements(array))
        for place in range(leading):
            if any(map(from_value(place), elements)):
                return True
            if any(True for element in elements for _ in scalars(clauses[place][0], element)):
                return False
        return all_absent or any(map(from_value(leading) if leading else match, elements))

    def match(value: object) -> bool:
        if isinstance(value, Mapping):
            return match_object(cast("Mapping[str, object]", value))
        if isinstance(value, list):
            return match_array(cast("list[object]", value))
        return all_absent

    return match
