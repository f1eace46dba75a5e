"""The tests in a pipeline file: how what came is compared with what was expected, and how a difference reads."""

from __future__ import annotations

from decimal import Decimal
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluiceway import JSON
from sluiceway.core.errors import InvalidPipeline
from sluiceway.testing import run_tests
from sluiceway.testing.difference import count_difference, list_difference
from sluiceway.testing.matching import compare, pair_up

FILE = """
version: 1
name: orders
plugins: []
source: {use: sqs, with: {queue: orders}}
stages:
  - {id: paid, use: filter, with: {pattern: {body: {paid: [true]}}}}
  - id: ask
    use: enrich.http
    with: {url: "https://customers.internal/{id}", params: {id: {jmes: body.id}}, into: customer}
sinks:
  - {id: bus, use: eventbridge, with: {bus: orders, source: shop, detail_type: Order}}
  - {id: out, use: sqs, with: {queue: out, forward: [trace, authorization-key]}}
errors: {dead_letter: {use: sqs, with: {queue: orders-dlq}}}
tests:
"""


def failures_of(test: str) -> list[tuple[str | None, str]]:
    (result,) = run_tests(f"{FILE}  - {{name: t, {test}}}\n")
    assert result.passed == (not result.failures)
    return [(failure.output, failure.text) for failure in result.failures]


PAID = "given: {body: {paid: true, id: 7}, headers: {trace: t}}, mock: {ask: {name: Ada}}"
BODY = '{"paid": true, "id": 7, "customer": {"name": "Ada"}}'
TWO = "given: [{body: {paid: true, id: 7}}, {body: {paid: true, id: 8}}], mock: {ask: {name: Ada}}"


@pytest.mark.parametrize(
    "test",
    [
        f"{PAID}, expect: {{bus: 1, out: 1}}",
        f"{PAID}, expect: {{bus: {{body: {{id: 7}}}}, out: [{{id: m-1, headers: {{trace: t}}}}]}}",
        f"{TWO}, expect: {{bus: [{{body: {{id: 8}}}}, {{body: {{id: 7}}}}], out: 2, dropped: 0}}",
        "given: {body: {paid: false}}, expect: {dropped: [{stage: paid, id: m-1, body: {paid: false}}]}",
        (
            "given: {body: {paid: true, id: 7}}, mock: {ask: {missing: true}}, "
            "expect: {dead_letter: {stage: ask, error: missing, reason: 'https://customers.internal/7 answered 404'}}"
        ),
        "given: [], expect: {}",
    ],
)
def test_what_is_as_expected_passes(test: str) -> None:
    assert failures_of(test) == []


def test_an_output_that_is_not_named_must_be_empty() -> None:
    assert failures_of(f"{PAID}, expect: {{bus: 1}}") == [
        (
            "out",
            (
                'expected to be empty\n  not expected: {"id": "m-1", '
                f'"body": {BODY}, "headers": {{"trace": "t"}}, "routes": []}}'
            ),
        )
    ]


def test_a_difference_counts_what_is_equal_then_says_what_differs_then_what_is_left() -> None:
    expected = "[{body: {id: 9, customer: {name: Ada, tier: gold}}}, {body: {id: 8}}, {id: m-3}]"
    assert failures_of(f"{TWO}, expect: {{bus: {expected}, out: 2}}") == [
        (
            "bus",
            (
                "1 of 3 messages came as expected\n"
                "  number 1 is nearest to m-1: 1 of 3 values equal\n"
                "    body.id: expected 9, got 7\n"
                '    body.customer.tier: expected "gold", got nothing\n'
                '  did not come: {"id": "m-3"}'
            ),
        )
    ]


def test_a_wrong_count_shows_what_came() -> None:
    assert failures_of(f"{PAID}, expect: {{bus: 2, out: 1}}") == [
        (
            "bus",
            (
                'expected 2 messages, 1 came\n  it was sent: {"id": "m-1", '
                f'"body": {BODY}, "headers": {{}}, "routes": []}}'
            ),
        )
    ]


def test_a_call_without_a_mock_is_the_one_failure() -> None:
    ((output, text),) = failures_of("given: {body: {paid: true, id: 7}}, expect: {}")
    assert output is None
    assert text.startswith("stage ask calls out and the test has no mock for it")


def test_a_given_body_that_cannot_be_sent_is_a_failure_in_words() -> None:
    text = "version: 1\nname: orders\nsource: {use: memory, with: {format: text}}\nsinks: [{use: memory}]\n"
    (result,) = run_tests(f"{text}tests: [{{name: t, given: {{body: [1]}}}}]\n")
    assert [failure.text for failure in result.failures] == [
        "the pipeline cannot run: TypeError: the source's format is text, so a body must be a text, not [1]"
    ]


def test_what_may_be_a_secret_is_not_shown() -> None:
    headers = "headers: {authorization-key: letmein}"
    test = PAID.replace("headers: {trace: t}", headers) + ", expect: {bus: 1, out: {headers: {authorization-key: a}}}"
    ((_, text),) = failures_of(test)
    assert 'headers.authorization-key: expected "***", got "***"' in text
    assert "letmein" not in str(failures_of(PAID.replace("headers: {trace: t}", headers) + ", expect: {bus: 1}"))


def test_long_and_many_differences_are_cut_and_say_how_much_is_hidden() -> None:
    item: dict[str, JSON] = {"id": "m-1", "body": dict.fromkeys(map(str, range(13)), "x" * 200)}
    text = list_difference([{"body": dict.fromkeys(map(str, range(13)))}], [item])
    assert f'body.0: expected null, got "{"x" * 119}… (82 characters more)' in text
    assert "… and 3 more that differ" in text
    assert "… and 2 more" in count_difference(0, [item] * 7)


def test_no_character_of_a_message_controls_the_terminal() -> None:
    text = list_difference([], [{"id": "\x1b[2J", "body": {"\x1b]0;\x07": "\x9b"}}])
    assert text.replace("\n", "").isprintable()


@pytest.mark.parametrize(
    ("expect", "path", "said"),
    [
        ("bus: [{bdy: {}}]", "tests.0.expect.bus.0.bdy", "body"),
        ("dead_letter: {eror: invalid}", "tests.0.expect.dead_letter.eror", "error"),
        ("dropped: {error: invalid}", "tests.0.expect.dropped.error", None),
        ("bus: many", "tests.0.expect.bus", "bus: 1, or bus: [{id: …}]"),
        ("bus: true", "tests.0.expect.bus", "bus: 1, or bus: [{id: …}]"),
        ("bus: -1", "tests.0.expect.bus", "bus: 1, or bus: [{id: …}]"),
        ("bus: [1]", "tests.0.expect.bus.0", "bus: 1, or bus: [{id: …}]"),
    ],
)
def test_what_cannot_be_expected_is_a_problem_of_the_file(expect: str, path: str, said: str | None) -> None:
    with pytest.raises(InvalidPipeline) as caught:
        run_tests(f"{FILE}  - {{name: t, {PAID}, expect: {{{expect}}}}}\n")
    assert [(problem.path, problem.suggestion) for problem in caught.value.problems] == [(path, said)]


# Comparing.


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        ({}, {"a": 1}),
        ({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}, "d": 3}),
        ([{"a": 1}], [{"a": 1, "b": 2}]),
        ([], []),
        (1, 1.0),
        (2**63, Decimal(2**63)),
        (None, None),
        ({"a": None}, {"a": None}),
    ],
)
def test_they_agree(expected: JSON, actual: JSON) -> None:
    assert compare(expected, actual).differences == ()


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        (True, 1),
        (1, True),
        (0, False),
        ("1", 1),
        (None, 0),
        ({"a": None}, {}),
        ({}, []),
        ([], {}),
        ([], None),
        ([1, 2], [2, 1]),
        ([1], [1, 2]),
        ([1, 2], [1]),
        ([None], []),
    ],
)
def test_they_differ(expected: JSON, actual: JSON) -> None:
    assert compare(expected, actual).differences != ()


scalars = st.none() | st.booleans() | st.integers(-2, 2) | st.floats(-2, 2) | st.text("ab", max_size=2)
values: st.SearchStrategy[JSON] = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=1), inner, max_size=3)
)


@given(values)
def test_everything_is_as_itself(value: JSON) -> None:
    assert compare(value, value).differences == ()


@given(values, values)
@settings(max_examples=200)
def test_two_values_that_agree_both_ways_are_the_same(one: JSON, other: JSON) -> None:
    if not compare(one, other).differences and not compare(other, one).differences:
        assert one == other


tables = st.integers(0, 4).flatmap(
    lambda count: st.tuples(
        st.just(count),
        st.lists(st.lists(st.integers(0, count - 1), unique=True) if count else st.just([]), max_size=4),
    )
)


@given(tables)
def test_as_many_are_paired_as_can_be(table: tuple[int, list[list[int]]]) -> None:
    count, candidates = table
    pairs = pair_up(count, candidates)
    assert all(candidate in candidates[one] for one, candidate in pairs.items())
    assert len(set(pairs.values())) == len(pairs)
    seats = [*range(count), *(-1 for _ in candidates)]
    best = max(
        sum(seat in wanted for wanted, seat in zip(candidates, order, strict=False))
        for order in set(permutations(seats, len(candidates)))
    )
    assert len(pairs) == best


def test_an_early_expectation_gives_way_so_that_a_later_one_finds_its_message() -> None:
    items: list[dict[str, JSON]] = [{"id": "a", "body": 1}, {"id": "b", "body": 1}]
    assert list_difference([{"body": 1}, {"id": "a"}], items) == ""
