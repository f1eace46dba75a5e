"""JSON as Sluiceway reads and writes it: what cannot be kept exactly is refused, never changed.

orjson is fast and silent: of two equal keys it keeps the last, and it rounds numbers that a double cannot
hold. So `parse` lets orjson read, then proves from the bytes that nothing was lost; where the cheap proof
fails, the slow and exact parser decides. `dump` is its counterpart.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from enum import Enum
from itertools import accumulate
from typing import NoReturn, cast
from uuid import UUID

import orjson
from typing_extensions import TypeAliasType

JSON = TypeAliasType("JSON", "dict[str, JSON] | list[JSON] | str | int | float | Decimal | bool | None")
"""A parsed JSON value. `Decimal` stands only for a number that a float would change (`numbers: exact`)."""

MAX_DEPTH = 240
"""Levels of arrays and objects that a body may have: what orjson can write, less room for an envelope."""

_WRITABLE_DEPTH = 254  # orjson refuses to write more
_ROOM = _WRITABLE_DEPTH - MAX_DEPTH
_MAX_DIGITS = 4000  # of an exact number, as digits or as exponent: Python converts no int beyond 4300 digits
_DUMP_OPTIONS = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS

# Up to 15 significant digits survive a double, but for the subnormal range. So only numbers with sixteen
# digits or a negative exponent of three need a look; digits and point mapped to "0", a substring finds them.
_SHAPE = bytes.maketrans(b"123456789.E", b"0000000000e")
_LONG_NUMBER = b"0" * 16
_SMALL_NUMBER = b"e-000"

_WHITE_SPACE = b" \t\n\r"
# Linear on any input: nothing is tried twice, and a string that does not end still matches.
_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
# Valid pairs and all other escapes are consumed first, so that group 1 is a half pair and nothing else.
_HALF_PAIR = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\."
)
_STEP = {"[": 1, "{": 1, "]": -1, "}": -1}


class InvalidJSON(ValueError):
    """Bytes that are not JSON, or JSON that reading would change. The message says what and where."""


def parse(raw: bytes, *, exact: bool = False) -> JSON:
    """Read JSON without changing it.

    Args:
        raw: The document, in UTF-8 without a byte order mark.
        exact: Keep integers beyond 64 bits as `int`, and other numbers that a float would change as
            `Decimal`, instead of refusing them. Documents with such numbers take a slower parser.

    Raises:
        InvalidJSON: Not UTF-8, not JSON (NaN and Infinity included), a key that comes twice in an object,
            more than `MAX_DEPTH` levels, or a number that would change.
    """
    try:
        value: JSON = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return _parse_slowly(raw, exact=exact)
    if _is_unchanged(raw, value):
        return value
    return _parse_slowly(raw, exact=exact)


def dump(value: JSON) -> bytes:
    """Write JSON, compact, in UTF-8, keys in their order, every number exactly.

    Raises:
        TypeError: A key that is not text, or a value that JSON does not have: a bug of whoever made it.
        ValueError: NaN, infinity, half a surrogate pair, or more than 254 levels.
    """
    try:
        written = orjson.dumps(value, option=_DUMP_OPTIONS)
    except TypeError:
        return orjson.dumps(_writable(value, ()), option=_DUMP_OPTIONS)
    # orjson writes NaN and infinity as null; reading back finds them faster than a walk does.
    if b"null" in written and orjson.loads(written) != value:
        return orjson.dumps(_writable(value, ()), option=_DUMP_OPTIONS)
    return written


def _is_unchanged(raw: bytes, value: object) -> bool:
    """Tell cheaply whether orjson has certainly kept all of `raw` in `value`; False means "not proven"."""
    for _ in range(_ROOM):  # orjson counts levels faster than we can: let it refuse what is beyond MAX_DEPTH
        value = [value]
    try:
        written = orjson.dumps(value)
    except TypeError:
        return False
    if written[_ROOM:-_ROOM] == raw:
        return True
    # Each member has one colon outside strings, and a colon inside a string is written as it was read, unless
    # it was escaped: equal counts mean that no member has vanished, whatever the white space and the quotes.
    if raw.count(b":") != written.count(b":") or (b"\\" in raw and b"\\u003a" in raw.lower()):
        return False
    shape = raw.translate(_SHAPE)
    if _LONG_NUMBER not in shape and _SMALL_NUMBER not in shape:
        return True
    # Long numbers are mostly doubles and digits in text, which orjson writes as they came.
    return written[_ROOM:-_ROOM].translate(None, _WHITE_SPACE) == raw.translate(None, _WHITE_SPACE)


def _is_kept(number: str) -> bool:
    """Tell whether orjson reads `number` as the value that its digits say."""
    if number.lstrip("-").isdigit():
        return len(number) <= 20 and -(2**63) <= int(number) < 2**64
    as_float = float(number)
    try:
        return math.isfinite(as_float) and Decimal(repr(as_float)) == Decimal(number)
    except InvalidOperation:  # an exponent beyond what Decimal holds
        return False


def _parse_slowly(raw: bytes, *, exact: bool) -> JSON:
    """Read with the standard library's parser, which shows each number's digits and each object's pairs."""
    text = _decode(raw)
    _refuse_depth(text)
    if half := next((match for match in _HALF_PAIR.finditer(text) if match[1]), None):
        raise InvalidJSON(f"the escape {half[1]} at {_place(text, half.start())} is half of a surrogate pair")
    number = _exact_number if exact else _same_number
    try:
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_int=number,
            parse_float=number,
            parse_constant=_refuse_constant,
        )
    except json.JSONDecodeError as error:
        problem = error.msg[0].lower() + error.msg[1:]
        raise InvalidJSON(f"not JSON at {_place(text, error.pos)}: {problem}") from None
    return cast("JSON", value)


def _decode(raw: bytes) -> str:
    try:
        text = bytes(raw).decode()
    except UnicodeDecodeError as error:
        raise InvalidJSON(f"not UTF-8: byte 0x{raw[error.start]:02x} at offset {error.start}") from None
    if text.startswith("\ufeff"):
        raise InvalidJSON("a UTF-8 byte order mark stands before the JSON: send it without")
    return text


def _refuse_depth(text: str) -> None:
    """Count levels without recursion: the parser that follows has none to spare."""
    brackets = [_STEP[c] for c in _STRING.sub("", text) if c in _STEP]
    if max(accumulate(brackets), default=0) > MAX_DEPTH:
        raise InvalidJSON(f"nested deeper than {MAX_DEPTH} levels")


def _object(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
    members = dict(pairs)
    if len(members) != len(pairs):
        twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise InvalidJSON(f"the key {_shown(json.dumps(twice))} comes twice in one object")
    return members


def _same_number(number: str) -> int | float:
    if _is_kept(number):
        return int(number) if number.lstrip("-").isdigit() else float(number)
    problem = "does not fit in 64 bits" if number.lstrip("-").isdigit() else "would change as a double"
    raise InvalidJSON(f"the number {_shown(number)} {problem}: send it as text, or read it with `numbers: exact`")


def _exact_number(number: str) -> int | float | Decimal:
    if _is_kept(number):
        return _same_number(number)
    if len(number) <= _MAX_DIGITS:
        if number.lstrip("-").isdigit():
            return int(number)
        try:
            value = Decimal(number)
        except InvalidOperation:
            value = Decimal("Infinity")
        if value.is_finite() and abs(value.adjusted()) <= _MAX_DIGITS:
            return value
    raise InvalidJSON(f"the number {_shown(number)} is too large to keep: {_MAX_DIGITS} digits are the limit")


def _refuse_constant(name: str) -> NoReturn:
    raise InvalidJSON(f"{name} is not JSON: send null, text or a number")


def _place(text: str, offset: int) -> str:
    return f"line {text.count(chr(10), 0, offset) + 1} column {offset - text.rfind(chr(10), 0, offset)}"


def _shown(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:40]}… ({len(text)} characters)"


def _writable(value: object, path: tuple[str, ...]) -> object:
    """Return `value` with every number that orjson cannot write as a fragment of its digits."""
    if len(path) > _WRITABLE_DEPTH:
        raise ValueError(f"the value is nested deeper than {_WRITABLE_DEPTH} levels, or holds itself")
    match value:
        case str():
            return _text(value, path)
        case float() if not math.isfinite(value):
            raise ValueError(f"{_where(path)} is {value}, a number that JSON does not have")
        case Decimal() if not value.is_finite():
            raise ValueError(f"{_where(path)} is {value}, a number that JSON does not have")
        case Decimal():
            return orjson.Fragment(str(value))
        case int() if not -(2**63) <= value < 2**64:
            return orjson.Fragment(str(value))
        case dict():
            members = cast("dict[object, object]", value).items()
            return {_key(key, path): _writable(item, (*path, str(key))) for key, item in members}
        case list() | tuple():
            items = cast("Sequence[object]", value)
            return [_writable(item, (*path, str(index))) for index, item in enumerate(items)]
        case None | int() | float() | UUID() | Enum():
            return value
        case _:
            name = type(value).__name__
            raise TypeError(f"{_where(path)} is of the type {name}, which JSON does not have: convert it first")


def _key(key: object, path: tuple[str, ...]) -> str:
    if not isinstance(key, str):
        raise TypeError(f"{_where(path)} has the key {key!r}, which is not text: keys of JSON objects are")
    return _text(key, path)


def _text(text: str, path: tuple[str, ...]) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{_where(path)} has half of a surrogate pair in its text: it has no UTF-8") from None
    return text


def _where(path: tuple[str, ...]) -> str:
    return ".".join(path) or "the value"
