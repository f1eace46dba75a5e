"""Expressions against the jmespath library: generated pairs of expression and document, by number.

Three answers are compared for each pair: the library's own, the library's interpreter with our functions, and ours,
compiled, both through `Expression` and straight over the document. Where a function of ours replaces one of the
library's (numbers are exact, texts are JSON), the second takes the place of the first.
"""

# ruff: noqa: T201 - what it prints is its purpose

from __future__ import annotations

import re
import time
import warnings
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

import jmespath
from jmespath.functions import Functions
from jmespath.parser import Parser
from jmespath.visitor import Options, TreeInterpreter

from sluiceway.core.errors import InvalidExpression, Reject
from sluiceway.core.expression import Expression
from sluiceway.core.jmes_compile import compile_tree
from sluiceway.core.jmes_functions import SluicewayFunctions
from sluiceway.core.jmes_work import Work
from sluiceway.core.message import Message

from .expression_pairs import pair

CASES = 100_000
ERROR = "an error"

_OURS = SluicewayFunctions()
_TABLE: Mapping[str, Mapping[str, Any]] = SluicewayFunctions.FUNCTION_TABLE
_REPLACED = {
    name for name in _TABLE if _TABLE[name]["function"] is not Functions.FUNCTION_TABLE.get(name, {}).get("function")
}
_CALL = re.compile(r"(\w+)\(")


def main(cases: int = CASES) -> int:
    """Compare this many pairs, print what came of it, and return 1 if any two answers differ."""
    started = time.monotonic()
    nulls = errors = mismatches = 0
    for number in range(cases):
        text, document = pair(Random(number))  # noqa: S311 - chance, not secrecy
        expected, others = answers(text, document)
        nulls += expected == "None"
        errors += expected == ERROR
        if wrong := {name: answer for name, answer in others.items() if answer != expected}:
            mismatches += 1
            print(f"pair {number}: {text}\n  over {document!r}\n  is {expected}\n  but {wrong}")
    shares = f"not null {1 - (nulls + errors) / max(1, cases):.1%}, errors {errors / max(1, cases):.1%}"
    print(f"expressions: {cases} pairs: {shares}; {mismatches} mismatches; {time.monotonic() - started:.0f} s")
    return 1 if mismatches else 0


def answers(text: str, document: Any) -> tuple[str, dict[str, str]]:
    """Return the library's answer, and ours by how they were computed; a written form tells 1, 1.0 and true apart."""
    interpreted = _answer(lambda: TreeInterpreter(Options(custom_functions=_OURS)).visit(_tree(text), document))
    is_replaced = any(name in _REPLACED for name in _CALL.findall(text))
    expected = interpreted if is_replaced else _answer(lambda: jmespath.search(text, document))
    ours = {
        "interpreted": interpreted,
        "compiled": _answer(lambda: compile_tree(_tree(text), _OURS)(document, Work())),
        "as an expression": _answer(lambda: Expression(jmes=f"body | {text}").evaluate(Message(document).view)),
    }
    if isinstance(document, dict):
        ours["over a view"] = _answer(lambda: Expression(jmes=text).evaluate(document))
    return expected, ours


def _tree(text: str) -> Any:
    return Parser().parse(text).parsed


def _answer(compute: Callable[[], object]) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        try:
            return repr(compute())
        except (Reject, InvalidExpression, ValueError, TypeError, ArithmeticError):
            return ERROR
