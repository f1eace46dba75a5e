"""Places inside a body, as settings name them: dotted paths through objects, `customer.address.city`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Final, TypeAlias

from pydantic import Field

from sluiceway import JSON, Reject

BodyPath: TypeAlias = Annotated[str, Field(pattern=r"^[^.]+(\.[^.]+)*$", max_length=200)]
"""A dotted path inside the body: `customer`, not `body.customer`."""

MISSING: Final = object()
"""What `find` returns where there is nothing; null is something."""


def find(body: JSON, path: str) -> object:
    """Return the value at a path, or MISSING where it leads nowhere."""
    value: object = body
    for name in path.split("."):
        if not isinstance(value, Mapping) or name not in value:
            return MISSING
        value = value[name]  # pyright: ignore[reportUnknownVariableType] # JSON that `isinstance` has forgotten
    return value  # pyright: ignore[reportUnknownVariableType] # as above


def put(body: JSON, path: str, value: JSON) -> JSON:
    """Return a copy of a body with a value at a path; what is beside the path is shared, objects on it are made.

    Raises:
        Reject: The body, or a value on the path, is no object (class `invalid`).
    """
    return _put(body, path.split("."), value, "body")


def remove(body: JSON, path: str) -> JSON:
    """Return a copy of a body without what is at a path; the body itself where there is nothing."""
    return body if find(body, path) is MISSING else _remove(body, path.split("."))


def members(value: JSON, where: str) -> dict[str, JSON]:
    """Return the members of an object.

    Raises:
        Reject: It is none, so nothing can be put into it; `where` says what it is (class `invalid`).
    """
    if not isinstance(value, dict):
        raise Reject(f"{where} is not an object, so nothing can be put into it")
    return value


def _put(body: JSON, path: Sequence[str], value: JSON, where: str) -> JSON:
    inside = members(body, where)
    name, *rest = path
    if rest:
        inner = inside.get(name)
        value = _put({} if inner is None else inner, rest, value, f"{where}.{name}")
    return {**inside, name: value}


def _remove(body: JSON, path: Sequence[str]) -> JSON:
    inside = members(body, "body")
    name, *rest = path
    if rest:
        return {**inside, name: _remove(inside[name], rest)}
    return {key: value for key, value in inside.items() if key != name}
