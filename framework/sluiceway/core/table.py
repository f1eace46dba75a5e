"""Tables in pipeline files: rows by their key, read once when the file is."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from decimal import Decimal
from typing import Final, cast, final

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from sluiceway.core.json import JSON

_MOST_DIGITS: Final = 400


@final
class Table:
    """Rows by their key. As a field of a component it is written as the name of one of the file's `tables`.

    Args:
        rows: By key. They are shared, and must not be changed.
    """

    __slots__ = ("_rows",)

    def __init__(self, rows: Mapping[str, JSON]) -> None:
        self._rows = rows

    def find(self, key: JSON) -> JSON | None:
        """Return the row of a key, None where there is none. A number finds the row whose key is its text: 7 finds `7`.

        Args:
            key: What to look up. What is no text and no number is the key of no row.
        """
        text = key_text(key)
        return None if text is None else self._rows.get(text)

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, key: object) -> bool:
        return key_text(key) in self._rows

    def __repr__(self) -> str:
        return f"Table({len(self)} rows)"

    @classmethod
    def _validate(cls, value: object, info: ValidationInfo) -> Table:
        if isinstance(value, Table):
            return value
        if not isinstance(value, str):
            raise PydanticCustomError("table", "expected the name of a table")
        context = cast("Mapping[str, object]", info.context or {})
        tables = cast("Mapping[str, Table]", context.get("tables") or {})
        if value in tables:
            return tables[value]
        near = difflib.get_close_matches(value, tables, n=1)
        known = f"there are {', '.join(sorted(tables))}" if tables else "the file has none under `tables`"
        said = {"found": value[:80], "known": f"did you mean `{near[0]}`?" if near else known}
        raise PydanticCustomError("table", "there is no table `{found}`: {known}", said)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(
            cls._validate, serialization=core_schema.to_string_ser_schema()
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "description": "The name of a table under `tables`."}


def key_text(key: object) -> str | None:
    """Return the text by which a row is found: of a text itself, of a number its shortest spelling, else None."""
    match key:
        case bool():
            return None
        case str():
            return key
        case int():
            return str(key)
        case float():
            return str(int(key)) if key.is_integer() else str(key)
        case Decimal():
            is_short = key.adjusted() < _MOST_DIGITS  # an exponent of millions must not become digits
            return str(int(key)) if is_short and key == key.to_integral_value() else str(key)
        case _:
            return None
