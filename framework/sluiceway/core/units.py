"""Durations and sizes, written with their units: `30s`, `5m`, `256KiB`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar, Self

from pydantic_core import PydanticCustomError, core_schema

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue

_QUANTITY = re.compile(r"(\d{1,15}(?:\.\d{1,9})?)\s?([A-Za-z]{1,3})", re.ASCII)


def _parse(text: str, units: Mapping[str, float], kind: str, sample: str) -> float:
    """Return the number of base units that a text such as `5m` stands for, or raise ValueError."""
    found = _QUANTITY.fullmatch(text.strip())
    if found is None or found[2] not in units:
        names = ", ".join(units)
        raise ValueError(f"expected a {kind} such as {sample} (a number and one of {names}), found {text[:40]!r}")
    return float(found[1]) * units[found[2]]


class Duration(float):
    """A time span, in seconds; written as a number and a unit: `250ms`, `30s`, `5m`, `12h`, `4d`.

    Args:
        value: Such a text, or a number of seconds.

    Raises:
        ValueError: The text is no duration.
    """

    UNITS: ClassVar[Mapping[str, float]] = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}

    def __new__(cls, value: str | float) -> Self:  # noqa: D102 - the class docstring says it
        seconds = _parse(value, cls.UNITS, "duration", "30s") if isinstance(value, str) else value
        return super().__new__(cls, seconds)

    def __str__(self) -> str:
        for unit, factor in reversed(list(self.UNITS.items())):
            count = round(self / factor)
            if count and count * factor == self:  # what reading it gives; 0.25 is no multiple of 0.001 by `%`
                return f"{count}{unit}"
        return f"{float(self):.9f}".rstrip("0").rstrip(".") + "s"

    __repr__ = __str__

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return _unit_schema(cls, "duration", "30s")

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"type": "string", "pattern": r"^\d+(\.\d+)? ?(ms|s|m|h|d)$", "examples": ["30s", "5m"]}


class Size(int):
    """A number of bytes; written as a number and a unit: `64B`, `256KiB`, `1MiB`, `2GiB`, `5MB`.

    Args:
        value: Such a text, or a number of bytes.

    Raises:
        ValueError: The text is no size, or is not a whole number of bytes.
    """

    UNITS: ClassVar[Mapping[str, float]] = {
        "B": 1,
        "kB": 10**3,
        "MB": 10**6,
        "GB": 10**9,
        "KiB": 2**10,
        "MiB": 2**20,
        "GiB": 2**30,
    }

    def __new__(cls, value: str | int) -> Self:  # noqa: D102 - the class docstring says it
        if not isinstance(value, str):
            return super().__new__(cls, value)
        size = _parse(value, cls.UNITS, "size", "256KiB")
        if size != int(size):
            raise ValueError(f"{value!r} is not a whole number of bytes")
        return super().__new__(cls, int(size))

    def __str__(self) -> str:
        for unit in ("GiB", "MiB", "KiB"):
            factor = int(self.UNITS[unit])
            if self >= factor and self % factor == 0:
                return f"{self // factor}{unit}"
        return f"{int(self)}B"

    __repr__ = __str__

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return _unit_schema(cls, "size", "256KiB")

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {
            "type": "string",
            "pattern": r"^\d+(\.\d+)? ?(B|kB|MB|GB|KiB|MiB|GiB)$",
            "examples": ["256KiB", "1MiB"],
        }


def _unit_schema(cls: type[Duration | Size], kind: str, sample: str) -> core_schema.CoreSchema:
    def validate(value: object) -> Duration | Size:
        if isinstance(value, cls):
            return value
        if not isinstance(value, str):
            raise PydanticCustomError(
                "unit", "expected a {kind} with its unit, such as {sample}", {"kind": kind, "sample": sample}
            )
        try:
            return cls(value)
        except ValueError as error:
            raise PydanticCustomError("unit", "{reason}", {"reason": str(error)}) from None

    return core_schema.no_info_plain_validator_function(validate, serialization=core_schema.to_string_ser_schema())
