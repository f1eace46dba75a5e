"""Find the fields that a pydantic model has: at the place of an error, and those that misspelt keys are meant for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import UnionType
from typing import Annotated, Literal, TypeAlias, Union, cast, get_args, get_origin

from pydantic import BaseModel, RootModel, Tag
from pydantic.fields import FieldInfo

from sluiceway.config.problems import nearest

_Member: TypeAlias = "tuple[str | None, object]"  # a tag, and the type that it stands for


def fields_at(model: type[BaseModel], loc: Sequence[str | int]) -> dict[str, FieldInfo]:
    """Return the fields, by the key that a file uses, of the mapping that an error's `loc` leads to.

    Args:
        model: The model that was validated.
        loc: As pydantic gives it, with the tags and type names of the unions on its way.
    """
    types: list[object] = [model]
    for part in loc:
        members = [member for kind in types for member in _members(kind)]
        chosen = [kind for tag, kind in members if part in _tags(tag, kind)]
        children = [] if _is_tag(part) else [child for _, kind in members for child in _children(kind, part)]
        types = children or chosen or types
    kinds = [kind for each in types for _, kind in _members(each)]
    return {key: field for kind in kinds if _is_model(kind) for key, field in _keys(kind).items()}


def misspelt(keys: Iterable[str], model: type[BaseModel]) -> set[str | None]:
    """Return the keys of a model that others, which it does not have, are probably meant for; None: nobody knows."""
    known = _keys(model)
    return {nearest(key, known) for key in keys if key not in known}


def _is_tag(part: str | int) -> bool:
    return isinstance(part, str) and part.startswith("<")


def _is_model(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _members(kind: object, tag: str | None = None) -> Iterator[_Member]:
    """Yield the types that an annotation allows: a union's members, without wrappers."""
    origin, args = get_origin(kind), get_args(kind)
    alias: object = getattr(kind, "__value__", None)  # of `type X = ...`
    if alias is not None:
        yield from _members(alias, tag)
    elif origin is Annotated:
        tags = [extra.tag for extra in args[1:] if isinstance(extra, Tag)]
        yield from _members(args[0], tags[0] if tags else tag)
    elif origin in (Union, UnionType):
        for arg in args:
            yield from _members(arg, tag)
    elif _is_model(kind) and issubclass(cast("type", kind), RootModel):
        yield from _members(_keys(kind)["root"].annotation, tag)
    else:
        yield tag, kind


def _tags(tag: str | None, kind: object) -> set[object]:
    """Return what an error's `loc` may call a member of a union."""
    if not _is_model(kind):
        return {tag}
    literals = (field.annotation for field in _keys(kind).values() if get_origin(field.annotation) is Literal)
    return {tag, cast("type", kind).__name__, *(arg for literal in literals for arg in get_args(literal))}


def _children(kind: object, part: str | int) -> list[object]:
    """Return the type under a key or index, if the type has one."""
    origin, args = get_origin(kind), get_args(kind)
    if _is_model(kind):
        field = _keys(kind).get(str(part))
        return [field.annotation] if field else []
    if not isinstance(origin, type) or not args:
        return []
    if issubclass(origin, Mapping):
        return [args[-1]]
    if isinstance(part, int) and issubclass(origin, tuple):
        return [args[0] if args[-1] is ... else args[min(part, len(args) - 1)]]
    return [args[0]] if isinstance(part, int) else []


def _keys(kind: object) -> dict[str, FieldInfo]:
    model = cast("type[BaseModel]", kind)
    if not model.__pydantic_complete__:  # it names a type that was defined after it
        model.model_rebuild(raise_errors=False)
    return {field.alias or name: field for name, field in model.model_fields.items()}
