"""How a pipeline file writes a table."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from sluiceway.core.json import JSON
from sluiceway.core.settings import Settings


class TableSource(Settings):
    """Rows that stages look up: those of a file beside this one, or those written here."""

    file: str | None = Field(
        default=None, description="A .csv, .json or .yaml file, relative to this file.", examples=["countries.csv"]
    )
    key: str | None = Field(
        default=None, description="The column, or member of each object, whose value is a row's key."
    )
    rows: dict[str, JSON] | None = Field(default=None, description="The rows by their keys, in place of a file.")

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.file is None) == (self.rows is None):
            found = "both" if self.file else "neither"
            raise PydanticCustomError("table", "expected either `file` or `rows`, found {found}", {"found": found})
        if self.rows is not None and self.key is not None:
            raise PydanticCustomError("table", "`rows` stand here by their keys: `key` is for a file")
        return self
