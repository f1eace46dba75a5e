"""JMESPath's own functions, without silent loss in numbers."""

from __future__ import annotations

import math
import re
from decimal import Context, Decimal
from typing import cast

from jmespath.functions import REVERSE_TYPES_MAP, TYPES_MAP, Functions, signature

from sluiceway.core.jmes_work import MAX_TEXT, TooMuchWork
from sluiceway.core.json import JSON, InvalidJSON, dump, parse

_JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_EXACT = Context(prec=20_000)  # holds any sum of the numbers that `parse` lets in

# The library knows types by name, in these tables; nothing else that it may meet is called Decimal.
TYPES_MAP["Decimal"] = "number"
REVERSE_TYPES_MAP["number"] = (*REVERSE_TYPES_MAP["number"], "Decimal")


class StandardFunctions(Functions):
    """JMESPath's own functions, those that lose digits in the library replaced."""

    @signature({"types": ["number"]})
    def _func_abs(self, number: float | Decimal) -> float | Decimal:
        return number.copy_abs() if isinstance(number, Decimal) else abs(number)  # abs() rounds to 28 digits

    @signature({"types": ["array-number"]})
    def _func_sum(self, numbers: list[float | Decimal]) -> float | Decimal:
        if not any(isinstance(number, Decimal) for number in numbers):
            return _finite(sum(cast("list[float]", numbers)))
        total = Decimal(0)
        for number in numbers:
            total = _EXACT.add(total, Decimal(str(number)))
        return total

    @signature({"types": ["array-number"]})
    def _func_avg(self, numbers: list[float | Decimal]) -> float | Decimal | None:
        return self._func_sum(numbers) / len(numbers) if numbers else None

    @signature({"types": ["string"]}, {"types": ["array-string"]})
    def _func_join(self, glue: str, texts: list[str]) -> str:
        if len(glue) * len(texts) + sum(map(len, texts)) > MAX_TEXT:
            raise TooMuchWork
        return glue.join(texts)

    @signature({"types": []})
    def _func_to_number(self, value: object) -> JSON:
        if isinstance(value, str) and _JSON_NUMBER.fullmatch(value):
            try:
                return parse(value.encode(), exact=True)
            except InvalidJSON:  # beyond the digits that we keep
                return None
        return value if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool) else None

    @signature({"types": []})
    def _func_to_string(self, value: JSON) -> str:
        return value if isinstance(value, str) else dump(value).decode()

    @signature({"types": []})
    def _func_type(self, value: object) -> str:
        return TYPES_MAP[type(value).__name__]


def _finite(number: float) -> float:
    if abs(number) == math.inf:  # not `isfinite`: an int may be beyond a double, and stays exact
        raise OverflowError("the sum is too large for a double")
    return number
