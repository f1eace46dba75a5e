"""The predicates that the operators of an event pattern make of one scalar of the event."""

from __future__ import annotations

import ipaddress
import operator
import re
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import TypeAlias, cast

Predicate: TypeAlias = Callable[[object], bool]
"""Whether one scalar of the event (string, number, boolean or null) is accepted."""

COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def any_of(tests: Sequence[Predicate]) -> Predicate:
    """Accept what one of the tests accepts."""
    if len(tests) == 1:
        return tests[0]
    return lambda value: any(test(value) for test in tests)


def none_of(tests: Sequence[Predicate]) -> Predicate:
    """Accept what none of the tests accepts."""
    return lambda value: not any(test(value) for test in tests)


def is_number(value: object) -> bool:
    """Tell a JSON number from everything else; Python's booleans are integers, JSON's are not."""
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def number_key(value: object) -> object:
    """Make numbers equal that are equal by value: `Decimal("0.1")` and `0.1` are not equal in Python."""
    if isinstance(value, Decimal):
        near = float(value)
        return near if Decimal(repr(near)) == value else value
    return value


def equals(values: Iterable[object]) -> Predicate:
    """Accept one of the values; numbers are equal by value, a number is never equal to a string."""
    values = list(values)
    strings = frozenset(value for value in values if isinstance(value, str))
    if all(isinstance(value, str) for value in values):
        return strings.__contains__
    constants = frozenset(value for value in values if value is None or isinstance(value, bool))
    numbers = frozenset(number_key(value) for value in values if is_number(value))

    def test(value: object) -> bool:
        if type(value) is str:
            return value in strings
        if value is None or type(value) is bool:
            return value in constants
        return number_key(value) in numbers

    return test


def starts(text: str) -> Predicate:
    """Accept strings that begin with the text."""
    return lambda value: type(value) is str and value.startswith(text)


def ends(text: str) -> Predicate:
    """Accept strings that end with the text."""
    return lambda value: type(value) is str and value.endswith(text)


def _either_case(text: str) -> tuple[re.Pattern[str], int, int]:
    """Return an expression for a text in any case, and the shortest and longest match ("ß" may be "SS").

    The service folds one UTF-16 unit at a time, so letters beyond U+FFFF keep their case.
    """
    cases = [{char.lower(), char.upper()} if char <= "\uffff" else {char} for char in text]
    source = "".join(f"(?:{'|'.join(map(re.escape, sorted(case)))})" for case in cases)
    lengths = [[len(form) for form in case] for case in cases]
    return re.compile(source), sum(map(min, lengths)), sum(map(max, lengths))


def equals_in_any_case(text: str) -> Predicate:
    """Accept the text in any mixture of upper and lower case."""
    expression, _, _ = _either_case(text)
    return lambda value: type(value) is str and expression.fullmatch(value) is not None


def starts_in_any_case(text: str) -> Predicate:
    """Accept strings that begin with the text in any case."""
    expression, _, _ = _either_case(text)
    return lambda value: type(value) is str and expression.match(value) is not None


def ends_in_any_case(text: str) -> Predicate:
    """Accept strings that end with the text in any case."""
    expression, shortest, longest = _either_case(text)

    def test(value: object) -> bool:
        if type(value) is not str:
            return False
        places = range(max(0, len(value) - longest), len(value) - shortest + 1)
        return any(expression.fullmatch(value, place) for place in places)

    return test


def contains_in_order(parts: Sequence[str]) -> Predicate:
    """Accept the parts in order with any text between them: a wildcard split at its stars."""
    if len(parts) == 1:
        return equals(parts)
    first, *middle, last = parts

    # Taking the leftmost place for each part is always right, so no step is taken back and time stays linear.
    def test(value: object) -> bool:
        if type(value) is not str or not (value.startswith(first) and value.endswith(last)):
            return False
        at, end = len(first), len(value) - len(last)
        for part in middle:
            at = value.find(part, at, end)
            if at < 0:
                return False
            at += len(part)
        return at <= end

    return test


def between(low: tuple[str, float], high: tuple[str, float]) -> Predicate:
    """Accept numbers between two bounds, each a comparison sign and a number."""
    above, bottom, below, top = COMPARE[low[0]], low[1], COMPARE[high[0]], high[1]

    def test(value: object) -> bool:
        if not is_number(value):
            return False
        number = cast("float", number_key(value))
        return above(number, bottom) and below(number, top)

    return test


def address(value: object) -> tuple[int, int] | None:
    """Read an IP address as (version, number); None for any other value.

    An IPv4 address written as IPv6 (`::ffff:a00:1`) is that IPv4 address.
    """
    if not isinstance(value, str):
        return None
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9}){3}", value):
        octets = [int(octet) for octet in value.split(".")]
        return (4, int.from_bytes(bytes(octets), "big")) if max(octets) <= 255 else None
    if re.fullmatch(r"[0-9a-fA-F:]{2,39}", value) and ":" in value:
        try:
            found = ipaddress.IPv6Address(value)
        except ValueError:
            return None
        return (4, int(found.ipv4_mapped)) if found.ipv4_mapped else (6, int(found))
    return None


def same_address(addresses: frozenset[tuple[int, int]]) -> Predicate:
    """Accept the addresses in any of their spellings."""
    return lambda value: address(value) in addresses


def in_block(version: int, number: int, mask: int) -> Predicate:
    """Accept addresses whose first `mask` bits are those of the address given."""
    shift = (32 if version == 4 else 128) - mask
    block = number >> shift

    def test(value: object) -> bool:
        found = address(value)
        return found is not None and found[0] == version and found[1] >> shift == block

    return test
