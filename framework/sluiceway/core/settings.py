"""The base of everything that a pipeline file sets."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from sluiceway.core.shape import Shape


class Settings(BaseModel):
    """A part of a component's settings: frozen, closed, and silent about its input in errors."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, arbitrary_types_allowed=True, strict=False
    )

    def view_for(self, key: str, view: Shape) -> Shape:
        """Return what expressions and patterns under a key of these settings see, for lint to check their names.

        Args:
            key: The field's name in Python.
            view: What those under these settings see: the message, or what settings around them have made of it.
        """
        return view
