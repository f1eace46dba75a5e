"""JSON as Sluiceway reads and writes it."""

from __future__ import annotations

from decimal import Decimal
from typing import TypeAlias

JSON: TypeAlias = "dict[str, JSON] | list[JSON] | str | int | float | Decimal | bool | None"
"""A parsed JSON value. `Decimal` appears only with `numbers: exact`, for a number that a float would change."""
