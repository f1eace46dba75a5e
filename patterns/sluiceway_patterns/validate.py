"""Validate: hold messages to what was agreed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Literal

from pydantic import Field

from sluiceway import Context, Decision, Message, Place, Reject, Schema, Shape, Stage
from sluiceway_patterns.drift import Drift, conforms, unknown_in, unknown_text
from sluiceway_patterns.unknown_fields import UnknownFields
from sluiceway_patterns.values import schema_breaks


class Validate(Stage):
    """Reject messages whose body breaks a JSON Schema.

    A body that does not conform is dead-lettered on its first attempt (`invalid`); the reason names up to five
    places, such as `body.lines.0.qty`. One that conforms passes unchanged.

    Most schemas leave objects open, so a sender can add fields, or misspell optional ones, unnoticed. With
    `unknown_fields: count` such drift is reported in the counter `unknown_field`, labelled with the path (indices
    as `[]`; after 100 different paths the rest is counted under `…`); with `reject` it is `invalid`. A field is
    unknown when no part of the schema names it: properties, patternProperties, a schema under
    additionalProperties, in whatever branch. An object of which the schema lists no fields is free-form. A schema
    with `additionalProperties: false` rejects unknown fields by itself.

    This guards the Datatype Channel of Enterprise Integration Patterns; what it rejects goes to the Invalid
    Message Channel (Hohpe and Woolf, chapter 4).

    ```yaml
    - id: as-agreed
      use: validate
      with: {schema: schemas/shop-order.v1.json, unknown_fields: count}
    ```
    """

    schema_: Schema = Field(alias="schema", description="The JSON Schema file, relative to the pipeline file.")
    unknown_fields: Literal["allow", "count", "reject"] = Field(
        default="allow", description="What is done about fields that the schema does not name."
    )

    def shape(self, before: Shape) -> Shape:
        """Return what was known before, and what the schema says."""
        return before.both(Shape.of_schema(self.schema_.document))

    def branches(self) -> Sequence[Place]:
        """Return the schema, and where something is done about unknown fields that."""
        return (("schema",),) if self.unknown_fields == "allow" else (("schema",), ("unknown_fields",))

    def decisions(self, message: Message) -> Sequence[Decision]:
        """Say where the body breaks the schema, and which fields that does not name."""
        made = conforms(self.schema_, message.body)
        if self.unknown_fields == "allow" or not made.taken:
            return (made,)
        return (made, unknown_in(UnknownFields(self.schema_.document), message.body))

    @asynccontextmanager
    async def open(self, context: Context) -> AsyncGenerator[Callable[[Message], Message]]:
        """Yield the check."""
        unknown, drift = UnknownFields(self.schema_.document), Drift(context)

        def process(message: Message) -> Message:
            body = message.body
            if not self.schema_.is_valid(body):
                raise Reject(schema_breaks(self.schema_, body, "body"))
            if self.unknown_fields == "reject" and (named := unknown_text(unknown.find(body))):
                raise Reject(named)
            if self.unknown_fields == "count":
                drift.count("unknown_field", unknown.find(body))
            return message

        yield process
