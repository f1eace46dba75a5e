"""Event patterns against a second matcher that is as simple as can be.

The second matcher works as EventBridge's own does in principle: the event becomes a flat list of (path,
value, which element of which array), and clauses are tried one by one in the order of their paths with every
value.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from fractions import Fraction
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sluiceway.core.errors import InvalidPattern
from sluiceway.core.event_pattern import EventPattern

Place = dict[int, int]  # the element chosen in each array
Field = tuple[str, Any, Place]


def flatten(value: Any, path: str, place: Place, ids: Iterator[int]) -> Iterator[Field]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from flatten(inner, f"{path}.{key}" if path else key, place, ids)
    elif isinstance(value, list):
        array = next(ids)
        for index, inner in enumerate(value):
            here = {**place, array: index} if isinstance(inner, dict | list) else place
            yield from flatten(inner, path, here, ids)
    else:
        yield path, value, place


def combinations(pattern: dict[str, Any], path: str, so_far: list[dict[str, list[Any]]]) -> list[dict[str, list[Any]]]:
    for key, value in pattern.items():
        name = f"{path}.{key}" if path else key
        if key == "$or":
            so_far = [done for one in value for done in combinations(one, path, [dict(each) for each in so_far])]
        elif isinstance(value, dict):
            so_far = combinations(value, name, so_far)
        else:
            so_far = [{**each, name: value} for each in so_far]
    return so_far


def consistent(one: Place, other: Place) -> bool:
    return all(other.get(array, index) == index for array, index in one.items())


def search(clauses: list[tuple[str, list[Any]]], fields: list[Field], place: Place) -> bool:
    if not clauses:
        return True
    (name, entries), *rest = clauses
    reachable = [field for field in fields if field[0] == name and consistent(field[2], place)]
    if {"exists": False} in entries and not reachable and search(rest, fields, place):
        return True
    return any(
        search(rest, fields, {**place, **there})
        for _, value, there in reachable
        if any(accepts(entry, value) for entry in entries)
    )


def same(one: Any, other: Any) -> bool:
    if isinstance(one, bool | str | None) or isinstance(other, bool | str | None):
        return type(one) is type(other) and one == other
    return Fraction(one) == Fraction(other)


def like(text: str, value: str) -> bool:
    if not text:
        return not value
    if text[0] == "*":
        return like(text[1:], value) or (bool(value) and like(text, value[1:]))
    literal, rest = (text[1], text[2:]) if text[0] == "\\" else (text[0], text[1:])
    return value[:1] == literal and like(rest, value[1:])


def compares(terms: list[Any], value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 5e9:
        return False
    order = (Fraction(value) > Fraction(terms[1])) - (Fraction(value) < Fraction(terms[1]))
    first = {"=": order == 0, "<": order < 0, "<=": order <= 0, ">": order > 0, ">=": order >= 0}[terms[0]]
    return first and (len(terms) == 2 or compares(terms[2:], value))


def in_network(block: str, value: Any) -> bool:
    try:
        return ip_address(value) in ip_network(block, strict=False) if isinstance(value, str) else False
    except ValueError:
        return False


def accepts(entry: Any, value: Any) -> bool:
    if not isinstance(entry, dict):
        return same(entry, value)
    ((name, argument),) = entry.items()
    if name == "anything-but":
        return not accepts_any(argument, value)
    others: dict[str, Callable[[], bool]] = {
        "exists": lambda: bool(argument),
        "numeric": lambda: compares(argument, value),
        "cidr": lambda: in_network(argument, value),
    }
    if name in others:
        return others[name]()
    return isinstance(value, str) and accepts_text(name, argument, value)


def accepts_any(argument: Any, value: Any) -> bool:
    if isinstance(argument, dict):
        ((name, texts),) = argument.items()
        return any(accepts({name: text}, value) for text in (texts if isinstance(texts, list) else [texts]))
    return any(same(one, value) for one in (argument if isinstance(argument, list) else [argument]))


def accepts_text(name: str, argument: Any, text: str) -> bool:
    if isinstance(argument, dict):
        return accepts_text(name, argument["equals-ignore-case"].lower(), text.lower())
    verdicts: dict[str, bool] = {
        "prefix": text[: len(argument)] == argument,
        "suffix": text[max(0, len(text) - len(argument)) :] == argument,
        "equals-ignore-case": text.lower() == argument.lower(),
        "wildcard": name == "wildcard" and like(argument, text),
    }
    return verdicts[name]


def naive(pattern: dict[str, Any], event: dict[str, Any]) -> bool:
    fields = list(flatten(event, "", {}, iter(range(10_000))))
    return any(search(sorted(clauses.items()), fields, {}) for clauses in combinations(pattern, "", [{}]))


names = st.sampled_from(["a", "b", "c"])
texts = st.text(alphabet="abAB*", max_size=4)
numbers = st.sampled_from([0, 1, 2, 2.0, 2.5, -1, 1e-7, 5_000_000_000, 5_000_000_001, -6e9])
addresses = st.sampled_from(["10.0.0.1", "10.0.1.2", "::1", "10.0.0"])
values = st.one_of(st.none(), st.booleans(), numbers, texts, addresses)
wildcards = st.lists(st.sampled_from(["a", "B", "ab", "*", r"\*"]), max_size=5).map(
    lambda parts: "".join(part for place, part in enumerate(parts) if part != "*" or parts[place - 1 : place] != ["*"])
)


def one_or_more(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(strategy, st.lists(strategy, min_size=1, max_size=3))


def named(name: str, strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return strategy.map(lambda value: {name: value})


in_any_case = named("equals-ignore-case", texts)
operators = st.one_of(
    named("exists", st.booleans()),
    named("prefix", st.one_of(texts, in_any_case)),
    named("suffix", st.one_of(texts, in_any_case)),
    in_any_case,
    named("wildcard", wildcards),
    named("cidr", st.sampled_from(["10.0.0.0/24", "10.0.0.7/23", "::/64"])),
    named(
        "numeric",
        st.tuples(st.sampled_from(["=", "<=", ">", ">="]), st.sampled_from([0, 1, 2, 2.5])).map(list),
    ),
    named("numeric", st.sampled_from([[">", 0, "<=", 2], [">=", -1, "<", 2.5]])),
    named("anything-but", st.one_of(one_or_more(texts), one_or_more(numbers))),
    named(
        "anything-but",
        st.one_of(
            named("prefix", one_or_more(texts.filter(bool))),
            named("suffix", one_or_more(texts.filter(bool))),
            named("equals-ignore-case", one_or_more(texts)),
            named("wildcard", one_or_more(wildcards)),
        ),
    ),
)
leaves = st.lists(st.one_of(values, operators), min_size=1, max_size=3)
patterns = st.recursive(
    st.dictionaries(names, leaves, min_size=1, max_size=3),
    lambda inner: st.one_of(
        st.dictionaries(names, st.one_of(leaves, inner), min_size=1, max_size=3),
        st.tuples(
            st.dictionaries(names, st.one_of(leaves, inner), max_size=2),
            st.lists(inner, min_size=2, max_size=3),
        ).map(lambda parts: {**parts[0], "$or": parts[1]}),
    ),
    max_leaves=6,
)
inner_values = st.recursive(
    values,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=3)),
    max_leaves=12,
)
events = st.dictionaries(names, inner_values, max_size=3)

# Few values and many arrays: what decides here is in which element each clause is met.
sparse_leaves = st.sampled_from([[1], [2], [{"exists": False}], [{"exists": True}], [{"exists": False}, 1]])
sparse_patterns = st.recursive(
    st.dictionaries(names, sparse_leaves, min_size=2, max_size=3),
    lambda inner: st.dictionaries(names, st.one_of(sparse_leaves, inner), min_size=2, max_size=3),
    max_leaves=4,
)
sparse_values = st.recursive(
    st.sampled_from([1, 2]),
    lambda inner: st.one_of(
        st.lists(st.dictionaries(names, inner, max_size=3), max_size=3), st.lists(inner, max_size=2)
    ),
    max_leaves=12,
)
sparse_events = st.dictionaries(names, sparse_values, min_size=1, max_size=3)


@settings(max_examples=200)
@given(patterns, events)
@example({"a": {"a": [{"exists": False}], "b": [1]}}, {"a": [{"a": 1}, {"b": 1}]})
@example({"a": [{"anything-but": {"wildcard": "*"}}]}, {"a": [1, ""]})
def test_the_answer_is_that_of_the_naive_matcher(pattern: dict[str, Any], event: dict[str, Any]) -> None:
    assert EventPattern(pattern).matches(event) is naive(pattern, event)


@settings(max_examples=200)
@given(sparse_patterns, st.lists(sparse_events, min_size=1, max_size=3))
def test_elements_of_arrays_are_chosen_as_by_the_naive_matcher(
    fields: dict[str, Any], elements: list[dict[str, Any]]
) -> None:
    pattern, event = {"a": fields}, {"a": elements}
    assert EventPattern(pattern).matches(event) is naive(pattern, event)


@settings(max_examples=100)
@given(patterns, events)
def test_a_mismatch_is_told_exactly_when_nothing_matches(pattern: dict[str, Any], event: dict[str, Any]) -> None:
    compiled = EventPattern(pattern)
    assert (compiled.mismatch(event) is None) is compiled.matches(event)


@settings(max_examples=100)
@given(patterns)
def test_a_pattern_means_the_same_as_its_json_text(pattern: dict[str, Any]) -> None:
    assert EventPattern(json.dumps(pattern)) == EventPattern(pattern)


junk = st.recursive(
    st.one_of(st.none(), st.booleans(), st.floats(), st.integers(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["$or", "a", "a.b", "numeric", "prefix", "anything-but", "cidr"]), inner),
    ),
    max_leaves=10,
)


@settings(max_examples=150)
@given(junk, events)
def test_anything_at_all_is_a_pattern_or_refused_as_one(pattern: Any, event: dict[str, Any]) -> None:
    with suppress(InvalidPattern):  # any other exception fails the test
        EventPattern(pattern).matches(event)


@pytest.mark.parametrize("text", ["", "*", "a*", "*a", "a*b*a", r"\*a*", "aa*aa"])
@settings(max_examples=100)
@given(value=st.text(alphabet="ab*", max_size=8))
def test_wildcards_match_as_by_trying_everything(text: str, value: str) -> None:
    assert EventPattern({"f": [{"wildcard": text}]}).matches({"f": value}) is like(text, value)
