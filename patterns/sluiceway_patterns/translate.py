"""Translate: another party's messages in our own words."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager

from pydantic import Field

from sluiceway import Context, Decision, Message, Place, Reject, Schema, Shape, Stage
from sluiceway_patterns import map_places
from sluiceway_patterns.values import schema_breaks
from sluiceway_patterns.whole_map import Map, translator


class Translate(Stage):
    """Make a new body from the message, in the receiver's words.

    The map has the shape of the new body. In it stand

    - `{jmes: expression}`: a value computed from the message, that is from `id`, `body`, `headers` and `meta`. In
      this order: `default` replaces what is missing or null; `enum` translates codes (`on_unknown` says what
      happens to others: reject, keep, or `{default: value}`); `type` converts to string, integer, number or
      boolean. What is missing or null with no default is rejected (`missing`), unless `optional: true` leaves the
      key out. A conversion loses nothing: "3" and 3.0 are the integer 3; 1.5 and "three" are rejected (`invalid`).
    - `{each: {jmes: expression}, as: node}`: a list, with `item` and `index` for each element of another. That
      list must be there, unless it has a `default: []`.
    - mappings and lists of such nodes; scalars, which stand for themselves;
    - `{literal: anything}`: just that, for a mapping that has a key `jmes`, `each` or `literal` of its own.

    A body that does not conform to `input_schema`, or to `output_schema` when it is made, is rejected (`invalid`).

    A rejection names the exact path in the new body: `lines.0.quantity: item.qty is "x", not an integer of 64 bits`.

    This is the Message Translator of Enterprise Integration Patterns (Hohpe and Woolf, chapter 3) and the heart of
    the anticorruption layer of Domain-Driven Design (Evans, chapter 14).

    ```yaml
    - id: our-words
      use: translate
      with:
        map:
          orderId: {jmes: body.order_no}
          tier: {jmes: body.customer.tier, default: standard}
          channel: {jmes: body.chan, enum: {W: web, S: store}, on_unknown: reject}
          lines: {each: {jmes: body.lines}, as: {sku: {jmes: item.sku}, quantity: {jmes: item.qty, type: integer}}}
    ```
    """

    map: Map = Field(description="The new body, at most 64 levels deep.")
    input_schema: Schema | None = Field(
        default=None, description="A JSON Schema file, relative to the pipeline file, that every old body conforms to."
    )
    output_schema: Schema | None = Field(
        default=None, description="A JSON Schema file, relative to the pipeline file, that every new body conforms to."
    )

    def view_for(self, key: str, view: Shape) -> Shape:
        """Return what the map sees: the message, its body as `input_schema` says."""
        if self.input_schema is None:
            return view
        body = view.member("body") or Shape.anything()
        return view.put(["body"], body.both(Shape.of_schema(self.input_schema.document)))

    def shape(self, before: Shape) -> Shape:
        """Return what the map makes, and what `output_schema` says."""
        made = self.map.shape(self.view_for("map", Shape.of_message(before)))
        return made.both(Shape.of_schema(self.output_schema.document)) if self.output_schema else made

    def branches(self) -> Sequence[Place]:
        """Return every line of the map, and every code of an `enum`."""
        return map_places.branches(self.map, ("map",))

    def decisions(self, message: Message) -> Sequence[Decision]:
        """Say which lines gave a value, and which codes were translated."""
        return map_places.decisions(self.map, message, ("map",))

    @asynccontextmanager
    async def open(self, context: Context) -> AsyncGenerator[Callable[[Message], Message]]:
        """Compile the map and yield the translation."""
        make, agreed = translator(self.map, self.output_schema), self.input_schema

        def process(message: Message) -> Message:
            if agreed is not None and not agreed.is_valid(message.body):
                breaks = schema_breaks(agreed, message.body, "body")
                raise Reject(f"the body does not conform to {agreed.path.name}: {breaks}")
            return make(message)

        yield process
