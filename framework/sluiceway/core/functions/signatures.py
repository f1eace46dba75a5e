"""How a function says what it takes: jmespath's signatures, and what those cannot say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final, NotRequired, TypedDict, TypeVar, cast

from jmespath import functions

F = TypeVar("F", bound=Callable[..., object])


class Takes(TypedDict):
    """What one argument may be. The first two keys are the library's, the others ours.

    Attributes:
        types: JMESPath types; none for any.
        variadic: The last argument may come again.
        optional: It may be left out; only optional ones may follow.
        literal: It must stand in the expression itself, so that all about it is known when that is compiled.
        check: Raises ValueError for a literal that no call could take; run when the expression is compiled.
    """

    types: list[str]
    variadic: NotRequired[bool]
    optional: NotRequired[bool]
    literal: NotRequired[bool]
    check: NotRequired[Callable[[Any], object]]


ANY: Final[Takes] = {"types": []}
TEXT: Final[Takes] = {"types": ["string"]}
NUMBER: Final[Takes] = {"types": ["number"]}
ARRAY: Final[Takes] = {"types": ["array"]}
OBJECT: Final[Takes] = {"types": ["object"]}


def signature(*arguments: Takes) -> Callable[[F], F]:
    """Say what a function takes; outermost of its decorators."""
    return functions.signature(*cast("Any", arguments))


def optional(takes: Takes) -> Takes:
    """Return the same for an argument that may be left out."""
    return {**takes, "optional": True}


def literal(takes: Takes) -> Takes:
    """Return the same for an argument that must be known when the expression is compiled."""
    return {**takes, "literal": True}


def checked(takes: Takes, check: Callable[[Any], object]) -> Takes:
    """Return the same for an argument whose literals are checked when the expression is compiled."""
    return {**takes, "check": check}


def arity(takes: Sequence[Takes]) -> tuple[int, int | None]:
    """Return how many arguments there must and may be; None for any number."""
    least = sum(not argument.get("optional", False) for argument in takes)
    return least, None if takes and takes[-1].get("variadic") else len(takes)


def short(value: object) -> str:
    """Return a value as reasons show it."""
    text = str(value) if isinstance(value, (int, float, Decimal)) else repr(value)
    return text if len(text) <= 60 else f"{text[:40]}…"


def whole(number: float | Decimal, what: str, least: int, most: int) -> int:
    """Return a number that must be whole and within bounds.

    Raises:
        ValueError: It is not.
    """
    if not least <= number <= most or number != int(number):
        raise ValueError(f"{what} is {short(number)}, not a whole number from {least} to {most}")
    return int(number)


def one_of(value: str, what: str, known: Sequence[str]) -> str:
    """Return a text that must be one of a few.

    Raises:
        ValueError: It is not.
    """
    if value not in known:
        raise ValueError(f"{what} is {short(value)}, not {', '.join(known[:-1])} or {known[-1]}")
    return value
