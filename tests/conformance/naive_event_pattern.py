"""A second matcher of event patterns, as simple as can be, to hold the first one against.

It works as EventBridge's own does in principle: the event becomes a flat list of (path, value, which element of which
array), and clauses are tried in the order of their paths with every value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from ipaddress import ip_address, ip_network
from typing import Any

from .naive_pattern_reader import SIGNS, Refused, combinations_of

Place = dict[int, int]
"""The element chosen in each array."""
Field = tuple[str, Any, Place]


def naive(pattern: Any, event: dict[str, Any]) -> str:
    """Answer "matches", "no match" or "refused"."""
    try:
        combinations = combinations_of(pattern)
    except Refused:
        return "refused"
    fields = list(flatten(event, "", {}, iter(range(10_000))))
    return (
        "matches" if any(search(sorted(one.items(), key=in_order), fields, {}) for one in combinations) else "no match"
    )


def flatten(value: Any, path: str, place: Place, ids: Iterator[int]) -> Iterator[Field]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from flatten(inner, f"{path}.{key}" if path else key, place, ids)
    elif isinstance(value, list):
        array = next(ids)
        for index, inner in enumerate(value):
            here = {**place, array: index} if isinstance(inner, dict | list) else place
            yield from flatten(inner, path, here, ids)
    else:
        yield path, value, place


def consistent(one: Place, other: Place) -> bool:
    return all(other.get(array, index) == index for array, index in one.items())


def search(clauses: list[tuple[str, list[Any]]], fields: list[Field], place: Place) -> bool:
    if not clauses:
        return True
    (name, entries), *rest = clauses
    reachable = [field for field in fields if field[0] == name and consistent(field[2], place)]
    if {"exists": False} in entries and not reachable and search(rest, fields, place):
        return True
    return any(
        search(rest, fields, {**place, **there})
        for _, value, there in reachable
        if any(accepts(entry, value) for entry in entries)
    )


def accepts(entry: Any, value: Any) -> bool:
    if not isinstance(entry, dict):
        return same(entry, value) or same_address(entry, value)
    ((name, argument),) = entry.items()
    if name == "anything-but":
        if not isinstance(argument, dict):
            return not any(same(one, value) for one in (argument if isinstance(argument, list) else [argument]))
        ((inner, texts),) = argument.items()
        return not any(accepts({inner: text}, value) for text in (texts if isinstance(texts, list) else [texts]))
    others: dict[str, Callable[[], bool]] = {
        "exists": lambda: bool(argument),
        "numeric": lambda: compares(argument, value),
        "cidr": lambda: isinstance(value, str) and in_network(argument, value),
    }
    if name in others:
        return others[name]()
    return isinstance(value, str) and accepts_text(name, argument, value)


def same(one: Any, other: Any) -> bool:
    if isinstance(one, bool | str | None) or isinstance(other, bool | str | None):
        return type(one) is type(other) and one == other
    return Fraction(one) == Fraction(other)


def in_order(clause: tuple[str, Any]) -> bytes:
    return clause[0].encode("utf-16-be", "surrogatepass")  # as Java compares text


def same_address(one: Any, other: Any) -> bool:
    return isinstance(one, str) and isinstance(other, str) and address_of(one) == address_of(other) is not None


def accepts_text(name: str, argument: Any, text: str) -> bool:
    if isinstance(argument, dict):
        folded = argument["equals-ignore-case"]
        cuts = range(len(text) + 1)
        return any(in_any_case(folded, text[:cut] if name == "prefix" else text[cut:]) for cut in cuts)
    verdicts: dict[str, Callable[[], bool]] = {
        "exactly": lambda: text == argument,
        "prefix": lambda: text[: len(argument)] == argument,
        "suffix": lambda: text[max(0, len(text) - len(argument)) :] == argument,
        "equals-ignore-case": lambda: in_any_case(argument, text),
        "wildcard": lambda: like(argument, text),
    }
    return verdicts[name]()


def in_any_case(pattern: str, text: str) -> bool:
    """Each letter of the pattern in either case; "ß" may be "SS", and no letter beyond U+FFFF changes."""
    if not pattern:
        return not text
    first = pattern[0]
    cases = {first.lower(), first.upper()} if first <= "\uffff" else {first}
    return any(text.startswith(case) and in_any_case(pattern[1:], text[len(case) :]) for case in cases)


def like(text: str, value: str) -> bool:
    if not text:
        return not value
    if text[0] == "*":
        return like(text[1:], value) or (bool(value) and like(text, value[1:]))
    literal, rest = (text[1], text[2:]) if text[0] == "\\" else (text[0], text[1:])
    return value[:1] == literal and like(rest, value[1:])


def compares(terms: list[Any], value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 5e9:
        return False
    pairs = zip(terms[::2], terms[1::2], strict=True)
    return all(SIGNS[sign](Fraction(value), Fraction(number)) for sign, number in pairs)


def address_of(text: str) -> Any:
    if not text.isascii() or ("." in text and ":" in text):
        return None
    if text.count(".") == 3 and all(part.isdecimal() for part in text.split(".")):
        text = ".".join(str(int(part)) for part in text.split("."))  # no octal numbers
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def in_network(block: str, text: str) -> bool:
    address = address_of(text)
    return address is not None and address in ip_network(block, strict=False)
