"""Queues that would be fed from themselves for ever."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from sluiceway.config.document import Document, Path, scalars, value_at
from sluiceway.config.draft import Draft
from sluiceway.core.component import Component
from sluiceway.core.problem import Problem

_SCOPE = re.compile(r"(?<!\d)\d{12}(?!\d)|\b[a-z]{2}(?:-[a-z]+)+-\d\b")  # an account, a region


class _Queue(NamedTuple):
    """A queue as far as its name, URL or ARN tells it from others."""

    name: str
    scope: frozenset[str]

    def may_be(self, other: _Queue) -> bool:
        """Tell whether both are one, where a bare name is a queue of any account and region."""
        return self.name == other.name and (self.scope <= other.scope or other.scope <= self.scope)


def loops(document: Document, draft: Draft) -> Iterator[Problem]:
    """What goes into the source's own queue comes out of it again, and so on."""
    sources = list(_queues(draft.source))
    sinks = [(used.path, used.component, "each message that is sent here") for used in draft.sinks]
    letters = (("errors", "dead_letter"), draft.dead_letter, "each dead letter")
    for path, component, what in [*sinks, letters]:
        for written, queue in _queues(component):
            if any(queue.may_be(source) for _, source in sources):
                yield document.problem(
                    _place(document, (*path, "with"), written),
                    f"this is the source's own queue: {what} would come again, for ever",
                    code="loop",
                    suggestion="name another queue, such as `" + _other(queue.name, path) + "`",
                )


def _queues(component: Component | None) -> Iterator[tuple[str, _Queue]]:
    for resource in component.resources() if component else ():
        if resource.kind == "queue":
            name = re.split(r"[/:]", resource.name.rstrip("/"))[-1]
            yield resource.name, _Queue(name, frozenset(_SCOPE.findall(resource.name)))


def _place(document: Document, settings: Path, name: str) -> Path:
    """Return where the queue's name stands."""
    found = (path for path, value in scalars(value_at(document.value, settings), settings) if value == name)
    return next(found, settings)


def _other(name: str, path: Path) -> str:
    stem, dot, fifo = name.partition(".")
    return f"{stem}-{'dlq' if path[-1] == 'dead_letter' else 'out'}{dot}{fifo}"
