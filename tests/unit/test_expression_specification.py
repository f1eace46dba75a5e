"""The grammar of JMESPath (https://jmespath.org/specification.html): names, literals, paths, indices, slices, making.

Each row is an expression, a document and what the specification says of the two.
"""

import pytest
from tests.unit.expression_rows import check, rows

from sluiceway.core.errors import InvalidExpression
from sluiceway.core.expression import Expression
from sluiceway.core.json import JSON


@rows(
    ("status", {"status": "paid"}, "paid"),
    ("_private", {"_private": 1}, 1),
    ("A9_", {"A9_": 1}, 1),
    ("Status", {"status": "paid"}, None),
    ("missing", {"status": "paid"}, None),
    ("status", {"status": None}, None),
    ('"order no"', {"order no": 7}, 7),
    ('"status"', {"status": "paid"}, "paid"),
    ('"a.b"', {"a": {"b": 1}, "a.b": 2}, 2),
    ('"a.b".c', {"a.b": {"c": 2}}, 2),
    ('""', {"": 1}, 1),
    ('"7"', {"7": 1}, 1),
    ('"-"', {"-": 1}, 1),
    ('"*"', {"*": 1, "a": 2}, 1),
    ('"@"', {"@": 1}, 1),
    ('"it\'s"', {"it's": 1}, 1),
    ('"größe"', {"größe": 1}, 1),
    ('"\\u0067r"', {"gr": 1}, 1),
    ('"\\ud83d\\ude80"', {"🚀": 1}, 1),
    ('"🚀"', {"🚀": 1}, 1),
    ('"a\\"b"', {'a"b': 1}, 1),
    ('"a\\\\b"', {"a\\b": 1}, 1),
    ('"a\\/b"', {"a/b": 1}, 1),
    ('"a\\nb\\tc"', {"a\nb\tc": 1}, 1),
    ("true", {"true": 1}, 1),  # there are no reserved words
    ("null", {}, None),
    ("length", {"length": 3}, 3),
)
def test_identifiers(text: str, document: JSON, expected: JSON) -> None:
    check(text, document, expected)


@rows(
    ("`1`", {}, 1),
    ("`-1.5e3`", {}, -1500.0),
    ("`true`", {}, True),
    ("`false`", {}, False),
    ("`null`", {}, None),
    ('`"text"`', {}, "text"),
    ('`[1, {"a": [null]}]`', {}, [1, {"a": [None]}]),
    ("`{}`", {}, {}),
    (" ` [1] ` ", {}, [1]),
    ('`"back\\`tick"`', {}, "back`tick"),
    ('`"\\u00e9\\n"`', {}, "é\n"),
    ("'text'", {}, "text"),
    ("''", {}, ""),
    ("' '", {}, " "),
    ("'it\\'s'", {}, "it's"),
    ("'a \"b\" `c`'", {}, 'a "b" `c`'),
    ("'[1]'", {}, "[1]"),
    ("'\\u0041'", {}, "\\u0041"),  # raw: JSON's escapes mean nothing
    ("'\\n'", {}, "\\n"),
    ("'two\nlines'", {}, "two\nlines"),
    ("'é🚀'", {}, "é🚀"),
    ("[status, 'x', `1`]", {"status": "paid"}, ["paid", "x", 1]),
    ("`[1, 2, 3]`[1]", {}, 2),
    ('`{"a": 1}`.a', {}, 1),
)
def test_literals_and_raw_strings(text: str, document: JSON, expected: JSON) -> None:
    check(text, document, expected)


ORDER: JSON = {"no": "A-1", "customer": {"name": {"first": "Ada"}, "tier": None}, "lines": [{"sku": "x"}, {"sku": "y"}]}


@rows(
    ("customer.name.first", ORDER, "Ada"),
    ("customer . name\t.\n first", ORDER, "Ada"),
    ("customer.name", ORDER, {"first": "Ada"}),
    ("customer.tier.level", ORDER, None),
    ("customer.nothing.at.all", ORDER, None),
    ("no.length", ORDER, None),
    ("lines.sku", ORDER, None),
    ("(customer).name.first", ORDER, "Ada"),
    ("(customer.name).first", ORDER, "Ada"),
    ("a", [1], None),
    ("a", "text", None),
    ("a", 1, None),
    ("a", True, None),
    ("a", None, None),
    ("@", ORDER, ORDER),
    ("@.no", ORDER, "A-1"),
    ("@", None, None),
    ("customer | @.name | @", ORDER, {"first": "Ada"}),
)
def test_sub_expressions(text: str, document: JSON, expected: JSON) -> None:
    check(text, document, expected)


FIVE: JSON = [0, 1, 2, 3, 4]


@rows(
    ("[0]", FIVE, 0),
    ("[4]", FIVE, 4),
    ("[5]", FIVE, None),
    ("[-1]", FIVE, 4),
    ("[-5]", FIVE, 0),
    ("[-6]", FIVE, None),
    ("[ 2 ]", FIVE, 2),
    ("[00]", FIVE, 0),
    ("[99999999999999999999]", FIVE, None),
    ("[0]", [], None),
    ("[0]", {"0": 1}, None),
    ("[0]", "text", None),
    ("[0]", None, None),
    ("a[1]", {"a": FIVE}, 1),
    ("a[1].b", {"a": [1, {"b": 2}]}, 2),
    ("a[0][1]", {"a": [[1, 2]]}, 2),
    ("a[0].b[-1].c", {"a": [{"b": [{}, {"c": 1}]}]}, 1),
    ("a.b[0]", {"a": {"b": [7]}}, 7),
    ("@[0]", FIVE, 0),
)
def test_indices(text: str, document: JSON, expected: JSON) -> None:
    check(text, document, expected)


@rows(
    ("[1:3]", FIVE, [1, 2]),
    ("[:2]", FIVE, [0, 1]),
    ("[3:]", FIVE, [3, 4]),
    ("[:]", FIVE, FIVE),
    ("[::]", FIVE, FIVE),
    ("[::2]", FIVE, [0, 2, 4]),
    ("[1::2]", FIVE, [1, 3]),
    ("[:3:2]", FIVE, [0, 2]),
    ("[0:99]", FIVE, FIVE),
    ("[-99:99]", FIVE, FIVE),
    ("[-2:]", FIVE, [3, 4]),
    ("[:-2]", FIVE, [0, 1, 2]),
    ("[2:1]", FIVE, []),
    ("[9:]", FIVE, []),
    ("[::-1]", FIVE, [4, 3, 2, 1, 0]),
    ("[::-2]", FIVE, [4, 2, 0]),
    ("[3:0:-1]", FIVE, [3, 2, 1]),
    ("[:1:-1]", FIVE, [4, 3, 2]),
    ("[1:3:-1]", FIVE, []),
    ("[-1:-4:-1]", FIVE, [4, 3, 2]),
    ("[1:3]", [], []),
    ("[1:3]", {"a": 1}, None),
    ("[1:3]", "text", None),
    ("[:2].a", [{"a": 1}, {"b": 2}, {"a": 3}], [1]),  # a slice is a projection
    ("[:2][0]", [[1], [2], [3]], [1, 2]),
    ("[:2] | [0]", [[1], [2], [3]], [1]),
    ("a[1:].b", {"a": [{"b": 1}, {"b": 2}]}, [2]),
)
def test_slices(text: str, document: JSON, expected: JSON) -> None:
    check(text, document, expected)


@rows(
    ("[no, customer.name]", ORDER, ["A-1", {"first": "Ada"}]),
    ("[no]", ORDER, ["A-1"]),
    ("[missing, no]", ORDER, [None, "A-1"]),
    ("[[no], {n: no}]", ORDER, [["A-1"], {"n": "A-1"}]),
    ("customer.[name.first, tier]", ORDER, ["Ada", None]),
    ("{number: no, first: customer.name.first}", ORDER, {"number": "A-1", "first": "Ada"}),
    ('{"two words": no}', ORDER, {"two words": "A-1"}),
    ("{a: missing}", ORDER, {"a": None}),
    ("customer.{n: name.first}.n", ORDER, "Ada"),
    ("{a: no || 'none', b: !no}", ORDER, {"a": "A-1", "b": False}),
    ("{a: `1`, a: `2`}", {}, {"a": 2}),
    ("missing.[no]", ORDER, None),  # nothing is made of null
    ("missing.{a: no}", ORDER, None),
    ("missing.[`1`]", ORDER, None),
    ("[a, b]", "text", [None, None]),
    ("{a: a}", 1, {"a": None}),
)
def test_multi_selects(text: str, document: JSON, expected: JSON) -> None:
    check(text, document, expected)


@pytest.mark.parametrize(
    "text",
    [
        *("a..b", "a.", ".a", "a b", "a.b c", "7", "a.7", "-a", "a-b", "a.[0]", "a.`1`", "a.'b'", "a.@", "a.(b)"),
        *(
            "[",
            "]",
            "a[",
            "a[]]",
            "a[b]",
            "a['b']",
            "[1,",
            "[a b]",
            "[a,]",
            "[,]",
            "[0:1:2:3]",
            "[1.5]",
            "[-]",
            "[ ?a]",
        ),
        *("{", "{}", "{a}", "{a:}", "{a: b c}", "{'a': b}", "{`1`: b}", "{1: b}", "{a b}"),
        *(
            "'a",
            '"a',
            "`1",
            '"\\x"',
            "a = b",
            "a === b",
            "a &",
            "a |",
            "| a",
            "a ||",
            "&&",
            "a == ",
            "a < > b",
            "!",
            "()",
        ),
        *(
            "f(",
            "a(b",
            '"length"(a)',
            "length(a))",
            "@(a)",
            "a.b(c",
            "#",
            "a;b",
            "a?b",
            "[*",
            "*a",
            "**",
            "a.**",
            "[?]",
        ),
    ],
)
def test_what_the_grammar_does_not_know_is_refused(text: str) -> None:
    with pytest.raises(InvalidExpression):
        Expression.parse({"jmes": text})
