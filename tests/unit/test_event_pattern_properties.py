"""Event patterns against the second matcher of tests/conformance; `make conformance` draws many more."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.conformance.naive_event_pattern import like, naive

from sluiceway.core.errors import InvalidPattern
from sluiceway.core.event_pattern import EventPattern

names = st.sampled_from(["a", "b", "c"])
texts = st.text(alphabet="abAB*", max_size=4)
numbers = st.sampled_from([0, 1, 2, 2.0, 2.5, -1, 1e-6, 5_000_000_000])
beyond = st.sampled_from([1e-7, 5_000_000_001, -6e9])
addresses = st.sampled_from(["10.0.0.1", "10.0.1.2", "::1", "10.0.0"])
values = st.one_of(st.none(), st.booleans(), numbers, beyond, texts, addresses)
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
    assert EventPattern(pattern).matches(event) is (naive(pattern, event) == "matches")


@settings(max_examples=200)
@given(sparse_patterns, st.lists(sparse_events, min_size=1, max_size=3))
def test_elements_of_arrays_are_chosen_as_by_the_naive_matcher(
    fields: dict[str, Any], elements: list[dict[str, Any]]
) -> None:
    pattern, event = {"a": fields}, {"a": elements}
    assert EventPattern(pattern).matches(event) is (naive(pattern, event) == "matches")


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
