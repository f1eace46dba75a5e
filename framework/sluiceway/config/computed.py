"""Find the expressions and patterns in a component's settings: where they stand in the file, and what they see."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from pydantic import BaseModel, RootModel

from sluiceway.config.document import Path
from sluiceway.core.event_pattern import EventPattern
from sluiceway.core.expression import Expression
from sluiceway.core.settings import Settings
from sluiceway.core.shape import Shape


@dataclass(frozen=True, slots=True)
class Computed:
    """An expression or a pattern in a file.

    Attributes:
        path: Where it stands; of an expression, its text.
        value: The expression or pattern.
        view: What it is applied to.
    """

    path: Path
    value: Expression | EventPattern
    view: Shape


def computed(value: object, written: object, path: Path, view: Shape) -> Iterator[Computed]:
    """Yield the expressions and patterns in a value of a component's settings, in the order of its fields.

    Args:
        value: Settings, or a part of them. What the file leaves out is not looked at.
        written: The same as it stands in the file.
        path: Where that is.
        view: What those in it see.
    """
    if isinstance(value, Expression):
        is_tagged = isinstance(written, Mapping) and "jmes" in written
        yield Computed((*path, "jmes") if is_tagged else path, value, view)
    elif isinstance(value, EventPattern):
        yield Computed(path, value, view)
    elif isinstance(value, RootModel):
        yield from computed(cast("RootModel[object]", value).root, written, path, view)
    elif isinstance(value, BaseModel):
        yield from _in_fields(value, written, path, view)
    elif isinstance(value, Mapping):
        for key, child in cast("Mapping[str, object]", value).items():
            name = _as_written(key, written)
            yield from computed(child, _at(written, name), (*path, name), view)
    elif isinstance(value, list | tuple):
        for index, child in enumerate(cast("list[object]", value)):
            yield from computed(child, _at(written, index), (*path, index), view)


def _in_fields(value: BaseModel, written: object, path: Path, view: Shape) -> Iterator[Computed]:
    for name, field in type(value).model_fields.items():
        key = field.alias or name
        child = getattr(value, name)
        if isinstance(written, Mapping) and key in written and not isinstance(child, str | int | float | bool):
            seen = value.view_for(name, view) if isinstance(value, Settings) else view
            yield from computed(child, _at(cast("object", written), key), (*path, key), seen)


def _as_written(key: str, written: object) -> str:
    """Return a key as the file has it: the names of headers are kept in lower case."""
    if not isinstance(written, Mapping):
        return key
    keys = cast("Mapping[str, object]", written)
    return key if key in keys else next((name for name in keys if name.lower() == key), key)


def _at(written: object, key: str | int) -> object:
    if isinstance(written, Mapping):
        return cast("Mapping[object, object]", written).get(key)
    elements = cast("list[object]", written) if isinstance(written, list) else []
    return elements[key] if isinstance(key, int) and key < len(elements) else None
