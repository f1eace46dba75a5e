"""JSON Schema in pipeline files: a path beside the file, read and compiled once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import jsonschema_rs
from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import PydanticCustomError, core_schema

from sluiceway.core import json
from sluiceway.core.json import JSON

_LIMIT = 1024 * 1024
_LONGEST = 200


def read_json_file(path: Path, what: str) -> JSON:
    """Return what a JSON file beside a pipeline file holds.

    Raises:
        ValueError: It is missing, a folder, too large, unreadable or not JSON; the message says which.
    """
    if not path.exists():
        raise ValueError(f"there is no file {path}")
    if not path.is_file():
        raise ValueError(f"{path} is a folder, not {what}")
    try:
        if path.stat().st_size > _LIMIT:
            raise ValueError(f"{path} is larger than 1 MiB")
        return json.parse(path.read_bytes())
    except json.InvalidJSON as error:
        raise ValueError(f"{path} is not JSON: {error}") from error
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from error


class Schema:
    """A JSON Schema file, named relative to the pipeline file.

    Args:
        path: The file.

    Raises:
        ValueError: The file is missing, a folder, too large, not JSON, or no JSON Schema; the message says which.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.document = read_json_file(path, "a JSON Schema file")
        if not isinstance(self.document, dict | bool):
            raise ValueError(f"{path} is no JSON Schema: it is neither an object nor true or false")
        try:
            self._validator = jsonschema_rs.validator_for(self.document)
        except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError) as error:
            raise ValueError(f"{path} is no JSON Schema: {str(error).splitlines()[0]}") from error

    def is_valid(self, value: JSON) -> bool:
        """Tell whether a value conforms; one with half a surrogate pair in it, which is no text, never does."""
        try:
            return self._validator.is_valid(value)
        except UnicodeEncodeError:
            return False

    def errors(self, value: JSON, *, limit: int = 5) -> list[tuple[tuple[str | int, ...], str]]:
        """Return up to `limit` errors: the path in the value, and what is wrong there."""
        found: list[tuple[tuple[str | int, ...], str]] = []
        errors = self._errors(value)
        if errors is None:
            return [((), "a text in it has half a surrogate pair, which no schema can judge")]
        for error in errors:
            # A long value stands in front of what is wrong with it, so the middle is what can go.
            text = error.message if len(error.message) <= _LONGEST else f"{error.message[:80]}…{error.message[-119:]}"
            found.append((tuple(error.instance_path), text))
            if len(found) == limit:
                break
        return found

    def breaks(self, value: JSON) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Yield every error as its path, of a member that is missing its own, and the keyword that is broken."""
        errors = self._errors(value)
        if errors is None:
            yield (), "text"
        for error in errors or ():
            path = tuple(error.instance_path)
            kind = error.kind
            missing = (kind.property,) if isinstance(kind, jsonschema_rs.ValidationErrorKind.Required) else ()
            yield (*path, *missing), kind.name

    def _errors(self, value: JSON) -> Iterator[jsonschema_rs.ValidationError] | None:
        """Return the errors; None where the value has a text that is none."""
        try:
            return self._validator.iter_errors(value)
        except UnicodeEncodeError:
            return None

    def __repr__(self) -> str:
        return f"Schema({str(self.path)!r})"

    @classmethod
    def _validate(cls, value: object, info: ValidationInfo) -> Schema:
        if isinstance(value, Schema):
            return value
        if not isinstance(value, str):
            raise PydanticCustomError("schema_file", "expected the path of a JSON Schema file")
        context = cast("dict[str, Any]", info.context or {})
        folder: Path = context.get("folders", {}).get(value) or context.get("folder", Path())
        try:
            return cls(folder / value)
        except ValueError as error:
            raise PydanticCustomError("schema_file", "{reason}", {"reason": str(error)}) from None

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.with_info_plain_validator_function(
            cls._validate, serialization=core_schema.to_string_ser_schema()
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"type": "string", "description": "The path of a JSON Schema file, relative to this file."}
