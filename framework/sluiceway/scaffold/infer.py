"""A JSON Schema from samples: what is in all of them is required, and nothing is forbidden."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from sluiceway.core.json import JSON

Node: TypeAlias = dict[str, JSON]

_TYPES: Final[Mapping[type[object], str]] = {
    type(None): "null",
    bool: "boolean",
    int: "integer",
    str: "string",
    list: "array",
    dict: "object",
}
_LEVELS: Final = 20
_MEMBERS: Final = 500
_DATE_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


def schema_of(samples: Sequence[JSON], title: str) -> Node:
    """Return a schema (draft 2020-12) that every sample conforms to.

    Args:
        samples: Values of one kind; one at least.
        title: The schema's title.
    """
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title, **_of(samples, 0)}


def _of(values: Sequence[JSON], level: int) -> Node:
    types = sorted({_type(value) for value in values})
    if "number" in types:
        types = [name for name in types if name != "integer"]
    node: Node = {"type": types[0] if len(types) == 1 else [*types]}
    if level >= _LEVELS:
        return node
    objects = [value for value in values if isinstance(value, dict)]
    if objects:
        node |= _members(objects, level)
    elements = [element for value in values if isinstance(value, list) for element in value]
    if elements:
        node["items"] = _of(elements, level + 1)
    texts = [value for value in values if isinstance(value, str)]
    if texts and all(_DATE_TIME.fullmatch(text) for text in texts):
        node["format"] = "date-time"
    return node


def _members(objects: Sequence[Mapping[str, JSON]], level: int) -> Node:
    names = list(dict.fromkeys(name for each in objects for name in each))[:_MEMBERS]
    required: list[JSON] = [name for name in names if all(name in each for each in objects)]
    properties: Node = {name: _of([each[name] for each in objects if name in each], level + 1) for name in names}
    return {"required": required, "properties": properties} if required else {"properties": properties}


def _type(value: JSON) -> str:
    return _TYPES.get(type(value), "number")  # a Decimal is one too
