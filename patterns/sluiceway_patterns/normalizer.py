"""Normalizer: messages that mean the same and look different, all in one form."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from sluiceway import Context, Decision, EventPattern, Message, Place, Reject, Schema, Settings
from sluiceway_patterns import map_places
from sluiceway_patterns.choices import OverMessage, names_view
from sluiceway_patterns.drift import conforms
from sluiceway_patterns.values import schema_breaks, shown
from sluiceway_patterns.whole_map import Map, translator


class Shape(Settings):
    """What some messages look like, and what becomes of them."""

    when: EventPattern | None = Field(default=None, description="An event pattern: what it matches has this shape.")
    schema_: Schema | None = Field(
        default=None, alias="schema", description="A JSON Schema file: a body that conforms has this shape."
    )
    map: Map = Field(description="The new body, as `translate` has it.")

    @model_validator(mode="after")
    def _one_test(self) -> Self:
        if (self.when is None) == (self.schema_ is None):
            raise PydanticCustomError("normalizer", "a shape is known by `when`, a pattern, or by `schema`: give one")
        return self


class Normalizer(OverMessage):
    """Choose a translation by the shape of the message, so that all come out in one form.

    `shapes` are tried in the order of the file, and the first that fits decides; so the narrower ones come first. A
    shape is known by `when`, an event pattern as `filter` has it (with `of: body`, over the event in the body), or by
    `schema`, to which its body conforms. Its `map` is written as for `translate`, and rejects as that does: a message
    of this shape that lacks what the map needs is not tried with the next one.

    A message of no known shape is rejected (`invalid`), or with `otherwise: keep` passes unchanged: then messages that
    have the right form already need no map, but so does one that nobody has thought of. `output_schema` holds all that
    leaves to the one form, and what was kept too.

    This is the Normalizer of Enterprise Integration Patterns (Hohpe and Woolf, chapter 8).

    ```yaml
    - id: one-form
      use: normalizer
      with:
        shapes:
          - when: {body: {order_no: [{exists: true}]}}
            map: {orderId: {jmes: body.order_no}, total: {jmes: body.total}}
          - when: {body: {Header: {DocType: [ORDERS]}}}
            map: {orderId: {jmes: body.Header.Number}, total: {jmes: body.Sum.Gross, type: number}}
    ```
    """

    shapes: tuple[Shape, ...] = Field(
        min_length=1, max_length=100, description="The shapes; the first that fits decides."
    )
    otherwise: Literal["reject", "keep"] = Field(
        default="reject", description="What is done about a message of no known shape."
    )
    output_schema: Schema | None = Field(
        default=None, description="A JSON Schema file, relative to the pipeline file, that every new body conforms to."
    )

    @field_validator("shapes")
    @classmethod
    def _name_the_view(cls, shapes: tuple[Shape, ...], info: ValidationInfo) -> tuple[Shape, ...]:
        for index, shape in enumerate(shapes):
            if shape.when is not None:
                names_view(shape.when, info.data, index, "when")
        return shapes

    def branches(self) -> Sequence[Place]:
        """Return every shape with the places of its map, and `otherwise`."""
        made: list[Place] = []
        for index, shape in enumerate(self.shapes):
            made += [("shapes", index), *map_places.branches(shape.map, ("shapes", index, "map"))]
        return (*made, ("otherwise",))

    def decisions(self, message: Message) -> Sequence[Decision]:
        """Say which shapes were tried, which one fits, and what its map found."""
        made: list[Decision] = []
        for index, shape in enumerate(self.shapes):
            fits, text = self._tried(shape, message)
            made.append(Decision(("shapes", index), text, fits))
            if fits:
                return (*made, *map_places.decisions(shape.map, message, ("shapes", index, "map")))
        return (*made, Decision(("otherwise",), f"no shape fits: {self.otherwise}", taken=True))

    @asynccontextmanager
    async def open(self, context: Context) -> AsyncGenerator[Callable[[Message], Message]]:
        """Compile the maps and yield the choice."""
        translators = [(shape, translator(shape.map, self.output_schema)) for shape in self.shapes]

        def process(message: Message) -> Message:
            for shape, translate in translators:
                if self._fits(shape, message):
                    return translate(message)
            return self._unknown(message)

        yield process

    def _fits(self, shape: Shape, message: Message) -> bool:
        if shape.schema_ is not None:
            return shape.schema_.is_valid(message.body)
        event = self.event(message)
        return shape.when is not None and event is not None and shape.when.matches(event)

    def _tried(self, shape: Shape, message: Message) -> tuple[bool, str]:
        """Tell whether a message has a shape, and why not, for a person."""
        if shape.when is not None:
            return self.found(shape.when, message)
        assert shape.schema_ is not None  # noqa: S101 - a shape has one of the two
        made = conforms(shape.schema_, message.body)
        return made.taken, made.text

    def _unknown(self, message: Message) -> Message:
        schema = self.output_schema
        if self.otherwise == "reject":
            raise Reject(f"the body is {shown(message.body)} of none of the {len(self.shapes)} known shapes")
        if schema is not None and not schema.is_valid(message.body):
            breaks = schema_breaks(schema, message.body, "body")
            raise Reject(f"no shape fits, and the body does not conform to {schema.path.name}: {breaks}")
        return message
