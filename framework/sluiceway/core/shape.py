"""What is known of a value before there is one: its members, elements and types, as far as a schema names them.

`lint` carries a shape from stage to stage, so that a path which leads nowhere is found in the file, not in a message.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import final

from sluiceway.core import shape_parts as parts
from sluiceway.core import shape_reading
from sluiceway.core.json import JSON
from sluiceway.core.shape_parts import Known, Types, Values


@final
class Shape:
    """What is known of a value, such as a message's body behind a stage. Immutable.

    Make one with `anything`, `of_schema`, `of_value`, `of_constant`, `of_members`, `of_items` or `of_types`, and
    another from it with `put`, `without`, `both` and `passing`.

    Attributes:
        known: What it is made of.
    """

    __slots__ = ("known",)

    def __init__(self, known: Known) -> None:
        self.known = known

    @staticmethod
    def anything() -> Shape:
        """Return the shape of a value of which nothing is known."""
        return Shape(parts.ANYTHING)

    @staticmethod
    def of_schema(document: JSON) -> Shape:
        """Return what a JSON Schema says; of what is not understood in it (`not`, a remote `$ref`) nothing is known."""
        return Shape(shape_reading.of_schema(document))

    @staticmethod
    def of_value(sample: JSON) -> Shape:
        """Return what a sample shows: which members there are, not that there are no others, nor which scalars."""
        return Shape(shape_reading.of_sample(sample))

    @staticmethod
    def of_constant(value: JSON) -> Shape:
        """Return the shape of a value that is always the same."""
        return Shape(shape_reading.of_constant(value))

    @staticmethod
    def of_message(body: Shape) -> Shape:
        """Return the shape of what expressions and patterns see of a message with such a body."""
        rest = {"headers": Shape.anything(), "meta": Shape.anything()}
        return Shape.of_members({"id": Shape.of_types("string"), "body": body, **rest})

    @staticmethod
    def of_members(members: Mapping[str, Shape], *, closed: bool = True) -> Shape:
        """Return the shape of an object with these members; closed: with no others."""
        known = {name: member.known for name, member in members.items()}
        return Shape(parts.Part(types=parts.OBJECT, members=known, closed=closed))

    @staticmethod
    def of_items(element: Shape) -> Shape:
        """Return the shape of a list of such elements."""
        return Shape(parts.Part(types=parts.ARRAY, element=element.known))

    @staticmethod
    def of_types(*names: str) -> Shape:
        """Return the shape of a value that has one of these JSON types."""
        return Shape(parts.Part(types=frozenset(names)))

    @staticmethod
    def either(shapes: Iterable[Shape]) -> Shape:
        """Return what is known of a value that has one of these shapes."""
        return Shape(parts.either(shape.known for shape in shapes))

    def both(self, other: Shape) -> Shape:
        """Return what is known of a value that has this shape and the other."""
        return Shape(parts.both((self.known, other.known)))

    def put(self, path: Sequence[str], shape: Shape) -> Shape:
        """Return this shape with another at a path of members; objects on the way are made."""
        return Shape(parts.put(self.known, path, shape.known))

    def without(self, path: Sequence[str]) -> Shape:
        """Return this shape with nothing at a path of members."""
        return Shape(parts.without(self.known, path))

    def passing(self, pattern: Mapping[str, object]) -> Shape:
        """Return this shape for what an event pattern lets through, as far as that lists plain values."""
        return Shape(parts.passing(self.known, pattern))

    def member(self, name: str) -> Shape | None:
        """Return what is known of a member, or None when nothing names it."""
        member = self.known.member(name)
        return None if member is None else Shape(member)

    def lacks(self, name: str) -> bool:
        """Tell whether there can be no such member."""
        return self.known.lacks(name)

    def names(self) -> tuple[str, ...]:
        """Return the names of the members that are known."""
        return self.known.names()

    def items(self) -> Shape:
        """Return what is known of the elements of a list."""
        return Shape(self.known.items())

    @property
    def is_silent(self) -> bool:
        """Whether nothing is said about which members there are, so that any may be."""
        return self.known.is_silent

    @property
    def is_closed(self) -> bool:
        """Whether there can be no members but those that are named."""
        return self.lacks("\0")  # a name that no schema has

    @property
    def types(self) -> Types | None:
        """The JSON types that the value may have, or None: any."""
        return self.known.types

    @property
    def values(self) -> Values | None:
        """The values that there can be, or None: they are not listed."""
        return self.known.values

    @property
    def passed(self) -> Values | None:
        """The values that a stage has let through, or None: none has chosen by value."""
        return self.known.passed
