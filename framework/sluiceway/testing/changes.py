"""What a stage added to a message, changed in it and removed from it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, zip_longest
from typing import Final, Literal, TypeAlias, cast

from sluiceway.config.sensitive import is_sensitive
from sluiceway.core.errors import MessageError
from sluiceway.core.json import JSON
from sluiceway.core.message import Message
from sluiceway.testing.difference import shown
from sluiceway.testing.matching import NOTHING, Nothing

MOST: Final = 50
"""Changes that are told of one step."""

_NAMED: Final = re.compile(r'[\w"-]+(\.[\w"-]+)*')

_Path: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """One place that differs.

    Attributes:
        kind: What happened there.
        path: Where: `("body", "customer")`.
        before: The value that was there, cut and without secrets; empty where there was none.
        after: The value that is there now; empty where there is none.
    """

    kind: Literal["added", "changed", "removed"]
    path: _Path
    before: str
    after: str


def changes(before: Message, after: Message) -> tuple[Change, ...]:
    """Return in what a message differs from what it was; a body that nobody has read since is not compared."""
    pairs = (
        ("body", _body(before), _body(after)),
        ("headers", dict(before.headers), dict(after.headers)),
        ("meta", dict(before.meta), dict(after.meta)),
        ("routes", list(before.routes), list(after.routes)),
    )
    found = (change for name, old, new in pairs for change in _between(cast("JSON", old), cast("JSON", new), (name,)))
    return tuple(islice(found, MOST))


def without_secrets(text: str) -> str:
    """Return a sentence about a message, cut where it names a field that may hold a secret: its value follows."""
    for word in _NAMED.finditer(text):
        if is_sensitive(word[0].replace('"', "").split(".")):
            return f"{text[: word.end()]} …"
    return text


def _body(message: Message) -> JSON:
    try:
        return message.body
    except MessageError:
        return message.payload.decode(errors="replace")


def _between(old: JSON | Nothing, new: JSON | Nothing, path: _Path) -> Iterator[Change]:
    if old is new or (type(old) is type(new) and old == new):
        return
    if path == ("routes",):
        yield Change("changed", path, shown(old, path), shown(new, path))
    elif isinstance(old, dict) and isinstance(new, dict):
        for name in {**old, **new}:
            yield from _between(old.get(name, NOTHING), new.get(name, NOTHING), (*path, name))
    elif isinstance(old, list) and isinstance(new, list):
        for index, (was, is_) in enumerate(zip_longest(old, new, fillvalue=NOTHING)):
            yield from _between(was, is_, (*path, index))
    elif old is NOTHING:
        yield Change("added", path, "", shown(new, path))
    elif new is NOTHING:
        yield Change("removed", path, shown(old, path), "")
    else:
        yield Change("changed", path, shown(old, path), shown(new, path))
