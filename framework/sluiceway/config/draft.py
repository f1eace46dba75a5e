"""A pipeline file as far as it could be read: what the rules that span several parts look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from sluiceway.config.file import StageUse
from sluiceway.core.component import Sink, Source, Stage
from sluiceway.core.shape import Shape
from sluiceway.core.spec import Drain, Limits, Retry, TestCase
from sluiceway.core.table import Table

C = TypeVar("C", Stage, Sink)


@dataclass(frozen=True, slots=True)
class Used(Generic[C]):
    """A stage or sink in the file.

    Attributes:
        path: Where it stands.
        id: Its id, or None when that cannot be told.
        use: Its keys, or None when they are wrong.
        component: The component with its settings, or None when either is wrong.
    """

    path: tuple[str | int, ...]
    id: str | None
    use: StageUse | None
    component: C | None


@dataclass(frozen=True, slots=True)
class Draft:
    """The parts of a file; None stands for one that is wrong, and reported already.

    `body` is what the source's `schema` and `sample` say of a body as it comes. `unread` names the lists that could
    not be read as lists, so that nothing is known of what they hold.
    """

    source: Source | None
    dead_letter: Sink | None
    drain: Drain | None
    limits: Limits | None = None
    retry: Retry | None = None
    body: Shape = field(default_factory=Shape.anything)
    stages: list[Used[Stage]] = field(default_factory=list["Used[Stage]"])
    sinks: list[Used[Sink]] = field(default_factory=list["Used[Sink]"])
    unread: frozenset[str] = frozenset()
    tables: Mapping[str, Table] = field(default_factory=dict[str, Table])
    tests: list[TestCase | None] = field(default_factory=list["TestCase | None"])

    @property
    def uses(self) -> list[Used[Stage] | Used[Sink]]:
        """The stages, then the sinks."""
        return [*self.stages, *self.sinks]
