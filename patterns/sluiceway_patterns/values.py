"""How values of a message are converted, compared and shown in reasons."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Final, Literal, TypeAlias

from sluiceway import JSON, Schema

TypeName: TypeAlias = Literal["string", "integer", "number", "boolean"]

_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_MAX_INTEGER_DIGITS = 20  # of a 64-bit integer; an exponent of millions must not become digits


def to_string(value: object) -> str | None:
    """Return a scalar as text, numbers and booleans in their JSON spelling; None for anything else."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int() | Decimal():
            return str(value)
        case float() if math.isfinite(value):
            return repr(value)
        case _:
            return None


def to_integer(value: object) -> int | None:
    """Return the integer of at most 64 bits that a number or a numeric text stands for, else None."""
    exact = _exact(value)
    if exact is None or exact.adjusted() >= _MAX_INTEGER_DIGITS or exact != exact.to_integral_value():
        return None
    integer = int(exact)
    return integer if -(2**63) <= integer < 2**64 else None


def to_number(value: object) -> int | float | Decimal | None:
    """Return the number that a number or a numeric text stands for; None where a 64-bit reader would change it."""
    if not isinstance(value, str):
        return None if isinstance(value, bool) or _exact(value) is None else value  # type: ignore[return-value] # a number
    exact = _exact(value)
    if exact is None:
        return None
    if value.lstrip("-").isdigit():
        return to_integer(value)
    nearest = float(value)
    return nearest if math.isfinite(nearest) and Decimal(repr(nearest)) == exact else None


def to_boolean(value: object) -> bool | None:
    """Return true or false for the booleans and for the texts `true` and `false`, else None."""
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(value) if isinstance(value, str) else None


CONVERSIONS: Final[Mapping[TypeName, tuple[Callable[[object], JSON], str]]] = {
    "string": (to_string, "not text, a number or a boolean"),
    "integer": (to_integer, "not an integer of 64 bits"),
    "number": (to_number, "not a number that stays the same in 64 bits"),
    "boolean": (to_boolean, "neither true nor false"),
}
"""For each type: what converts to it without loss (None: it cannot), and what to say of a value that it cannot."""


def _exact(value: object) -> Decimal | None:
    match value:
        case bool():
            return None
        case int() | Decimal():
            return Decimal(value)
        case float():
            return Decimal(value) if math.isfinite(value) else None
        case str() if _NUMBER.fullmatch(value):
            try:
                return Decimal(value)
            except InvalidOperation:  # an exponent beyond what Decimal holds
                return None
        case _:
            return None


def enum_key(value: object) -> str | None:
    """Return the key under which an `enum` has a scalar: its text, or its JSON spelling; 1.0 is 1."""
    if value is None:
        return "null"
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return to_string(value)


def cut(text: str, limit: int = 80) -> str:
    """Return the text, or its beginning and an ellipsis."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def shown(value: object) -> str:
    """Return a value as a reason names it: a scalar as JSON, cut; of the rest the kind."""
    match value:
        case dict():
            return "an object"
        case list():
            return "a list"
        case str():
            return json.dumps(cut(value), ensure_ascii=False)
        case _:
            return "null" if value is None else cut(to_string(value) or str(value))


def dotted(path: Sequence[str | int]) -> str:
    """Return a path as reasons write it: `lines.0.sku`."""
    return cut(".".join(map(str, path)), 120)


def schema_breaks(schema: Schema, value: JSON, root: str) -> str:
    """Say where a value breaks a schema, and how: at most five places, each path beginning with `root`."""
    breaks: list[str] = []
    for path, problem in schema.errors(value):
        place = dotted((root, *path) if root else path)
        breaks.append(f"{place}: {problem}" if place else problem)
    return "; ".join(breaks)
