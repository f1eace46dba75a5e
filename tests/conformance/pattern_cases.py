"""Patterns and events drawn by chance, so that most events are near a match and each operator is met."""

from __future__ import annotations

from random import Random
from typing import Any

NAMES = ("a", "b", "c")
TEXTS = (
    "",
    "a",
    "A",
    "ab",
    "aB",
    "ba",
    "b*",
    "a\\b",
    "*",
    "ß",
    "SS",
    "ss",
    "𐐀",
    "10.0.0.1",
    "010.0.0.1",
    "::1",
    "10.0.1.9",
)
NUMBERS = (0, 1, 2, 2.0, 2.5, -1, 0.000001, 5_000_000_000, -5_000_000_000)
BEYOND = (5_000_000_001, -6e9, 0.0000001, 0.30000000000000004)
WILDCARDS = ("*", "a*", "*a", "a*b", "*a*", "", "ab", r"\*", r"*\\*", r"\**", "A*b*", "*ab*ba*")
BLOCKS = ("10.0.0.0/24", "10.0.0.7/23", "0.0.0.0/0", "::/64")
RANGES = ([">", 0, "<=", 2], [">=", -1, "<", 2.5], ["=", 2], ["<", 1], ["<=", 2.5], [">", 2], [">=", 0.000001])
WRONG: tuple[Any, ...] = (
    *([], {}, ["x"], {"a": 1}, {"prefix": 1}, {"prefix": ["a"]}, {"suffix": {"prefix": "a"}}, {"Prefix": "a"}),
    *({"wildcard": "**"}, {"wildcard": "a\\"}, {"wildcard": "\\a"}, {"exists": 1}, {"exists": "true"}, {"exactly": 1}),
    *({"anything-but": []}, {"anything-but": ["a", 1]}, {"anything-but": None}, {"anything-but": {"prefix": ""}}),
    *({"anything-but": {"suffix": []}}, {"anything-but": {"cidr": "::/64"}}, {"anything-but": [6e9]}, {"prefix": None}),
    *({"anything-but": {"wildcard": ["a", "**"]}}, {"anything-but": {}}, {"anything-but": {"prefix": {"x": "y"}}}),
    *({"numeric": ["<", 1, ">", 0]}, {"numeric": [">", 2, "<", 2]}, {"numeric": ["=", 6e9]}, {"numeric": [">"]}),
    *({"numeric": ["!=", 1]}, {"numeric": ["=", "1"]}, {"numeric": 1}, {"numeric": [">", 1e-7]}, {"numeric": []}),
    *({"cidr": "10.0.0.0"}, {"cidr": "10.0.0.1/32"}, {"cidr": "::1/128"}, {"cidr": "a/8"}, {"cidr": 10}),
    *({"prefix": "a", "suffix": "b"}, {"equals-ignore-case": ["a"]}, {"equals-ignore-case": None}),
)


def draw(random: Random) -> tuple[Any, dict[str, Any]]:
    """Draw a pattern and an event for it."""
    pattern = _fields(random, depth=0)
    event = _event_for(random, pattern) if random.random() < 0.8 else {}
    for _ in range(random.choice((0, 0, 1, 2))):
        event[random.choice(NAMES)] = _value(random, depth=0)
    if random.random() < 0.15:
        pattern = _spoiled(random, pattern)
    return pattern, event


def _fields(random: Random, depth: int) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for _ in range(random.choice((1, 1, 2, 2, 3))):
        name = random.choice(NAMES) if random.random() < 0.95 else f"{random.choice(NAMES)}.{random.choice(NAMES)}"
        fields[name] = _fields(random, depth + 1) if depth < 2 and random.random() < 0.4 else _leaf(random)
    if depth < 2 and random.random() < 0.2:
        either = [_fields(random, depth + 1) for _ in range(random.choice((2, 2, 3)))]
        fields = {"$or": either, **fields} if random.random() < 0.5 else {**fields, "$or": either}
    return fields


def _leaf(random: Random) -> list[Any]:
    if random.random() < 0.3:  # where elements of arrays are chosen, few values decide more often
        return [random.choice((1, 2, {"exists": False}, {"exists": True}))]
    return [_entry(random) for _ in range(random.choice((1, 1, 2, 3)))]


def _entry(random: Random) -> Any:
    text = random.choice(TEXTS)
    some = [random.choice(TEXTS) for _ in range(random.choice((1, 2)))]
    return random.choice(
        (
            *(_scalar(random), {"exists": random.random() < 0.5}, {"exactly": text}, {"equals-ignore-case": text}),
            *({name: {"equals-ignore-case": text}} for name in ("prefix", "suffix")),
            *({"prefix": text}, {"suffix": text}, {"wildcard": random.choice(WILDCARDS)}),
            *({"numeric": list(random.choice(RANGES))}, {"cidr": random.choice(BLOCKS)}),
            *({"anything-but": some}, {"anything-but": random.choice(NUMBERS)}, {"anything-but": text}),
            {"anything-but": [random.choice(NUMBERS), random.choice(NUMBERS)]},
            {"anything-but": {"equals-ignore-case": some}},
            {"anything-but": {random.choice(("prefix", "suffix")): [one or "a" for one in some]}},
            {"anything-but": {"wildcard": [random.choice(WILDCARDS), random.choice(WILDCARDS)]}},
        )
    )


def _scalar(random: Random) -> Any:
    kinds = (TEXTS, TEXTS, NUMBERS, NUMBERS, BEYOND, (None, True, False))
    return random.choice(random.choice(kinds))


def _value(random: Random, depth: int) -> Any:
    kind = random.random()
    if depth > 2 or kind < 0.5:
        return _scalar(random)
    if kind < 0.75:
        return [_value(random, depth + 1) for _ in range(random.choice((0, 1, 2, 3)))]
    return {name: _value(random, depth + 1) for name in NAMES if random.random() < 0.5}


def _event_for(random: Random, pattern: dict[str, Any]) -> dict[str, Any]:
    """Make an event that the pattern is likely to match."""
    event: dict[str, Any] = {}
    for name, inner in pattern.items():
        if name == "$or":
            event |= _event_for(random, random.choice(inner))
            continue
        value = _event_for(random, inner) if isinstance(inner, dict) else _accepted(random, random.choice(inner))
        if value is not _ABSENT:
            head, dot, tail = name.partition(".")
            event[head] = {tail: _among(random, value)} if dot else _among(random, value)
    return event


_ABSENT = object()


def _among(random: Random, value: Any) -> Any:
    """Put a value among others in a list, or leave it alone."""
    if random.random() < 0.7:
        return value
    elements = [value, *(_value(random, depth=1) for _ in range(random.choice((0, 1, 2))))]
    if isinstance(value, dict) and random.random() < 0.5:  # its fields split up: no single element has them all
        elements += [{name: inner} for name, inner in value.items()]
        elements.remove(value)
    random.shuffle(elements)
    return [elements] if random.random() < 0.1 else elements


def _accepted(random: Random, entry: Any) -> Any:
    """Find a value that an entry may well accept."""
    if not isinstance(entry, dict):
        return entry
    ((name, argument),) = entry.items()
    if isinstance(argument, dict) and name != "anything-but":
        argument = argument["equals-ignore-case"].swapcase()
    if name == "exists":
        return _scalar(random) if argument else _ABSENT
    if name == "wildcard":
        return argument.replace("*", random.choice(("", "a", "ab", "*"))).replace("\\", "")
    made = {
        "exactly": argument,
        "prefix": f"{argument}{random.choice(TEXTS)}",
        "suffix": f"{random.choice(TEXTS)}{argument}",
        "equals-ignore-case": str(argument).swapcase(),
        "cidr": random.choice(("10.0.0.1", "10.0.1.9", "::1")),
        "numeric": random.choice(NUMBERS),
    }
    return made[name] if name in made else _scalar(random)


def _spoiled(random: Random, pattern: dict[str, Any]) -> Any:
    """Put something into a pattern that makes it none, or nearly so."""
    spoiled = dict(pattern)
    name = random.choice(list(spoiled))
    if isinstance(spoiled[name], dict) and random.random() < 0.7:
        return {**spoiled, name: _spoiled(random, spoiled[name])}
    where = random.random()
    if where < 0.6 and isinstance(spoiled[name], list):
        spoiled[name] = [*spoiled[name], random.choice(WRONG)]
    elif where < 0.8:
        spoiled[name] = random.choice((*WRONG, None, "a", 1))
    elif where < 0.9:
        spoiled["$or"] = [{random.choice(("prefix", "a", "regex")): ["a"]} for _ in range(random.choice((1, 2)))]
    else:
        spoiled["$or"] = random.choice((["a"], {"a": ["x"]}, [{"exists": True}], [{"prefix": "a"}, "a"], [], "a"))
    return spoiled
