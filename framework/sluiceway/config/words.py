"""The types of settings in plain words, for people who write YAML."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from types import NoneType, UnionType
from typing import Annotated, Final, Literal, Union, cast, get_args, get_origin

from pydantic import BaseModel, RootModel
from typing_extensions import TypeAliasType

from sluiceway.core.event_pattern import EventPattern
from sluiceway.core.expression import Expression
from sluiceway.core.json import JSON
from sluiceway.core.schema import Schema
from sluiceway.core.secret import Secret
from sluiceway.core.table import Table
from sluiceway.core.units import Duration, Size

_WORDS: Final[dict[object, str]] = {
    str: "text",
    bool: "true or false",
    int: "whole number",
    float: "number",
    Decimal: "number",
    object: "any value",
    JSON: "any value",
    Duration: "duration",
    Size: "size",
    Secret: "reference to a secret",
    Table: "name of a table",
    Schema: "path of a JSON Schema file",
    EventPattern: "event pattern",
    Expression: "value or {jmes: expression}",
}


def in_words(annotation: object) -> str:
    """Return what a field takes, in words: `list of text`, `json, text or base64`, `duration`."""
    return _or(list(dict.fromkeys(_alternatives(annotation))))


def models_in(annotation: object) -> list[type[BaseModel]]:
    """Return the nested settings that a field takes, with the fields of their own."""
    if _is_model(annotation):
        model = cast("type[BaseModel]", annotation)
        return [] if issubclass(model, RootModel) else [model]
    inner = annotation.__value__ if isinstance(annotation, TypeAliasType) and annotation is not JSON else annotation
    return [model for argument in get_args(inner) if get_origin(inner) is not Literal for model in models_in(argument)]


def _alternatives(annotation: object) -> list[str]:
    known = _known(annotation)
    if known is not None:
        return [known]
    if isinstance(annotation, TypeAliasType):
        return _alternatives(annotation.__value__)
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _alternatives(args[0])
    if origin in (Union, UnionType):
        return [words for member in args if member is not NoneType for words in _alternatives(member)]
    if origin is Literal:
        return [str(value) for value in args]
    return [_container(annotation, origin, args)]


def _known(annotation: object) -> str | None:
    return next((words for kind, words in _WORDS.items() if kind is annotation), None)


def _container(annotation: object, origin: object, args: Sequence[object]) -> str:
    if _is_model(annotation):
        root = cast("type[BaseModel]", annotation).model_fields.get("root")
        # a root model may contain itself, so its elements are not written out
        return _container(get_origin(root.annotation) or root.annotation, None, ()) if root else "mapping"
    kind = origin if isinstance(origin, type) else annotation
    if not isinstance(kind, type) or kind is object:
        return "any value"
    if issubclass(kind, Mapping):
        return f"mapping of {in_words(args[1])}" if args else "mapping"
    if issubclass(kind, Sequence) and not issubclass(kind, str):
        return f"list of {in_words(args[0])}" if args else "list"
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind.__name__).lower()


def _is_model(annotation: object) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _or(words: Sequence[str]) -> str:
    return " or ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))
