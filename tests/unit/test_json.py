"""Reading and writing JSON without changing it."""

import json
import math
from collections.abc import Callable
from decimal import Decimal

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sluiceway.core.json import JSON, MAX_DEPTH, InvalidJSON, dump, parse

TEXT = st.text(st.sampled_from('ab:"\\ \n{}[]09e-é,') | st.characters(exclude_categories=["Cs"]), max_size=8)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


def spelled(value: str) -> st.SearchStrategy[str]:
    """Write text as JSON, with any of its characters escaped as \\uXXXX."""
    pairs = [(json.dumps(c)[1:-1], f"\\u{ord(c):04x}") for c in value]
    return st.tuples(*map(st.sampled_from, pairs)).map(lambda parts: '"' + "".join(parts) + '"')


SPACE = st.text(" \n\t\r", max_size=2)
STRINGS = st.text('ab:"', max_size=2).flatmap(spelled)
NUMBERS = st.from_regex(r"\A-?(0|[1-9][0-9]{0,22})(\.[0-9]{1,22})?([eE][+-]?[0-9]{1,3})?\Z")


def containers(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    members = st.tuples(SPACE, STRINGS, SPACE, SPACE, inner).map(lambda m: f"{m[0]}{m[1]}{m[2]}:{m[3]}{m[4]}")
    items = st.lists(inner, max_size=4).map(lambda parts: "[" + " , ".join(parts) + "]")
    return items | st.lists(members, max_size=5).map(lambda parts: "{" + ",".join(parts) + "}")


DOCUMENTS = st.recursive(STRINGS | NUMBERS | st.sampled_from(["null", "true"]), containers, max_leaves=10)


def expected(text: str) -> JSON:
    """Read by the rules, as plainly as they can be written down; ValueError when they refuse."""

    def members(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
        if len({key for key, _ in pairs}) < len(pairs):
            raise ValueError(pairs)
        return dict(pairs)

    def whole(number: str) -> int:
        if not -(2**63) <= int(number) < 2**64:
            raise ValueError(number)
        return int(number)

    def broken(number: str) -> float:
        as_float = float(number)
        if not math.isfinite(as_float) or Decimal(repr(as_float)) != Decimal(number):
            raise ValueError(number)
        return as_float

    value: JSON = json.loads(text, object_pairs_hook=members, parse_int=whole, parse_float=broken)
    return value


def outcome(read: Callable[[], JSON]) -> str:
    try:
        return repr(read())
    except ValueError:
        return "refused"


@settings(max_examples=200)
@given(DOCUMENTS)
@example('{"a" : 1, "b":2, "b":3}')
@example('{"a":1,"a":2,"s":"\\u003a"}')
@example('{"a":1,"a":2,"s":"\\u0022:"}')
@example('[1e-400,"a"]')
@example("[1.23456789e-320, 2]")
def test_exactly_the_documents_that_would_change_are_refused(text: str) -> None:
    assert outcome(lambda: parse(text.encode())) == outcome(lambda: expected(text))


@given(st.binary(max_size=12) | st.text('{}[]",:1e-.\\u09afdtrue NaI', max_size=12).map(str.encode))
def test_bytes_that_are_no_json_are_refused_and_never_crash(raw: bytes) -> None:
    try:
        parse(raw, exact=True)
    except InvalidJSON:
        with pytest.raises(InvalidJSON):
            parse(raw)


@given(VALUES)
def test_what_is_written_is_read_back_equal(value: JSON) -> None:
    assert repr(parse(dump(value))) == repr(value)


@given(DOCUMENTS)
def test_exact_reading_and_writing_keeps_every_digit(text: str) -> None:
    try:
        value = parse(text.encode(), exact=True)
    except InvalidJSON as error:
        assert "twice" in str(error)  # noqa: PT017 # nothing else in these documents may be refused
        return
    assert parse(dump(value), exact=True) == value
    assert json.loads(dump(value), parse_float=Decimal) == json.loads(text, parse_float=Decimal)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b'{"a":\n 1,}', "not JSON at line 2 column 4"),
        (b"", "not JSON at line 1 column 1"),
        (b"[1, \xff]", "not UTF-8: byte 0xff at offset 4"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        (b'{"a": {"b": 1, "\\u0062": 2}}', 'the key "b" comes twice'),
        (b"[18446744073709551616]", "18446744073709551616 does not fit in 64 bits"),
        (b"[1e400]", "1e400 would change"),
        (b"[0.12345678901234567890]", "0.12345678901234567890 would change"),
        (b"[NaN]", "NaN is not JSON"),
        (b"-Infinity", "-Infinity is not JSON"),
        (b'["a", "\\ud83d"]', r"the escape \ud83d at line 1 column 8 is half of a surrogate pair"),
        (b"1" * 5000, "(5000 characters) does not fit"),
    ],
)
def test_a_refusal_says_what_is_wrong_and_where(raw: bytes, message: str) -> None:
    with pytest.raises(InvalidJSON) as refused:
        parse(raw)
    assert message in str(refused.value)


@pytest.mark.parametrize("text", ["12.50", "1e6", "1.0", "1E+2", "-0.0", "0.30000000000000004", "5e-324", "1e22"])
def test_a_number_may_be_spelled_in_any_way_that_keeps_its_value(text: str) -> None:
    assert parse(text.encode()) == float(text)


def test_exact_reading_keeps_numbers_that_a_double_or_64_bits_cannot_hold() -> None:
    raw = b"[18446744073709551616,1E+400,0.12345678901234567890,1.5]"
    value = parse(raw, exact=True)
    assert value == [2**64, Decimal("1e400"), Decimal("0.12345678901234567890"), 1.5]
    assert dump(value) == raw


@pytest.mark.parametrize("number", [b"1e99999999999999999999", b"9" * 4001, b"1e5000", b"0." + b"1" * 5000])
def test_exact_reading_refuses_numbers_of_absurd_size(number: bytes) -> None:
    with pytest.raises(InvalidJSON, match="too large to keep"):
        parse(number, exact=True)


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}"), (b'{"a" : ', b"}")])
def test_depth_is_bounded_on_every_path_without_a_recursion_error(opening: bytes, closing: bytes) -> None:
    parse(opening * MAX_DEPTH + b'"]]["' + closing * MAX_DEPTH)
    parse(opening * MAX_DEPTH + b"1e400" + closing * MAX_DEPTH, exact=True)
    for levels in (MAX_DEPTH + 1, 600, 100_000):
        for inner in (b"1", b"1e400"):
            with pytest.raises(InvalidJSON, match=f"nested deeper than {MAX_DEPTH} levels"):
                parse(opening * levels + inner + closing * levels, exact=True)


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    "raw",
    [b'"' + b'\\"' * 500_000, b'"' * 1_000_001, b"[" * 1_000_000, b"1" * 1_000_000],
    ids=["escaped quotes", "quotes", "brackets", "digits"],
)
def test_a_hostile_megabyte_is_refused_in_linear_time(raw: bytes) -> None:
    with pytest.raises(InvalidJSON):
        parse(raw)


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        ({"a": [math.nan, None]}, ValueError, "a.0 is nan"),
        ([math.inf], ValueError, "0 is inf"),
        ({"a": Decimal("NaN")}, ValueError, "a is NaN"),
        ({"a": "\ud800"}, ValueError, "a has half of a surrogate pair"),
        ({1: 2}, TypeError, "the key 1, which is not text"),
        ({"a": {"b": object()}}, TypeError, "a.b is of the type object"),
        ({"a": b"bytes"}, TypeError, "a is of the type bytes"),
    ],
)
def test_what_json_does_not_have_is_named_with_its_place(value: JSON, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        dump(value)


def test_a_value_that_holds_itself_is_refused() -> None:
    loop: list[JSON] = []
    loop.append(loop)
    with pytest.raises(ValueError, match="holds itself"):
        dump(loop)


def test_keys_are_written_in_their_order_and_text_as_utf8() -> None:
    assert dump({"b": 1, "a": "é", "c": None}) == '{"b":1,"a":"é","c":null}'.encode()


def test_the_deepest_body_can_still_be_wrapped_and_written() -> None:
    body = parse(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)
    assert orjson.loads(dump({"detail": {"body": body}}))
