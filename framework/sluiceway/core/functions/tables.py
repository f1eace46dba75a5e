"""The look-up in the tables of a pipeline file."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Protocol

from sluiceway.core.functions.documented import documented
from sluiceway.core.functions.signatures import ANY, TEXT, literal, short, signature
from sluiceway.core.json import JSON


class Lookup(Protocol):
    """A table: rows by their key."""

    def find(self, key: JSON, /) -> JSON | None:
        """Return the row of a key; None when there is none."""
        ...


Tables = Mapping[str, Lookup]
NO_TABLES: Final[Tables] = MappingProxyType({})


class TableFunctions:
    """Tables."""

    def __init__(self, tables: Tables = NO_TABLES) -> None:
        self._tables = tables

    @signature(literal(TEXT), ANY)
    @documented(
        "The row of a key in one of the file's `tables`; null where there is none. The table's name stands in the "
        "expression itself: `lookup('countries', body.country).name`.",
    )
    def _func_lookup(self, table: str, key: JSON) -> JSON:
        return self._tables[table].find(key)

    def _check_lookup(self, table: str | None, _key: JSON) -> None:
        if table is None or table in self._tables:
            return
        near = difflib.get_close_matches(table, self._tables, n=1)
        known = f"there are {', '.join(sorted(self._tables))}" if self._tables else "the file has none under `tables`"
        raise ValueError(f"there is no table {short(table)}: {f'did you mean {near[0]}?' if near else known}")
