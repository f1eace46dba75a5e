"""Pairs of an expression and a document, made so that most of the paths in the one exist in the other.

Each part of an expression is made for the value that the part before it gives.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping
from decimal import Decimal
from random import Random
from typing import Any

from jmespath.functions import Functions
from jmespath.parser import Parser
from jmespath.visitor import Options, TreeInterpreter

from sluiceway.core.jmes_functions import SluicewayFunctions

_FUNCTIONS: Mapping[str, Mapping[str, Any]] = Functions.FUNCTION_TABLE
_INTERPRETER = TreeInterpreter(Options(custom_functions=SluicewayFunctions()))
_KEYS = ("a", "b", "c", "qty", "two words", "é", "")
_TEXTS = ("", "a", "b", "ab", "1", "-2.5", "true", "é", 'quote " and \\')
_NUMBERS = (0, 1, -1, 2, 3, 10, 0.0, 1.0, 0.5, -2.5, 1e20, 2**63)
_EXACT = (Decimal("0.1234567890123456789"), Decimal("1E+400"))


def pair(random: Random) -> tuple[str, Any]:
    """Make an expression and a document in which most of its paths exist."""
    document = None
    while document is None or (not document and random.random() < 0.9) or not isinstance(document, (dict, list)):
        document = _value(random, levels=random.choice((2, 3, 3, 4, 5)))
        if random.random() < 0.05:  # any JSON is a document
            break
    for _ in range(3):  # most pairs give something
        text = _expression(random, document, levels=random.choice((1, 2, 2, 3, 3, 4)))
        if result_of(text, document) is not None:
            break
    return text, document


def _value(random: Random, levels: int) -> Any:
    kind = random.random()
    if levels and kind < 0.4:
        return {key: _value(random, levels - 1) for key in random.sample(_KEYS, random.randint(0, 4))}
    if levels and kind < 0.6:  # elements alike, as in real documents
        keys = random.sample(_KEYS, 2)
        return [{key: _value(random, max(0, levels - 2)) for key in keys} for _ in range(random.randint(1, 4))]
    if levels and kind < 0.75:
        return [_value(random, levels - 1) for _ in range(random.randint(0, 4))]
    if levels and kind < 0.85:
        of = random.choice((_TEXTS, _NUMBERS))
        return [random.choice(of) for _ in range(random.randint(0, 5))]
    if kind > 0.99:
        return random.choice(_EXACT)
    return random.choice((random.choice(_TEXTS), random.choice(_NUMBERS), None, True, False))


def _expression(random: Random, value: Any, levels: int) -> str:
    if levels <= 0:
        return _leaf(random, value)
    return random.choice(_MAKERS)(random, value, levels - 1)


def _leaf(random: Random, value: Any) -> str:
    kind = random.random()
    if kind < 0.1:
        return random.choice(
            ("`0`", "`1`", "`true`", "`null`", "'a'", "''", '`"a"`', "`[]`", "`[1, [2, null]]`", "`{}`")
        )
    if kind < 0.15:
        return "@"
    if isinstance(value, dict):
        return random.choice((_name(random, value), _name(random, value), _name(random, value), "*"))
    if isinstance(value, list):
        return random.choice((_index(random), _slice(random), "[*]", "[]", "@"))
    return random.choice(("@", "@", _name(random, {}), "[0]"))


def _name(random: Random, value: dict[str, Any]) -> str:
    name = random.choice(list(value)) if value and random.random() < 0.9 else random.choice(_KEYS)
    return name if name.isascii() and name.isalpha() and random.random() < 0.9 else f'"{name}"'


def _index(random: Random) -> str:
    return f"[{random.choice((0, 0, 1, -1, 2, 9))}]"


def _slice(random: Random) -> str:
    start, stop = (random.choice(("", "", "0", "1", "-1", "3", "-9")) for _ in range(2))
    return f"[{start}:{stop}{random.choice(('', '', ':', ':1', ':2', ':-1', ':-2', ':0'))}]"


def result_of(text: str, value: Any) -> Any:
    """Return what an expression gives, or None where it raises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        try:
            return _INTERPRETER.visit(Parser().parse(text).parsed, value)
        except (ValueError, TypeError, ArithmeticError):
            return None


def _one(random: Random, value: Any) -> Any:
    items = list(value.values()) if isinstance(value, dict) else value
    return random.choice(items) if isinstance(items, list) and items else None


def _pipe(random: Random, value: Any, levels: int) -> str:
    left = _expression(random, value, levels)
    return f"{left} | {_expression(random, result_of(left, value), levels)}"


def _chain(random: Random, value: Any, levels: int) -> str:
    """Follow one part with what may stand right behind it."""
    left = _expression(random, value, levels)
    found = result_of(left, value)
    if random.random() < 0.5 and re.search(r"\*|\[\]|\[\?|:", left):  # a projection goes on with its elements
        found = _one(random, found)
    if isinstance(found, list):
        tails = (
            _index(random),
            _slice(random),
            "[*]",
            "[]",
            _filter(random, found, levels),
            _in_elements(random, found),
        )
        return left + random.choice(tails)
    members = found if isinstance(found, dict) else {}
    name = _name(random, members)
    tails = (name, name, name, "*", _list(random, found, levels - 1), _object(random, found, levels - 1))
    return f"{left}.{random.choice(tails)}"


def _in_elements(random: Random, value: Any) -> str:
    member = _one(random, value)
    return f"[*].{_name(random, member if isinstance(member, dict) else {})}"


def _filter(random: Random, value: Any, levels: int) -> str:
    make = _condition if random.random() < 0.7 else _expression
    return f"[?{make(random, _one(random, value), min(levels, 1))}]"


def _filtered(random: Random, value: Any, levels: int) -> str:
    return f"@{_filter(random, value, levels)}"


def _member(random: Random, value: Any, _: int) -> str:
    return _leaf(random, value)


def _condition(random: Random, value: Any, levels: int) -> str:
    operator = random.choice(("==", "!=", "<", "<=", ">", ">="))
    left = _expression(random, value, levels - 1)
    right = _expression(random, value, levels - 1)
    if random.random() < 0.6:
        found = result_of(left, value)
        right = f"`{found}`" if type(found) in (int, float) else "'a'" if isinstance(found, str) else right
    return f"{left} {operator} {right}"


def _list(random: Random, value: Any, levels: int) -> str:
    return f"[{', '.join(_expression(random, value, levels - 1) for _ in range(random.randint(1, 3)))}]"


def _object(random: Random, value: Any, levels: int) -> str:
    keys = random.choices(_KEYS, k=random.randint(1, 3))
    return "{" + ", ".join(f'"{key}": {_expression(random, value, levels - 1)}' for key in keys) + "}"


def _logic(random: Random, value: Any, levels: int) -> str:
    left, right = _expression(random, value, levels), _expression(random, value, levels - 1)
    form = random.choice(("{} || {}", "{} && {}", "!{}", "!({})", "({}) || ({})", "({}) && !{}"))
    return form.format(left, right)


def _in_brackets(random: Random, value: Any, levels: int) -> str:
    return f"({_expression(random, value, levels)})"


def _wide(random: Random, value: Any, levels: int) -> str:
    """Name a value so often that the compiled expression weighs it; seldom, as that takes long."""
    if random.random() < 0.2:
        left = _expression(random, value, levels)
        return f"{left} | [@, @, @, @, @] | {{a: @, b: @, c: @, d: @}} | [a, b, c, d]"
    return _chain(random, value, levels)


def _call(random: Random, value: Any, levels: int) -> str:
    name = random.choice(list(_FUNCTIONS))
    signature = _FUNCTIONS[name]["signature"]
    arguments = [_argument(random, value, levels, takes["types"]) for takes in signature]
    return f"{name}({', '.join(arguments)})"


def _argument(random: Random, value: Any, levels: int, types: list[str]) -> str:
    if "expref" in types:
        return f"&{_expression(random, _one(random, value), min(levels, 1))}"
    wanted = random.choice(types).split("-") if types else ["any"]
    for _ in range(4):  # most are what the function takes
        text = _expression(random, value, levels - 1)
        found = result_of(text, value)
        if _is(found, wanted[0]) and (len(wanted) == 1 or all(_is(item, wanted[1]) for item in found)):
            return text
    return f"{text} | @"  # a literal of a wrong type may be refused when it is compiled


def _is(value: Any, kind: str) -> bool:
    python = {"array": list, "object": dict, "string": str, "number": (int, float, Decimal), "any": object}[kind]
    return isinstance(value, python) and not (kind == "number" and isinstance(value, bool))


_Maker = Callable[[Random, Any, int], str]
_MAKERS: tuple[_Maker, ...] = (
    *(_pipe, _chain, _chain, _chain, _chain, _condition, _list, _object, _logic, _call, _call),
    *(_in_brackets, _filtered, _wide, _member),
)
