"""Places inside a body that may be many: dotted paths in which `[]` stands for every element of a list."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated, Final, Generic, TypeAlias, TypeVar

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

T = TypeVar("T")

_NAME: Final = r"[^.\[\]]+(?:\[\])*"
_PATH: Final = re.compile(rf"(?:{_NAME}|(?:\[\])+)(?:\.{_NAME})*")
_STEP: Final = re.compile(r"\[\]|[^.\[\]]+")
_EACH: Final = "[]"


def _check(path: str) -> str:
    if not _PATH.fullmatch(path):
        raise PydanticCustomError(
            "element_path",
            "expected names with dots between them, with [] behind a list for each of its elements: lines[].sku",
        )
    return path


ElementPath: TypeAlias = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_check)]
"""A path inside the body: `customer.name`, and `lines[].sku` for the sku of every line."""


@dataclass(slots=True)
class Node(Generic[T]):
    """The paths that go through one place, taken together.

    Attributes:
        names: What lies below the fields of an object.
        each: What lies below every element of a list.
        end: What was said of the path that ends here.
    """

    names: dict[str, Node[T]] = field(default_factory=dict[str, "Node[T]"])
    each: Node[T] | None = None
    end: T | None = None


def tree(paths: Iterable[tuple[str, T]]) -> Node[T]:
    """Return paths, and what is said of each, as one tree, so that a body is walked once for all of them."""
    root: Node[T] = Node()
    for path, said in paths:
        node = root
        for step in _STEP.findall(path):
            if step == _EACH:
                node.each = node.each or Node()
                node = node.each
            else:
                node = node.names.setdefault(step, Node())
        node.end = said
    return root
