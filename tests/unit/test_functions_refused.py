"""What functions for text, lists, hashes and URLs refuse, and their edges."""

from __future__ import annotations

import time
from decimal import Decimal

import pytest

from sluiceway.core.errors import Reject
from sluiceway.core.expression import Expression
from sluiceway.core.json import JSON


def evaluate(text: str, body: JSON = None) -> JSON:
    return Expression(jmes=text).evaluate({"body": body})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("substring('abc', `-5`, `2`)", "ab"),
        ("substring('abc', `1`, `0`)", ""),
        ("split('a', 'ab')", ["a"]),
        ("trim('\u00a0a\t')", "a"),
        ("trim('xax', '')", "xax"),
        ("parse_json('12345678901234567890.5')", Decimal("12345678901234567890.5")),
        ("to_json(body)", '{"é":[1,2.5]}'),
        ("if(`0`, 'yes', 'no')", "yes"),
        ("if(`[]`, 'yes', 'no')", "no"),
        ('unique(`[1, 1.0, true, "1", [1, {"a": 2}], [1.0, {"a": 2}], null, null, 0, -0.0]`)', None),
        ("from_items(`[]`)", {}),
        ("zip(`[]`, `[]`)", []),
        ("group_by(`[]`, &a)", {}),
        ("base64_decode('')", ""),
        ("sha256('é')", "4a99557e4033c3539de2eb65472017cad5f9557f7a0625a09f1c3f6e2ba69c4c"),
        ("uuid5('6ba7b810-9dad-11d1-80b4-00c04fd430c8', 'python.org')", "886313e1-3b8a-5372-9b90-0c9aee199e5d"),
        ("url_decode('a+b%2B')", "a+b+"),
        ("parse_url('//h/p?a=&b').query", {"a": [""], "b": [""]}),
        ("parse_url('https://user:secret@[::1]/').host", "::1"),
        ('url_query(`{"a": true, "b": [1.5, null, "&"], "c": []}`)', "a=true&b=1.5&b=%26"),
    ],
)
def test_the_edges(text: str, expected: JSON) -> None:
    value = evaluate(text, {"é": [1, 2.5]})
    if text.startswith("unique"):
        expected = [1, True, "1", [1, {"a": 2}], None, 0]
    assert value == expected


@pytest.mark.parametrize(
    ("text", "body", "reason"),
    [
        ("upper(body)", None, r"upper\(\) takes string, not null"),
        ("split('a', body)", "", r"split\(\): an empty text stands nowhere and everywhere"),
        ("parse_json(body)", '{"a": 1, "a": 2}', r"parse_json\(\): the key \"a\" comes twice in one object"),
        ("from_items(body)", [["a", 1], ["a", 2]], r"from_items\(\): the key 'a' comes twice"),
        ("from_items(body)", [["a"]], r"from_items\(\): \['a'\] is not a text and a value"),
        ("from_items(body)", [[1, 2]], r"from_items\(\): \[1, 2\] is not a text and a value"),
        ("from_items(body)", ["a"], r"from_items\(\) takes array-array, not str"),
        ("zip(body, `[1]`)", [1, 2], r"zip\(\): the lists have \[2, 1\] elements"),
        ("zip(`[1]`, body)", "a", r"zip\(\) takes array, not string"),
        ("group_by(body, &to)", [{"to": 1}], r"group_by\(\): the expression finds 1, not a text, in \{'to': 1\}"),
        ("group_by(body, &upper(to))", [{"to": 1}], r"upper\(\) takes string, not number"),
        ("base64_decode(body)", "_w==", r"base64_decode\(\): "),
        ("base64_decode(body)", "/w==", r"base64_decode\(\): 'utf-8' codec can't decode"),
        ("uuid5(body, 'a')", "shop", "the namespace is 'shop', not a UUID or dns"),
        ("url_decode(body)", "%ff", r"url_decode\(\): 'utf-8' codec can't decode"),
        ("parse_url(body)", "http://h:99999/", r"parse_url\(\): Port out of range"),
        ("parse_url(body)", "?" + "&".join(["a=1"] * 1001), r"parse_url\(\): Max number of fields exceeded"),
        ("url_query(body)", {"a": {"b": 1}}, r"url_query\(\): 'a' is \{'b': 1\}, not text, a number, true, false"),
        ("url_query(body)", {"a": [[1]]}, r"url_query\(\): 'a' is \[1\], not text"),
        ("format_number(`1`, body)", 101, r"the number of digits is 101, not a whole number from 0 to 100"),
    ],
)
def test_what_is_refused_and_how_it_is_said(text: str, body: JSON, reason: str) -> None:
    with pytest.raises(Reject, match=f"^the expression .* cannot be computed: .*{reason}"):
        evaluate(text, body)


def test_numbers_chosen_to_collide_do_not_slow_unique() -> None:
    numbers: list[JSON] = [n * (2**61 - 1) for n in range(1, 20_000)]
    before = time.perf_counter()
    assert evaluate("unique(body)", numbers) == numbers
    assert time.perf_counter() - before < 3


def test_many_quotients_take_little_time() -> None:
    before = time.perf_counter()
    evaluate("[map(&divide(@, `7`, `10`), body), map(&divide(@, `8`), body)]", list(range(10_000)))
    assert time.perf_counter() - before < 3
