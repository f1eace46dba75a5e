"""What shapes are made of: parts that each say something of a value, alone, together or one of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Final, NamedTuple, TypeAlias, cast

from sluiceway.core.json import JSON

Types: TypeAlias = frozenset[str]
Values: TypeAlias = Sequence[JSON]

SCALARS: Final[Types] = frozenset({"string", "number", "integer", "boolean", "null"})
OBJECT: Final[Types] = frozenset({"object"})
ARRAY: Final[Types] = frozenset({"array"})

_DEEPEST: Final = 100
"""Parts that are made of each other; behind more nothing is known."""


class Known:
    """What is known of a value: nothing. The base of all that know more, which is documented at `Shape`.

    `depth` says how many parts this one is made of, one inside the other.
    """

    types: Types | None = None
    values: Values | None = None
    passed: Values | None = None
    is_silent: bool = True
    depth: int = 0

    def member(self, name: str) -> Known | None:
        """Return what is known of a member, or None when nothing names it."""
        return None

    def lacks(self, name: str) -> bool:
        """Tell whether there can be no such member."""
        return self.types is not None and "object" not in self.types

    def names(self) -> tuple[str, ...]:
        """Return the names of the members that are known."""
        return ()

    def items(self) -> Known:
        """Return what is known of the elements of a list."""
        return ANYTHING


ANYTHING: Final = Known()


class Part(Known):
    """What one part says by itself; what lies below it is read when it is asked for."""

    def __init__(
        self,
        *,
        types: Types | None = None,
        values: Values | None = None,
        passed: Values | None = None,
        members: Mapping[str, Known] | None = None,
        closed: bool = False,
        element: Known | None = None,
    ) -> None:
        self.types, self.values, self.passed = types, values, passed
        self.is_silent = not members and not closed
        self._members, self._closed, self._element = members or {}, closed, element

    def member(self, name: str) -> Known | None:
        """Return a member."""
        return self._members.get(name)

    def lacks(self, name: str) -> bool:
        """Tell whether there can be no such member."""
        return super().lacks(name) or (self._closed and self.member(name) is None)

    def names(self) -> tuple[str, ...]:
        """Return the members' names."""
        return tuple(self._members)

    def items(self) -> Known:
        """Return what the elements are."""
        return self._element or ANYTHING


class Change(NamedTuple):
    """What has become of a member: its shape, None where it was taken away; not named: a stage has only read it."""

    shape: Known | None
    is_named: bool


class Changed(Known):
    """A shape with some members put there, taken away or read."""

    def __init__(self, base: Known, changes: Mapping[str, Change]) -> None:
        self.base, self.changes = base, changes
        self.is_silent = base.is_silent
        self.types = OBJECT if any(made.is_named for made in changes.values()) else base.types
        self.depth = 1 + max(base.depth, *(made.shape.depth for made in changes.values() if made.shape), 0)

    def member(self, name: str) -> Known | None:
        """Return a member as it is now."""
        return self.changes[name].shape if name in self.changes else self.base.member(name)

    def lacks(self, name: str) -> bool:
        """Tell whether there can be no such member."""
        made = self.changes.get(name)
        return made.shape is None if made and made.is_named else self.base.lacks(name)

    def names(self) -> tuple[str, ...]:
        """Return the names of what there was and what was put there."""
        kept = [name for name in self.base.names() if not self.lacks(name)]
        put = [name for name, made in self.changes.items() if made.is_named and made.shape]
        return tuple(dict.fromkeys([*kept, *put]))

    def items(self) -> Known:
        """Return what the elements are."""
        return self.base.items()


class Many(Known):
    """Several parts together. What was asked once is remembered: parts that share parts would multiply."""

    def __init__(self, parts: Sequence[Known]) -> None:
        self.parts = parts
        self.depth = 1 + max(part.depth for part in parts)
        self._members: dict[str, Known | None] = {}
        self._lacking: dict[str, bool] = {}

    def member(self, name: str) -> Known | None:
        """Return what the parts say of a member together."""
        if name not in self._members:
            found = [member for part in self.parts if (member := part.member(name))]
            self._members[name] = None if not found or self.lacks(name) else self._together(found)
        return self._members[name]

    def lacks(self, name: str) -> bool:
        """Tell whether there can be no such member."""
        if name not in self._lacking:
            self._lacking[name] = self._is_so([part.lacks(name) for part in self.parts])
        return self._lacking[name]

    def names(self) -> tuple[str, ...]:
        """Return the members that any part names, and none excludes."""
        return self._names

    @cached_property
    def _names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for part in self.parts for name in part.names() if not self.lacks(name)))

    def items(self) -> Known:
        """Return what the parts say of elements together."""
        return self._items

    @cached_property
    def _items(self) -> Known:
        return self._together([part.items() for part in self.parts])

    def _together(self, shapes: Sequence[Known]) -> Known:
        raise NotImplementedError

    def _is_so(self, of_parts: Sequence[bool]) -> bool:
        raise NotImplementedError


class Both(Many):
    """All of several parts: what any of them names is there, what any of them excludes is not."""

    def __init__(self, parts: Sequence[Known]) -> None:
        super().__init__(parts)
        self.is_silent = all(part.is_silent for part in parts)
        self.types = _meet([part.types for part in parts])
        self.values = _common([part.values for part in parts])
        self.passed = _common([part.passed for part in parts])

    def _together(self, shapes: Sequence[Known]) -> Known:
        return both(shapes)

    def _is_so(self, of_parts: Sequence[bool]) -> bool:
        return any(of_parts)


class Either(Many):
    """One of several parts: what any of them names may be there, only what all of them exclude is not."""

    def __init__(self, parts: Sequence[Known]) -> None:
        super().__init__(parts)
        self.is_silent = any(part.is_silent and not part.lacks("\0") for part in parts)
        self.types = _joined([part.types for part in parts])
        values = [part.values for part in parts]
        self.values = None if None in values else [value for each in values for value in each or ()]

    def _together(self, shapes: Sequence[Known]) -> Known:
        return either(shapes)

    def _is_so(self, of_parts: Sequence[bool]) -> bool:
        return all(of_parts)


def either(shapes: Iterable[Known]) -> Known:
    """Return what is known of a value of which one of these is known."""
    parts = _opened(shapes, Either)
    return ANYTHING if ANYTHING in parts else _bounded(parts, Either)


def both(shapes: Iterable[Known]) -> Known:
    """Return what is known of a value of which all of these are known."""
    return _bounded([part for part in _opened(shapes, Both) if part is not ANYTHING], Both)


def put(shape: Known, path: Sequence[str], value: Known) -> Known:
    """Return a shape with another at a path of members."""
    if not path:
        return value
    name, *rest = path
    return changed(shape, name, Change(put(shape.member(name) or ANYTHING, rest, value), is_named=True))


def without(shape: Known, path: Sequence[str]) -> Known:
    """Return a shape with nothing at a path of members."""
    name, *rest = path
    inner = shape.member(name)
    if rest and inner is None:
        return shape
    return changed(shape, name, Change(without(inner, rest) if inner and rest else None, is_named=True))


def passing(shape: Known, pattern: Mapping[str, object]) -> Known:
    """Return a shape as it is behind an event pattern."""
    for name, wanted in pattern.items():
        before = shape.member(name) or ANYTHING
        if before.types is not None and before.types & ARRAY:
            continue  # one element matches, the others may be anything
        if isinstance(wanted, Mapping):
            inner = passing(before, cast("Mapping[str, object]", wanted))
            shape = shape if inner is before else changed(shape, name, Change(inner, is_named=False))
        elif not any(isinstance(entry, Mapping | list) for entry in cast("Sequence[object]", wanted)):
            passed = both([before, Part(passed=cast("Values", wanted))])
            shape = changed(shape, name, Change(passed, is_named=False))
    return shape


def _opened(shapes: Iterable[Known], kind: type[Many]) -> list[Known]:
    """Return the shapes, those made of others in the same way opened, each once."""
    parts = [part for shape in shapes for part in (shape.parts if isinstance(shape, kind) else (shape,))]
    return list({id(part): part for part in parts}.values())


def _bounded(parts: Sequence[Known], kind: type[Many]) -> Known:
    made = parts[0] if len(parts) == 1 else kind(parts) if parts else ANYTHING
    return made if made.depth <= _DEEPEST else ANYTHING


def changed(shape: Known, name: str, change: Change) -> Known:
    """Return a shape with one more member changed."""
    if isinstance(shape, Changed):
        before = shape.changes.get(name)
        is_named = change.is_named or (before is not None and before.is_named)
        made = Changed(shape.base, {**shape.changes, name: Change(change.shape, is_named)})
    else:
        made = Changed(shape, {name: change})
    return made if made.depth <= _DEEPEST else ANYTHING


def _meet(kinds: Sequence[Types | None]) -> Types | None:
    known = [kind | {"integer"} if "number" in kind else kind for kind in kinds if kind is not None]
    return known[0].intersection(*known) if known else None


def _joined(kinds: Sequence[Types | None]) -> Types | None:
    known = [kind for kind in kinds if kind is not None]
    return frozenset[str]().union(*known) if len(known) == len(kinds) else None


def _common(lists: Sequence[Values | None]) -> Values | None:
    known = [values for values in lists if values is not None]
    return [value for value in known[0] if all(value in other for other in known[1:])] if known else None
