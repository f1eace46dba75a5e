"""Samples in pipeline files: a message's body in a JSON file beside the file, from which lint infers a shape."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias, cast

from pydantic import PlainValidator, ValidationInfo, WithJsonSchema
from pydantic_core import PydanticCustomError

from sluiceway.core.schema import read_json_file
from sluiceway.core.shape import Shape


def _read(value: object, info: ValidationInfo) -> Shape:
    if isinstance(value, Shape):
        return value
    if not isinstance(value, str):
        raise PydanticCustomError("sample_file", "expected the path of a JSON file")
    folder = cast("dict[str, Path]", info.context or {}).get("folder", Path())
    try:
        return Shape.of_value(read_json_file(folder / value, "a JSON file"))
    except ValueError as error:
        raise PydanticCustomError("sample_file", "{reason}", {"reason": str(error)}) from None


Sample: TypeAlias = Annotated[
    Shape,
    PlainValidator(_read),
    WithJsonSchema({"type": "string", "description": "The path of a JSON file, relative to this file."}),
]
"""A sample file, as the shape that it shows."""
