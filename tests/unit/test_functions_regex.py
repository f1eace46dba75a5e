"""Regular expressions: RE2's, bounded, and never slow."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluiceway.core.errors import InvalidExpression, Reject
from sluiceway.core.expression import Expression
from sluiceway.core.json import JSON


def evaluate(text: str, **view: JSON) -> JSON:
    return Expression(jmes=text).evaluate(view)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("regex_match('A-1\nB-2', '^B')", False),
        ("regex_match('A-1\nB-2', '(?m)^B')", True),
        ("regex_match('über', '^.ber$')", True),
        ("regex_match('', '')", True),
        ("regex_match('été', '^\\pL+$')", True),
        ("regex_find('ab', '(a)|(b)')", ["a", "a", None]),
        ("regex_find('x=1', '(?P<name>x)=')[1]", "x"),
        ("regex_find_all('', 'a*')", [[""]]),
        ("regex_find_all('éa', 'a')", [["a"]]),
        ("regex_find_all('none', 'x')", []),
        ("regex_replace('éé', '', '-')", "-é-é-"),
        ("regex_replace('a.b', '[.]', '\\\\')", "a\\b"),
        ("regex_replace('ab', '(a)|(b)', '<\\2>')", "<><b>"),
        ("regex_replace('Zürich', 'ü', 'ue')", "Zuerich"),
        ("regex_replace('price', 'i', '€')", "pr€ce"),
        ("regex_replace('a', '$', '\\0!')", "a!"),
        ("regex_replace('baac', 'a*', '-')", "-b-c-"),
    ],
)
def test_a_pattern_finds_and_replaces(text: str, expected: JSON) -> None:
    assert evaluate(text) == expected


@given(st.text(max_size=20), st.text(st.sampled_from("aé€😀"), min_size=1, max_size=2))
def test_a_literal_pattern_replaces_as_text_does(text: str, old: str) -> None:
    assert evaluate(f"regex_replace(body, '{old}', '<\\0>')", body=text) == text.replace(old, f"<{old}>")


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*b", "(a|aa)+$", "^(([a-z])+.)+[A-Z]([a-z])+$", "(.*)*=(.*)*;"])
def test_no_text_makes_a_pattern_slow(pattern: str) -> None:
    before = time.perf_counter()
    evaluate(f"regex_match(body, '{pattern}')", body="a" * 50_000 + "!")
    assert time.perf_counter() - before < 1


@pytest.mark.parametrize(
    ("text", "body", "reason"),
    [
        ("regex_match(body, 'a')", "a" * 65_537, "the text has 65537 characters; the limit is 65536"),
        ("regex_match(body, '(.{1,500}){1,2}x')", "é" * 65_536, "too long for a pattern as large as this"),
        ("regex_find_all(body, 'a')", "a" * 1001, "the pattern matches over 1000 times"),
        ("regex_find_all(body, '(.{1,100}){1,2}x|a')", "a" * 60_000, "too large to be found"),
        ("regex_match(body, 'a')", "\ud800", "surrogates not allowed"),
    ],
)
def test_a_search_beyond_bounds_is_rejected_at_once(text: str, body: str, reason: str) -> None:
    before = time.perf_counter()
    with pytest.raises(Reject, match=reason):
        evaluate(text, body=body)
    assert time.perf_counter() - before < 1


def test_a_pattern_that_takes_much_memory_is_an_error_of_the_file(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InvalidExpression, match="pattern too large"):
        Expression(jmes=r"regex_match(body, '(\pL{1,10}\s?){1,10}')")
    assert capfd.readouterr() == ("", "")  # the engine itself says nothing
