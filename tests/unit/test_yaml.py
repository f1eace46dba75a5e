"""Reading YAML: what it means, where it stands, and what is refused."""

from __future__ import annotations

import contextlib
import json
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluiceway.config.document import Document, value_at
from sluiceway.config.yaml import collect, parse, read
from sluiceway.core.errors import InvalidPipeline
from sluiceway.core.problem import Problem

ORDERS = """\
# comment
name: orders
source:
  use: sqs
  with: {queue: shop, wait: 20}
stages:
  - id: first
    use: filter
  -
    use: translate
sinks: &sinks
  - id: bus
    with: {bus: orders, sorce: x}
copy: *sinks
empty:
text: |
  two
  lines
"""


def a(text: str) -> object:
    """What stands under the key `a`."""
    return value_at(parse(text, "p.yaml").value, ["a"])


def problems_of(text: str) -> list[Problem]:
    with pytest.raises(InvalidPipeline) as caught:
        parse(text, "p.yaml")
    return list(caught.value.problems)


def only(text: str) -> Problem:
    problems = problems_of(text)
    assert len(problems) == 1, problems
    return problems[0]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("null", None),
        ("~", None),
        ("", None),
        ("true", True),
        ("false", False),
        ("0", 0),
        ("-12", -12),
        ("1.50", 1.5),
        ("1e3", 1000.0),
        ("-0.0", -0.0),
        ("18446744073709551615", 2**64 - 1),
        *((text, text) for text in ("True", "NULL", "Null", "yes", "no", "on", "off", "y", "012", "0x1f", "0o7")),
        *((text, text) for text in ("1_000", ".5", "5.", "+1", ".inf", ".nan", "2024-01-01", "1:30", "=", "60s")),
        ("'1'", "1"),
        ('"true"', "true"),
        ("''", ""),
        ('"\\u00e9\\ud83d\\ude00"', "é😀"),
        ("|\n  two\n  lines\n", "two\nlines\n"),
    ],
)
def test_a_plain_scalar_is_null_a_boolean_or_a_json_number_and_else_text(text: str, value: object) -> None:
    found = a(f"a: {text}")
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize("number", ["1e400", "1e-400", "18446744073709551616", "0.12345678901234567890", "9" * 5000])
def test_a_number_that_would_change_is_refused(number: str) -> None:
    assert only(f"a: {number}").code == "number"


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**63), 2**64 - 1) | st.booleans() | st.none())
@settings(max_examples=100)
def test_a_json_scalar_means_what_json_says(value: object) -> None:
    found = a(f"a: {json.dumps(value)}")
    assert (found, type(found)) == (value, type(value))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=8), json_values, max_size=4), st.sampled_from([None, 2]))
@settings(max_examples=100)
def test_json_is_read_as_json_reads_it(value: object, indent: int | None) -> None:
    assert parse(json.dumps(value, indent=indent), "p.yaml").value == value


def test_a_key_is_its_text_as_written() -> None:
    value = parse('1: one\nnull: x\ntrue: y\n"<<": z\n', "p.yaml").value
    assert value == {"1": "one", "null": "x", "true": "y", "<<": "z"}


@pytest.mark.parametrize(
    ("path", "place"),
    [
        (("name",), (2, 7, 6)),
        (("source", "with", "wait"), (5, 29, 2)),
        (("source", "with"), (5, 9, 23)),
        (("source",), (4, 3, 3)),
        (("stages", 0), (7, 5, 2)),
        (("stages", 1, "use"), (10, 10, 9)),
        (("empty",), (15, 1, 5)),
        (("text",), (16, 7, 1)),
        (("copy",), (14, 7, 6)),
        (("stages", 7), (7, 3, 1)),
        ((), (2, 1, 4)),
    ],
)
def test_every_value_has_its_place(path: tuple[str | int, ...], place: object) -> None:
    assert parse(ORDERS, "p.yaml").position(path) == place


@pytest.mark.parametrize(
    ("path", "place"),
    [
        (("name",), (2, 1, 4)),
        (("source", "with", "wait"), (5, 23, 4)),
        (("stages",), (6, 1, 6)),
        (("copy", 0, "with", "sorce"), (13, 25, 5)),
        (("source", "with", "nothing", "here"), (5, 3, 4)),
    ],
)
def test_every_key_has_its_place(path: tuple[str | int, ...], place: object) -> None:
    assert parse(ORDERS, "p.yaml").position(path, key=True) == place


def test_places_count_characters_after_wide_ones_a_byte_order_mark_and_any_line_break() -> None:
    document = parse("\ufeffa: ü\r\nb: {c: 😀, d: x}\r\n", "p.yaml")
    assert document.position(("a",)) == (1, 4, 1)
    assert document.position(("b", "d")) == (2, 14, 1)


def test_a_stage_or_sink_is_named_by_its_id() -> None:
    document = parse(ORDERS, "p.yaml")
    assert document.name(("sinks", 0, "with", "sorce")) == "sinks.bus.with.sorce"
    assert document.name(("stages", 1, "use")) == "stages.1.use"


def test_several_mistakes_are_reported_together_each_at_its_place() -> None:
    problems = problems_of("a: 1\na: 2\nb: !x 3\n<<: {c: 1}\nd:\n  - 1e400\n[e]: 1\n*f : 2\n: 3\n")
    assert [(p.line, p.column, p.code, p.path) for p in problems] == [
        (2, 1, "duplicate-key", "a"),
        (3, 4, "tag", "b"),
        (4, 1, "merge-key", "<<"),
        (6, 5, "number", "d.0"),
        (7, 1, "syntax", "[e]"),
        (8, 1, "syntax", "*f"),
        (9, 1, "syntax", ""),
    ]
    assert "first at 1:1" in problems[0].message


def test_what_is_wrong_is_left_out_so_that_others_can_look_at_the_rest() -> None:
    document, problems = collect("a: 1\na: 2\n<<: {b: 1}\nc: !!int 3\n", "p.yaml")
    assert document.value == {"a": 1, "c": 3}
    assert len(problems) == 3


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("a: {b: ${X}}", 1, 8, "${"),
        ("a: [${X:-y}]", 1, 5, "${"),
        ("a: {jmes: lines[0]}", 1, 16, "unquoted ["),
        ("a: {jmes: length(a, b)}", 1, 21, "neither colon nor value"),
        ('a: {jmes: "a" || b}', 1, 15, "cannot begin with |"),
        ("a: {b:c}", 1, 5, "neither colon nor value"),
        ("key:value\nb: 1", 1, 1, "no space after the colon"),
        ("a:\n\t- b", 2, 1, "a tab"),
        ("a: 'x\nb: 1\n", 1, 4, "the ' of 1:4 is not closed"),
        ("a: [1, 2\nb: 3", 1, 4, "the [ of 1:4 is not closed"),
        ("a: {x: [1, 2}", 1, 13, "} cannot close the [ of 1:8"),
        ("a: {b: 1} c", 1, 11, "after the end"),
        ("{a: 1}\nb: 1", 2, 1, "after the end"),
        ("a: {b: 'x' y: 1}", 1, 12, "a comma or }"),
        ("a: b: c", 1, 5, "second colon"),
        ("a: 1\n  b: 2", 2, 4, "has its value already"),
        ("a: @x", 1, 4, "cannot begin with @"),
        ("a:\n   b: 1\n  c: 2", 3, 3, "not indented"),
        ("a: 1\nfoo\nb: 2", 2, 1, "neither a key"),
        ("a: -", 1, 4, "a list cannot begin"),
        ("a: {b: 1}}", 1, 10, "closes nothing"),
        ("a: ]", 1, 4, "] stands where a value"),
        ('a: "\\q"', 1, 5, "\\q is no escape"),
        ('a: "\\UFFFFFFFF"', 1, 5, "names no character"),
        ('a: "\\ud800"', 1, 4, "surrogate"),
        ('a: "\\x4"', 1, 7, "lacks digits"),
        ("a: !<b c", 1, 7, "a tag"),
        ("a: *", 1, 4, "needs a name"),
        ("a: | x\n  b", 1, 6, "begins on the next line"),
        ("a: |x\n  b", 1, 5, "begins on the next line"),
        ("a: \x01", 1, 4, "U+0001"),
        ("a: *b", 1, 4, "no anchor `&b`"),
        ("a: &a [*a]", 1, 8, "inside what it names"),
        ("%YAML 1.1\n---\na: 1", 1, 1, "directive"),
        ("%TAG ! x\n---\na: 1", 1, 1, "directive"),
        ("a: 1\n---\nb: 2", 2, 1, "second document"),
        ("- a", 1, 1, "keys with values"),
        ("a:b", 1, 1, "keys with values"),
        ("", 1, 1, "empty"),
        ("# nothing\n", 1, 1, "empty"),
        ("---\n", 1, 1, "empty"),
    ],
)
def test_a_syntax_error_says_in_plain_words_what_and_where(text: str, line: int, column: int, words: str) -> None:
    problem = problems_of(text)[-1]
    assert (problem.line, problem.column) == (line, column)
    assert words in problem.message


def test_the_yaml_1_2_directive_is_taken() -> None:
    assert parse("%YAML 1.2 # this\n---\na: yes\n", "p.yaml").value == {"a": "yes"}


def test_the_mistakes_before_a_syntax_error_are_reported_with_it() -> None:
    assert [p.code for p in problems_of("a: 1\na: 2\nb: [\n")] == ["duplicate-key", "syntax"]


def test_the_line_of_a_secret_is_not_to_be_shown() -> None:
    assert only("authorization: Bearer a: b").sensitive
    assert only("sign:\n  - x: !t 1").sensitive
    assert not only("a: b: c").sensitive


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a: " + "[" * 64 + "]" * 64, "too-deep"),
        ("a: " + "{b: " * 5000, "too-deep"),
        ("a:\n " + "- " * 5000, "too-deep"),
        ("a: [" + "1, " * 10_000 + "]", "too-large"),
        ("a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 80)), "too-deep"),
        (
            "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 60)),
            "too-large",
        ),
        ("a: " + "x" * 1024 * 1024, "too-large"),
    ],
    ids=["brackets", "braces", "dashes", "entries", "alias chain", "alias bomb", "bytes"],
)
def test_what_is_beyond_the_bounds_is_refused_at_once(text: str, code: str) -> None:
    start = time.perf_counter()
    assert only(text).code == code
    assert time.perf_counter() - start < 5  # a bomb that is written out would not end


def test_what_is_within_the_bounds_is_read() -> None:
    assert a("a: " + "[" * 63 + "]" * 63) != []
    assert a("a: [" + "1, " * 9_998 + "]") == [1] * 9_998
    assert parse("a: &a [" + "1, " * 997 + "]\nb: [" + "*a, " * 9 + "]", "p.yaml").value


def test_a_byte_that_is_no_text_is_placed_whatever_ends_the_lines(tmp_path: Path) -> None:
    for ending in (b"\n", b"\r\n", b"\r"):
        path = tmp_path / "pipeline.yaml"
        path.write_bytes("name: ü".encode() + ending + b"ab\xff")
        with pytest.raises(InvalidPipeline) as raised:
            read(path)
        (problem,) = raised.value.problems
        assert (problem.line, problem.column) == (2, 3)


@pytest.mark.parametrize(
    ("data", "code", "words"),
    [
        (b"a: \0", "binary", "NUL"),
        (b"a: \xff", "binary", "byte 4 is not UTF-8"),
        ("a: 1".encode("utf-16"), "binary", "not UTF-8"),
        (b"a: " + b"x" * 1024 * 1024, "too-large", "1 MiB"),
    ],
    ids=["NUL", "Latin-1", "UTF-16", "large"],
)
def test_a_file_that_is_binary_or_too_large_is_refused(tmp_path: Path, data: bytes, code: str, words: str) -> None:
    path = tmp_path / "p.yaml"
    path.write_bytes(data)
    with pytest.raises(InvalidPipeline) as caught:
        read(path, "p.yaml")
    (problem,) = caught.value.problems
    assert (problem.file, problem.line, problem.code) == ("p.yaml", 1, code)
    assert words in problem.message


@pytest.mark.parametrize("name", ["missing.yaml", "."])
def test_a_file_that_cannot_be_opened_is_a_problem(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidPipeline, match="cannot be read"):
        read(tmp_path / name)


def test_a_file_is_called_by_its_path_unless_it_is_given_a_name(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1")
    assert (read(path).file, read(path, "x").file, read(path).value) == (str(path), "x", {"a": 1})


PIECES = [
    "a",
    "b: ",
    "- ",
    "  ",
    "\n",
    "{",
    "}",
    "[",
    "]",
    ",",
    ": ",
    "'",
    '"',
    "&a ",
    "*a",
    "!",
    "|",
    ">",
    "?",
    "#",
]
ODD = ["%", "---", "...", "<<", "${X}", "\\", "\\U", "@", "\t", "\r", "\x85", "\ufeff", "\ud800", "\0", "é"]


def outcome(text: str) -> Document | tuple[Problem, ...]:
    try:
        return parse(text, "p.yaml")
    except InvalidPipeline as invalid:
        return invalid.problems


@given(st.text(max_size=60) | st.lists(st.sampled_from(PIECES + ODD), max_size=25).map("".join))
@settings(max_examples=200)
def test_any_text_is_a_document_or_an_invalid_pipeline(text: str) -> None:
    result = outcome(text)
    lines = len(text.splitlines()) + 1
    assert result
    assert isinstance(result, Document) or all(1 <= p.line <= lines and p.column >= 1 and p.length >= 1 for p in result)


@given(st.binary(max_size=60))
@settings(max_examples=100)
def test_any_bytes_are_a_document_or_an_invalid_pipeline(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(data)
    with contextlib.suppress(InvalidPipeline):
        read(path)
