"""Every function, whatever it is given: a JSON value or a rejection, and within bounds."""

from __future__ import annotations

import inspect
import time
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluiceway.core.errors import Reject
from sluiceway.core.expression import Expression
from sluiceway.core.functions.documented import MAX_TEXT, PAGES
from sluiceway.core.jmes_functions import SluicewayFunctions
from sluiceway.core.json import JSON, dump

FUNCTIONS: Mapping[str, Mapping[str, Any]] = SluicewayFunctions.FUNCTION_TABLE
LITERALS = {"regex": "'(a)|b*'", "lookup": "'rows'"}
TELLING = [
    *(
        "",
        "a",
        "P1D",
        "-P9999Y",
        "PT999999999S",
        "Europe/Zurich",
        "Europe",
        "../x",
        "UTC",
        "%Y",
        "%",
        "%Q",
        "\\1",
        "\\",
    ),
    *("2026-03-29T02:30:00", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59Z", "1800-01-01T12:00:00Z", "ms", "days"),
    *("half_up", "dns", "http://[::1", "http://a:99999999/?a=%ff", "%ff", "a=b&a=c", "/w==", "[1]", "1e9999", "-", "é"),
    "\ud800",
]
HUGE = [
    10**4000,
    -(10**18),
    Decimal("1e4000"),
    Decimal("-1E-4000"),
    Decimal("0.12345678901234567890"),
    1e308,
    5e-324,
    -0.0,
]
NUMBERS = st.integers(-50, 50) | st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(HUGE)
TEXTS = st.text(max_size=8) | st.sampled_from(TELLING)
VALUES: st.SearchStrategy[JSON] = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
OF_TYPE: dict[str, st.SearchStrategy[Any]] = {
    "string": TEXTS,
    "number": NUMBERS,
    "array": st.lists(VALUES, max_size=3) | st.lists(st.lists(TEXTS, min_size=2, max_size=2), max_size=3),
    "object": st.dictionaries(TEXTS, VALUES, max_size=3),
    "null": st.none(),
    "boolean": st.booleans(),
}


class Rows:
    def find(self, key: JSON, /) -> JSON | None:
        return {"found": True} if key == "a" else None


def argument_of(takes: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    fitting = [OF_TYPE[name.split("-")[0]] for name in takes["types"] if name != "expref"]
    return st.one_of(*fitting, VALUES) if fitting else VALUES


def call_of(name: str, count: int) -> str:
    arguments = [f"a{place}" for place in range(count)]
    for place, takes in enumerate(FUNCTIONS[name]["signature"]):
        if takes.get("literal") and place < count:
            arguments[place] = LITERALS[name.split("_", maxsplit=1)[0]]
        if "expref" in takes["types"] and place < count:
            arguments[place] = "&@"
    return f"{name}({', '.join(arguments)})"


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
@settings(max_examples=60)
@given(st.data())
def test_any_arguments_give_json_or_a_rejection(name: str, data: st.DataObject) -> None:
    takes = FUNCTIONS[name]["signature"]
    least = sum(not argument.get("optional", False) for argument in takes)
    count = data.draw(st.integers(least, len(takes)))
    view = {f"a{place}": data.draw(argument_of(takes[place])) for place in range(count)}
    expression = Expression(jmes=call_of(name, count), tables={"rows": Rows()})
    try:
        value = expression.evaluate(view)
    except Reject as rejected:
        reason = rejected.reason
    else:
        if "\\ud800" not in repr(view):  # what no body can hold, no body can be made of
            dump(value)
        return
    assert name not in PAGES or f"{name}()" in reason
    assert len(reason) < 1000


@pytest.mark.parametrize(
    "text",
    [
        "upper(big)",
        "replace(half, 'a', half)",
        "pad_left('a', width)",
        "url_encode(umlauts)",
        "to_json(big)",
        "split(commas, ',')",
        "regex_match(half, 'a')",
        "regex_find_all(thousand, 'a')",
        "regex_replace(hundred, 'a', half)",
        "format_number(huge, `0`, half)",
    ],
)
def test_what_would_grow_beyond_bounds_is_rejected_at_once(text: str) -> None:
    half = "a" * (MAX_TEXT // 2)
    view: dict[str, JSON] = {"big": "a" * (MAX_TEXT + 1), "half": half, "umlauts": "ü" * (MAX_TEXT // 2)}
    view |= {
        "width": MAX_TEXT + 1,
        "commas": "," * 100_000,
        "thousand": "a" * 1001,
        "hundred": "a" * 100,
        "huge": 10**3000,
    }
    before = time.perf_counter()
    with pytest.raises(Reject, match=r"limit is|not a whole number|over 1000|over 100000|longer than|characters"):
        Expression(jmes=text).evaluate(view)
    assert time.perf_counter() - before < 1


def test_no_function_changes_what_it_is_given() -> None:
    body: JSON = {"a": [[2, 1], [2, 1]], "o": {"b": 1}}
    before = dump(body)
    for text in (
        "unique(body.a)",
        "items(body.o)",
        "zip(body.a, body.a)",
        "group_by(body.a, &'x')",
        "if(body.o, body.a, id)",
    ):
        Expression(jmes=text).evaluate({"body": body, "id": "m"})
    assert dump(body) == before


def test_each_function_says_its_arguments_as_it_takes_them() -> None:
    for name in PAGES:
        function = FUNCTIONS[name]
        parameters = [*inspect.signature(function["function"]).parameters.values()][1:]
        assert len(parameters) == len(function["signature"]), name
