"""What the list under one field of an event pattern may hold, and what each entry means.

The operators and what is refused follow EventBridge's page "Comparison operators for use in event patterns";
where it is silent, the matcher that AWS publishes (event-ruler) decides.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias, cast

from sluiceway.core import pattern_predicates as predicates
from sluiceway.core.errors import InvalidPattern
from sluiceway.core.pattern_predicates import Predicate

Path: TypeAlias = tuple[str | int, ...]
Compiled: TypeAlias = tuple[Predicate, str]
"""A test and what it wants, in words."""
Operator: TypeAlias = Callable[[object, Path], Compiled]

NUMERIC_LIMIT = 5_000_000_000
NUMERIC_DIGITS = 6
"""Numbers are compared from -5e9 to 5e9, with six digits after the point: the limits that the service documents."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """The list under one field: any of its entries may match.

    Attributes:
        test: Whether one scalar is accepted.
        absent: Whether the field may be missing (`exists: false` is among the entries).
        wants: The list in words, for messages.
    """

    test: Predicate
    absent: bool
    wants: str


def cut(text: str, limit: int = 80) -> str:
    """Shorten a text to `limit` characters, the last one an ellipsis."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def shown(value: object) -> str:
    """Write a value as JSON for a message, cut at 80 characters; objects and lists by their kind only."""
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return cut(format(Decimal(value)))  # str() refuses integers of more than 4300 digits
    return cut(json.dumps(value[:81] if isinstance(value, str) else value, ensure_ascii=False))


def compile_leaf(entries: list[object], path: Path) -> Leaf:
    """Compile the list under one field.

    Args:
        entries: The values and operator objects of the list.
        path: Where the list stands in the pattern.

    Raises:
        InvalidPattern: The list is empty, or an entry is one that EventBridge refuses.
    """
    if not entries:
        raise InvalidPattern("an empty list matches nothing; list the values that the field may have", path)
    plain = [entry for entry in entries if not isinstance(entry, Mapping | list)]
    compiled = [_values(plain)] if plain else []
    absent = False
    for index, entry in enumerate(entries):
        here = (*path, index)
        if isinstance(entry, list):
            raise InvalidPattern("a list inside a list is not allowed; write its values into the outer list", here)
        if isinstance(entry, Mapping):
            name, argument = _only_key(cast("Mapping[str, object]", entry), here, tuple(OPERATORS))
            if name == "exists" and argument is False:
                absent = True
            else:
                compiled.append(OPERATORS[name](argument, (*here, name)))
    words = [*(word for _, word in compiled), *(["no such field"] if absent else [])]
    return Leaf(predicates.any_of([test for test, _ in compiled]), absent, " or ".join(words))


def _values(values: list[object]) -> Compiled:
    words = " or ".join(map(shown, values))
    addresses = frozenset(address for value in values if (address := predicates.address(value)))
    if addresses:
        return predicates.any_of([predicates.equals(values), predicates.same_address(addresses)]), words
    return predicates.equals(values), words


def _only_key(entry: Mapping[str, object], path: Path, allowed: tuple[str, ...]) -> tuple[str, object]:
    if len(entry) != 1:
        found = ", ".join(map(shown, entry)) or "none"
        raise InvalidPattern(f"an operator object has exactly one key, found {cut(found)}", path)
    name, argument = next(iter(entry.items()))
    if name not in allowed:
        near = difflib.get_close_matches(name[:80].lower().replace("_", "-"), allowed, n=1)
        hint = f'did you mean "{near[0]}"?' if near else f"allowed: {', '.join(allowed)}"
        raise InvalidPattern(f"{shown(name)} is not an operator here; {hint}", (*path, name))
    return name, argument


def _text(argument: object, path: Path) -> str:
    if not isinstance(argument, str):
        raise InvalidPattern(f'"{path[-1]}" takes a string, found {shown(argument)}', path)
    return argument


def _list(argument: object) -> list[object]:
    return cast("list[object]", argument) if isinstance(argument, list) else [argument]


def _on_text(make: Callable[[str], Predicate], words: str) -> Operator:
    """Make an operator that takes a string."""

    def compile_one(argument: object, path: Path) -> Compiled:
        text = _text(argument, path)
        return make(text), words.format(shown(text))

    return compile_one


def _on_cased_text(exact: Operator, folded: Operator) -> Operator:
    """Make an operator that takes a string or `{equals-ignore-case: string}`."""

    def compile_one(argument: object, path: Path) -> Compiled:
        if not isinstance(argument, Mapping):
            return exact(argument, path)
        name, text = _only_key(cast("Mapping[str, object]", argument), path, ("equals-ignore-case",))
        return folded(text, (*path, name))

    return compile_one


def _wildcard(argument: object, path: Path) -> Compiled:
    text = _text(argument, path)
    parts = [""]
    characters = iter(enumerate(text))
    for index, char in characters:
        if char == "*":
            if text[index + 1 : index + 2] == "*":
                raise InvalidPattern(f"two stars in a row in {shown(text)}; one matches any text", path)
            parts.append("")
        elif char == "\\":
            _, escaped = next(characters, (0, ""))
            if escaped not in ("*", "\\"):
                raise InvalidPattern(f"a backslash must stand before a star or a backslash: {shown(text)}", path)
            parts[-1] += escaped
        else:
            parts[-1] += char
    return predicates.contains_in_order(parts), f"text like {shown(text)}"


def _anything_but(argument: object, path: Path) -> Compiled:
    if isinstance(argument, Mapping):
        name, texts = _only_key(cast("Mapping[str, object]", argument), path, _REFUSABLE)
        return _anything_but_texts(name, _list(texts), (*path, name))
    values = _list(argument)
    if not values or not (all(isinstance(value, str) for value in values) or all(map(predicates.is_number, values))):
        found = "an empty list" if not values else ", ".join(map(shown, values))
        raise InvalidPattern(f'"anything-but" takes only strings or only numbers, found {cut(found)}', path)
    for value in values:
        if not isinstance(value, str):
            _bound(value, path)
    return predicates.none_of([predicates.equals(values)]), f"anything but {' or '.join(map(shown, values))}"


def _anything_but_texts(name: str, texts: list[object], path: Path) -> Compiled:
    if not texts:
        raise InvalidPattern(f'"{name}" needs at least one string', path)
    if name in ("prefix", "suffix") and "" in texts:
        raise InvalidPattern(f"an empty {name} would refuse every string", path)
    compiled = [OPERATORS[name](_text(text, path), path) for text in texts]
    return predicates.none_of(
        [test for test, _ in compiled]
    ), f"anything but {' or '.join(word for _, word in compiled)}"


def _numeric(argument: object, path: Path) -> Compiled:
    terms = _list(argument)
    signs, numbers = terms[::2], terms[1::2]
    single = len(terms) == 2 and signs[0] in ("=", *predicates.COMPARE)
    ranged = len(terms) == 4 and signs[0] in (">", ">=") and signs[1] in ("<", "<=")
    if not isinstance(argument, list) or not (single or ranged):
        raise InvalidPattern('"numeric" is ["=", n], ["<", n], [">=", n] or a range such as [">", 0, "<=", 5]', path)
    bounds = [(str(sign), _bound(number, path)) for sign, number in zip(signs, numbers, strict=True)]
    words = "a number " + " and ".join(f"{sign} {shown(number)}" for sign, number in bounds)
    if bounds[0][0] == "=":
        return predicates.equals([bounds[0][1]]), words
    low = bounds[0] if bounds[0][0] in (">", ">=") else (">=", -NUMERIC_LIMIT)
    high = bounds[-1] if bounds[-1][0] in ("<", "<=") else ("<=", NUMERIC_LIMIT)
    if low[1] >= high[1]:
        raise InvalidPattern(f"the lower bound {low[1]:g} is not below the upper bound {high[1]:g}", path)
    return predicates.between(low, high), words


def _bound(number: object, path: Path) -> float:
    if not predicates.is_number(number):
        raise InvalidPattern(f"a comparison sign is followed by a number, found {shown(number)}", path)
    value = cast("float", predicates.number_key(number))
    if not -NUMERIC_LIMIT <= value <= NUMERIC_LIMIT:
        raise InvalidPattern(f'"{path[-1]}" works from -5e9 to 5e9, found {shown(number)}', path)
    if round(value, NUMERIC_DIGITS) != value:
        raise InvalidPattern(f'"{path[-1]}" takes at most six digits after the point, found {shown(number)}', path)
    return value


def _cidr(argument: object, path: Path) -> Compiled:
    text = _text(argument, path)
    base, _, mask = text.partition("/")
    address = predicates.address(base)
    if address is None or not re.fullmatch(r"[0-9]{1,3}", mask):
        raise InvalidPattern(f'"cidr" takes a block such as "10.0.0.0/24", found {shown(text)}', path)
    longest = 31 if address[0] == 4 else 127
    if int(mask) > longest:
        advice = "for a single address write it as a plain string"
        raise InvalidPattern(f"an IPv{address[0]} block has a mask of at most {longest}, found {mask}; {advice}", path)
    return predicates.in_block(*address, int(mask)), f"an address in {text}"


def _exists(argument: object, path: Path) -> Compiled:
    if argument is not True:  # compile_leaf keeps False for itself: a missing field has no value to test
        raise InvalidPattern(f'"exists" is true or false, found {shown(argument)}', path)
    return (lambda _: True), "any value"


_starts = _on_text(predicates.starts, "text starting with {}")
_ends = _on_text(predicates.ends, "text ending with {}")

OPERATORS: dict[str, Operator] = {
    "prefix": _on_cased_text(_starts, _on_text(predicates.starts_in_any_case, "text starting with {} in any case")),
    "suffix": _on_cased_text(_ends, _on_text(predicates.ends_in_any_case, "text ending with {} in any case")),
    "equals-ignore-case": _on_text(predicates.equals_in_any_case, "{} in any case"),
    "wildcard": _wildcard,
    "anything-but": _anything_but,
    "numeric": _numeric,
    "cidr": _cidr,
    "exists": _exists,
    "exactly": _on_text(lambda text: predicates.equals([text]), "{}"),
}
_REFUSABLE = ("prefix", "suffix", "equals-ignore-case", "wildcard")
"""What "anything-but" may hold in place of values."""
