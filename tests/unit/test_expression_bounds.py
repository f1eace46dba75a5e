"""Bounds of expressions: what a short one may make of a message ends with a rejection, early."""

import time
import tracemalloc

import pytest

from sluiceway.core.errors import Reject
from sluiceway.core.expression import Expression
from sluiceway.core.json import JSON, dump

TEXT = "a" * 100_000
QUOTES = '"' * 100_000
NUMBERS: list[JSON] = list(range(25_000))
BODY: JSON = {"text": TEXT, "quotes": QUOTES, "texts": [""] * 5_000, "numbers": NUMBERS, "list": [TEXT]}


def rejected(text: str) -> Reject:
    started = time.process_time()
    with pytest.raises(Reject) as refused:
        Expression.parse({"jmes": text}).evaluate({"body": BODY})
    assert time.process_time() - started < 30  # most take a fraction of a second
    return refused.value


BOMBS = {
    "a value named twice, and again": "body.text" + " | [@, @]" * 30,
    "an object of it": "body.text" + " | {a: @, b: @}" * 30,
    "in one step": "body.text | [[@, @], [@, @]]" + " | [@, @, @, @]" * 12,
    "behind dots": "body.{a: text}" + ".{a: @, b: @}" * 28,
    "in a projection": "body.list[*]" + ".[@, @]" * 30,
    "in a filter's condition": "body.list[?" + "[@, @] | " * 30 + "@ == 'x']",
    "by a function": "body.text" + " | map(&@, [@, @])" * 30,
    "by an expression for a function": "map(&(@" + " | [@, @]" * 30 + "), body.list)",
    "that is alive in one of two": "body.none || body.text" + " | [@, @]" * 30,
    "compared": "body.text" + " | [@, @]" * 30 + " | @ == `1`",
    "handed to a function": "length(to_string(body.text" + " | [@, @]" * 30 + "))",
    "as a key": "to_string(body.text" + " | {a: @, b: @}" * 30 + ") | length(@)",
    "a list that doubles": "body.numbers" + " | [@, @][]" * 30,
    "a list of members that doubles": "body.numbers" + " | {a: @, b: @}.*[]" * 15,
    "elements many times over": "body.numbers" + " | [*].[`[0,0,0,0,0,0,0,0,0,0,0,0]`][][]" * 5,
    "a slice for each of many": "body.numbers | [@]" + " | [@, @, @, @][]" * 7 + " | [?[@][0][1:] && missing]",
    "a text that doubles": "body.text" + " | join('', [@, @])" * 20,
    "escapes of escapes": "body.quotes" + " | to_string([@])" * 20 + " | length(@)",
    "a long literal for each": "body.numbers[*].[`[" + "0," * 1900 + "0]`]",
    "a long text to compare with each": "body.numbers[?@ == '" + "x" * 3900 + "']",
    "a number named twice, and again": "`0`" + " | [@, @]" * 30,
    "a long text for each": "body.numbers[*].{a: '" + "x" * 4000 + "'}",
    "much to compute for each": "map(&(@ == '" + "x" * 3900 + "'), body.numbers)",
    "a large pattern for each": "body.numbers[*].[regex_match('" + "a" * 1000 + "', 'a|(b{1,500}){2}')]",
    "many matches for each": "body.numbers[*].[regex_replace('" + "ab" * 450 + "', 'aa', 'b')]",
    "many arguments for each": "map(&not_null(" + "`null`," * 500 + "@), body.numbers)",
    "much to compare for each": "body.numbers" + " | [@, @][][]" * 9 + " | [?" + "(a == b) == " * 20 + "a]",
}


@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS.keys())
def test_an_expression_that_makes_too_much_of_a_message_rejects_it(text: str) -> None:
    reason = rejected(text)
    assert reason.error == "oversize"
    assert "it makes more than 10,000,000 values, or 80,000,000 characters, of this message" in reason.reason


AT_ONCE = {
    "a text between many": "join(body.text, body.texts)",
    "a list of long lists made flat": "body.numbers | [@]" + " | [@, @, @, @][]" * 6 + " | []",
}


@pytest.mark.parametrize("text", AT_ONCE.values(), ids=AT_ONCE.keys())
def test_what_would_not_fit_is_not_made_first(text: str) -> None:
    tracemalloc.start()
    try:
        assert rejected(text).error == "oversize"
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 200_000_000


LARGE = {
    "a wide map of many": ("body.numbers[*].{" + ", ".join(f"key{i}: @" for i in range(20)) + "} | length(@)", 25_000),
    "a wide map, twice": (
        ("body | {" + ", ".join(f"key{i}: text" for i in range(40)) + "}")
        + (" | {" + ", ".join(f"key{i}: key{i}" for i in range(40)) + "} | key7"),
        TEXT,
    ),
    "a few copies of a lot": ("[body, body, body][*].numbers[] | length(@)", 75_000),
    "a lot in order": ("sort_by(body.numbers, &to_number(to_string(@)))[-1]", 24_999),
    "a long text": ("length(join(', ', body.texts[*].[@][]))", 9_998),
}


@pytest.mark.parametrize(("text", "expected"), LARGE.values(), ids=LARGE.keys())
def test_what_is_large_for_a_reason_is_computed(text: str, expected: JSON) -> None:
    assert Expression.parse({"jmes": text}).evaluate({"body": BODY}) == expected


def test_a_result_that_is_not_refused_is_small_enough_to_be_written() -> None:
    text = "body.text" + " | [@, @]" * 6
    assert len(dump(Expression.parse({"jmes": text}).evaluate({"body": BODY}))) < 65 * len(TEXT)
