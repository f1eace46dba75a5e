"""Normalizer: messages that mean the same and look different, all in one form."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final, Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from sluiceway import Context, Decision, EventPattern, Message, Place, Reject, Schema, Settings, Stage
from sluiceway_patterns import map_places
from sluiceway_patterns.values import cut, schema_breaks, shown
from sluiceway_patterns.whole_map import Map, translator

_VIEW: Final = ("id", "body", "headers", "meta")


class Shape(Settings):
    """What some messages look like, and what becomes of them."""

    when: EventPattern | None = Field(
        default=None, description="An event pattern over the message: what it matches has this shape."
    )
    schema_: Schema | None = Field(
        default=None, alias="schema", description="A JSON Schema file: a body that conforms has this shape."
    )
    map: Map = Field(description="The new body, as `translate` has it.")

    @field_validator("when")
    @classmethod
    def _names_the_view(cls, pattern: EventPattern | None) -> EventPattern | None:
        wrong = next((key for key in (pattern.source if pattern else ()) if key not in (*_VIEW, "$or")), None)
        if wrong is not None:
            text = (
                f"a message has {', '.join(_VIEW)}, but no '{cut(str(wrong))}': what is in the body stands under body"
            )
            raise PydanticCustomError("event_pattern", "{text}", {"path": [wrong], "text": text})
        return pattern

    @model_validator(mode="after")
    def _one_test(self) -> Self:
        if (self.when is None) == (self.schema_ is None):
            raise PydanticCustomError("normalizer", "a shape is known by `when`, a pattern, or by `schema`: give one")
        return self

    def fits(self, message: Message) -> bool:
        """Tell whether a message has this shape."""
        if self.when is not None:
            return self.when.matches(message.view)
        return self.schema_ is None or self.schema_.is_valid(message.body)

    def why(self, message: Message) -> str:
        """Say for a person whether a message has this shape."""
        if self.when is not None:
            return self.when.mismatch(message.view) or "the pattern matches"
        assert self.schema_ is not None  # noqa: S101 - the validator has seen to it
        name = self.schema_.path.name
        if self.fits(message):
            return f"the body conforms to {name}"
        return f"the body does not conform to {name}: {schema_breaks(self.schema_, message.body, 'body')}"


class Normalizer(Stage):
    """Choose a translation by the shape of the message, so that all come out in one form.

    `shapes` are tried in the order of the file, and the first that fits decides; so the narrower ones come first. A
    shape is known by `when`, an event pattern over the message as `filter` has it, or by `schema`, to which its body
    conforms. Its `map` is written as for `translate`, and rejects as that does: a message of this shape that lacks
    what the map needs is not tried with the next one.

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
            fits = shape.fits(message)
            made.append(Decision(("shapes", index), shape.why(message), fits))
            if fits:
                return (*made, *map_places.decisions(shape.map, message, ("shapes", index, "map")))
        return (*made, Decision(("otherwise",), f"no shape fits: {self.otherwise}", taken=True))

    @asynccontextmanager
    async def open(self, context: Context) -> AsyncGenerator[Callable[[Message], Message]]:
        """Compile the maps and yield the choice."""
        translators = [(shape, translator(shape.map, self.output_schema)) for shape in self.shapes]

        def process(message: Message) -> Message:
            for shape, translate in translators:
                if shape.fits(message):
                    return translate(message)
            return self._unknown(message)

        yield process

    def _unknown(self, message: Message) -> Message:
        schema = self.output_schema
        if self.otherwise == "reject":
            raise Reject(f"the body is {shown(message.body)} of none of the {len(self.shapes)} known shapes")
        if schema is not None and not schema.is_valid(message.body):
            breaks = schema_breaks(schema, message.body, "body")
            raise Reject(f"no shape fits, and the body does not conform to {schema.path.name}: {breaks}")
        return message
