"""The JSON Schema of an event pattern, for editors."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic.json_schema import JsonSchemaValue

_TEXT: JsonSchemaValue = {"type": "string"}
_TEXTS = {"anyOf": [_TEXT, {"type": "array", "items": _TEXT, "minItems": 1}]}
_NUMBERS = {"type": "array", "items": {"type": "number"}, "minItems": 1}
_ANY_CASE = {
    "type": "object",
    "properties": {"equals-ignore-case": _TEXT},
    "required": ["equals-ignore-case"],
    "additionalProperties": False,
}
_OPERATORS: dict[str, tuple[str, JsonSchemaValue]] = {
    "prefix": ("Text that starts so.", {"anyOf": [_TEXT, _ANY_CASE]}),
    "suffix": ("Text that ends so.", {"anyOf": [_TEXT, _ANY_CASE]}),
    "equals-ignore-case": ("This text in upper or lower case.", _TEXT),
    "wildcard": ("Text like this, a star for any text; write \\* for a star.", _TEXT),
    "anything-but": (
        "Any value but these: strings, numbers, or one of prefix, suffix, equals-ignore-case, wildcard.",
        {
            "anyOf": [
                *_TEXTS["anyOf"],
                {"type": "number"},
                _NUMBERS,
                {
                    "type": "object",
                    "properties": dict.fromkeys(("prefix", "suffix", "equals-ignore-case", "wildcard"), _TEXTS),
                    "additionalProperties": False,
                    "minProperties": 1,
                    "maxProperties": 1,
                },
            ]
        },
    ),
    "numeric": (
        'Numbers compared: ["=", n], ["<", n], [">=", n] or a range such as [">", 0, "<=", 5].',
        {"type": "array", "items": {"anyOf": [{"enum": ["=", "<", "<=", ">", ">="]}, {"type": "number"}]}},
    ),
    "cidr": ("IP addresses of a block, such as 10.0.0.0/24.", _TEXT),
    "exists": ("Whether the field must be there (true) or must not (false).", {"type": "boolean"}),
}
_ENTRY: JsonSchemaValue = {
    "anyOf": [
        {"type": ["string", "number", "boolean", "null"], "description": "A value that the field may have."},
        *(
            {
                "type": "object",
                "description": words,
                "properties": {name: {**schema, "description": words}},
                "required": [name],
                "additionalProperties": False,
            }
            for name, (words, schema) in _OPERATORS.items()
        ),
    ]
}


_Entries = Annotated[list[Annotated[object, WithJsonSchema(_ENTRY)]], Field(min_length=1)]


class EventPatternFields(BaseModel):
    """An EventBridge event pattern: the shape of the event; each field holds the list of what it accepts.

    Only a description for editors: `EventPattern` says what is wrong with a pattern, and more.
    """

    model_config = ConfigDict(extra="allow", json_schema_extra={"minProperties": 1})
    __pydantic_extra__: dict[str, _Entries | EventPatternFields]  # pyright: ignore[reportIncompatibleVariableOverride] # pydantic's own way to type extra fields

    alternatives: list[EventPatternFields] = Field(
        alias="$or", min_length=2, default=[], description="Patterns of which one must match."
    )
