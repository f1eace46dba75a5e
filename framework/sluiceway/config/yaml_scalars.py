"""What a scalar of a pipeline file means."""

from __future__ import annotations

import math
import re
from decimal import Decimal

_WORDS: dict[str, bool | None] = {"": None, "~": None, "null": None, "true": True, "false": False}
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_SMALLEST_INTEGER, _LARGEST_INTEGER = -(2**63), 2**64 - 1


def plain(text: str) -> str | int | float | bool | None:
    """Return what a plain scalar means: null, true, false or a JSON number; all else is a string.

    Raises:
        ValueError: It is a number that would change: an integer beyond 64 bits, a fraction beyond a float.
    """
    if text in _WORDS:
        return _WORDS[text]
    number = _NUMBER.fullmatch(text)
    if number is None:
        return text
    if number[1] is None and number[2] is None:
        # 20 digits are the most that 64 bits hold; int() itself refuses thousands
        if len(text) > 20 or not _SMALLEST_INTEGER <= int(text) <= _LARGEST_INTEGER:
            raise ValueError("an integer beyond 64 bits")
        return int(text)
    return _exact_float(text)


def joined(text: str) -> str:
    r"""Return a text with JSON's surrogate pairs (`"\ud83d\ude00"`) as the characters they stand for.

    Raises:
        ValueError: Half of a pair stands alone, which no encoding can carry.
    """
    if text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")


def _exact_float(text: str) -> float:
    value = float(text)
    mantissa = re.split("[eE]", text)[0]
    if value == 0 and not mantissa.strip("-0."):
        return value
    # Decimal refuses exponents that float() has already made zero or infinite
    if value == 0 or math.isinf(value) or Decimal(repr(value)) != Decimal(text):
        raise ValueError("a number with more digits or a larger exponent than a 64-bit float keeps")
    return value
