"""Functions for text."""

from __future__ import annotations

from decimal import Decimal

from sluiceway.core.functions.documented import MAX_ITEMS, MAX_TEXT, documented, too_large
from sluiceway.core.functions.signatures import ANY, NUMBER, TEXT, Takes, checked, optional, signature, whole
from sluiceway.core.json import JSON, dump, parse


def _width(number: float | Decimal) -> int:
    return whole(number, "the width", 0, MAX_TEXT)


def _place(number: float | Decimal) -> int:
    return whole(number, "the start", -MAX_TEXT, MAX_TEXT)


def _length(number: float | Decimal) -> int:
    return whole(number, "the length", 0, MAX_TEXT)


def _fill(text: str) -> str:
    if len(text) != 1:
        raise ValueError(f"what it fills with is {len(text)} characters long, not one")
    return text


def _not_empty(text: str) -> str:
    if not text:
        raise ValueError("an empty text stands nowhere and everywhere: give at least one character")
    return text


_PAD: tuple[Takes, ...] = (TEXT, checked(NUMBER, _width), optional(checked(TEXT, _fill)))


class TextFunctions:
    """Text."""

    @signature(TEXT)
    @documented("In capitals, by the rules of Unicode.", ("upper('straße')", "STRASSE"))
    def _func_upper(self, text: str) -> str:
        return text.upper()

    @signature(TEXT)
    @documented(
        "In small letters, by the rules of Unicode. To compare texts whatever their case, lower both.",
        ("lower('ÅSA')", "åsa"),
        ("lower('Web') == lower('WEB')", True),
    )
    def _func_lower(self, text: str) -> str:
        return text.lower()

    @signature(TEXT, optional(TEXT))
    @documented(
        "Without white space at both ends, or without the characters given.",
        ("trim('  A-1 ')", "A-1"),
        ("trim('--A-1-', '-')", "A-1"),
    )
    def _func_trim(self, text: str, characters: str | None = None) -> str:
        return text.strip(characters)

    @signature(TEXT, optional(TEXT))
    @documented("As `trim`, at the beginning only.", ("trim_left('007', '0')", "7"))
    def _func_trim_left(self, text: str, characters: str | None = None) -> str:
        return text.lstrip(characters)

    @signature(TEXT, optional(TEXT))
    @documented("As `trim`, at the end only.", ("trim_right('A-1  ')", "A-1"))
    def _func_trim_right(self, text: str, characters: str | None = None) -> str:
        return text.rstrip(characters)

    @signature(*_PAD)
    @documented(
        "Filled up at the beginning to a width, with spaces or the one character given. A longer text stays.",
        ("pad_left('7', `3`, '0')", "007"),
        ("pad_left('1234', `3`)", "1234"),
    )
    def _func_pad_left(self, text: str, width: float | Decimal, fill: str = " ") -> str:
        return text.rjust(_width(width), _fill(fill))

    @signature(*_PAD)
    @documented("As `pad_left`, at the end.", ("pad_right('A', `3`, '.')", "A.."))
    def _func_pad_right(self, text: str, width: float | Decimal, fill: str = " ") -> str:
        return text.ljust(_width(width), _fill(fill))

    @signature(TEXT, checked(NUMBER, _place), optional(checked(NUMBER, _length)))
    @documented(
        "The part that begins at a place, counted from 0 or, below it, from the end; to the end, or at most so long.",
        ("substring('2026-03-01', `0`, `4`)", "2026"),
        ("substring('DE-4711', `-4`)", "4711"),
        ("substring('A', `5`)", ""),
    )
    def _func_substring(self, text: str, start: float | Decimal, length: float | Decimal = MAX_TEXT) -> str:
        first = _place(start)
        first = max(len(text) + first, 0) if first < 0 else first
        return text[first : first + _length(length)]

    @signature(TEXT, checked(TEXT, _not_empty))
    @documented(
        f"The parts between a separator, at most {MAX_ITEMS:,} of them.",
        ("split('red,,blue', ',')", ["red", "", "blue"]),
        ("split('', ',')", [""]),
    )
    def _func_split(self, text: str, separator: str) -> list[str]:
        if text.count(_not_empty(separator)) >= MAX_ITEMS:
            raise ValueError(f"the text has over {MAX_ITEMS} parts")
        return text.split(separator)

    @signature(TEXT, checked(TEXT, _not_empty), TEXT)
    @documented("With a new text wherever the old one stood.", ("replace('1.234.567', '.', '')", "1234567"))
    def _func_replace(self, text: str, old: str, new: str) -> str:
        size = len(text) + text.count(_not_empty(old)) * (len(new) - len(old))
        if size > MAX_TEXT:  # before it is made: it may be as long as the two texts multiplied
            raise too_large("the result", size)
        return text.replace(old, new)

    @signature(TEXT)
    @documented(
        "The value that JSON in a text stands for. Numbers stay exact.",
        ("""parse_json('{"sku": "A", "price": 12.10}').price""", 12.1),
    )
    def _func_parse_json(self, text: str) -> JSON:
        return parse(text.encode(), exact=True)

    @signature(ANY)
    @documented(
        "A value as JSON. (`to_string` does the same, but leaves text as it is.)",
        ("to_json(`[1, null]`)", "[1,null]"),
        ("to_json('a')", '"a"'),
    )
    def _func_to_json(self, value: JSON) -> str:
        return dump(value).decode()
