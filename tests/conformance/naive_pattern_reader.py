"""A second reader of event patterns, as simple as can be: what is refused, and what the rest is written out to.

As with EventBridge, a pattern is written out into combinations of (path, entries), `$or` taken for alternatives and,
when that makes no sense, for the name of a field.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

Combination = dict[str, list[Any]]

SIGNS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda one, other: one == other,
    "<": lambda one, other: one < other,
    "<=": lambda one, other: one <= other,
    ">": lambda one, other: one > other,
    ">=": lambda one, other: one >= other,
}
OPERATORS = (
    "exactly",
    "prefix",
    "suffix",
    "equals-ignore-case",
    "wildcard",
    "anything-but",
    "numeric",
    "cidr",
    "exists",
)
RESERVED = (*OPERATORS, *SIGNS, "html", "regex")  # of the names kept for later, those that are drawn


class Refused(Exception):
    """The pattern is none."""


def names_a_value_and_an_object(pattern: Any) -> bool:
    """Tell a pattern that wants a value and an object of one field in one combination, as only `$or` and dots can."""
    return any(other.startswith(f"{path}.") for one in combinations_of(pattern) for path in one for other in one)


def combinations_of(pattern: Any) -> list[Combination]:
    try:
        return written_out(pattern, "", [{}], alternatives=True)
    except Refused:
        return written_out(pattern, "", [{}], alternatives=False)


def demand(condition: object) -> None:
    """Refuse the pattern unless the condition holds."""
    if not condition:
        raise Refused


def written_out(
    pattern: Any, path: str, so_far: list[Combination], *, alternatives: bool, inside: bool = False
) -> list[Combination]:
    demand(isinstance(pattern, dict) and pattern)
    for key, value in pattern.items():
        name = f"{path}.{key}" if path else key
        if key == "$or" and alternatives:
            demand(isinstance(value, list) and len(value) > 1)
            so_far = [
                done
                for one in value
                for done in written_out(one, path, [dict(each) for each in so_far], alternatives=True, inside=True)
            ]
            continue
        demand(not (inside and key in RESERVED))
        if isinstance(value, dict):
            so_far = written_out(value, name, so_far, alternatives=alternatives, inside=inside)
        else:
            demand(isinstance(value, list) and value)
            for entry in value:
                check_entry(entry)
            so_far = [{**each, name: value} for each in so_far]
    return so_far


def check_entry(entry: Any) -> None:
    demand(not isinstance(entry, list))
    if not isinstance(entry, dict):
        return
    demand(len(entry) == 1)
    ((name, argument),) = entry.items()
    demand(name in OPERATORS)
    if name in ("prefix", "suffix") and isinstance(argument, dict):
        demand(list(argument) == ["equals-ignore-case"])
        check_text(name, argument["equals-ignore-case"])
    elif name == "exists":
        demand(isinstance(argument, bool))
    elif name == "numeric":
        check_numeric(argument)
    elif name == "cidr":
        check_cidr(argument)
    elif name == "anything-but":
        check_anything_but(argument)
    else:
        check_text(name, argument)


def check_text(name: str, text: Any) -> None:
    demand(isinstance(text, str))
    star = False
    while name == "wildcard" and text:
        escape = text[0] == "\\"
        demand(not escape or (text[1:] and text[1] in "*\\"))
        demand(not (star and text[0] == "*"))
        star, text = text[0] == "*", text[2 if escape else 1 :]


def check_number(number: Any) -> None:
    demand(isinstance(number, int | float) and not isinstance(number, bool))
    demand(abs(number) <= 5e9 and float(f"{number:.6f}") == number)


def check_numeric(terms: Any) -> None:
    demand(isinstance(terms, list) and len(terms) in (2, 4) and all(sign in SIGNS for sign in terms[::2]))
    for number in terms[1::2]:
        check_number(number)
    if len(terms) == 4:
        demand(terms[0] in (">", ">=") and terms[2] in ("<", "<=") and terms[1] < terms[3])


def check_cidr(block: Any) -> None:
    demand(isinstance(block, str) and block.count("/") == 1)
    base, mask = block.split("/")
    demand(mask.isdecimal())
    try:
        address = ip_address(base)
    except ValueError:
        raise Refused from None
    demand(int(mask) < address.max_prefixlen)


def check_anything_but(argument: Any) -> None:
    if isinstance(argument, dict):
        demand(len(argument) == 1)
        ((name, texts),) = argument.items()
        demand(name in ("prefix", "suffix", "equals-ignore-case", "wildcard") and texts != [])
        for text in texts if isinstance(texts, list) else [texts]:
            check_text(name, text)
            demand(text or name in ("equals-ignore-case", "wildcard"))
        return
    values = argument if isinstance(argument, list) else [argument]
    demand(values)
    if not all(isinstance(value, str) for value in values):
        for value in values:
            check_number(value)
