"""Translate: another party's messages in our own words."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Annotated, cast

from pydantic import AfterValidator, BeforeValidator, Field

from sluiceway import JSON, Context, Message, Reject, Schema, Stage
from sluiceway_patterns.computed import Misfit, Scope
from sluiceway_patterns.mapping import Node, check_body, check_depth
from sluiceway_patterns.values import schema_breaks


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

    map: Annotated[Node, BeforeValidator(check_depth), AfterValidator(check_body)] = Field(
        description="The new body, at most 64 levels deep."
    )
    output_schema: Schema | None = Field(
        default=None, description="A JSON Schema file, relative to the pipeline file, that every new body conforms to."
    )

    @asynccontextmanager
    async def open(self, context: Context) -> AsyncGenerator[Callable[[Message], Message]]:
        """Compile the map and yield the translation."""
        make, schema = self.map.compile(), self.output_schema

        def process(message: Message) -> Message:
            scope: Scope = {
                "id": message.id,
                "body": message.body,
                "headers": message.headers,
                "meta": message.meta,
            }
            try:
                body = cast("JSON", make(scope))
            except Misfit as misfit:
                raise misfit.rejection() from None
            if schema is not None and not schema.is_valid(body):
                raise Reject(f"the new body does not conform to {schema.path.name}: {schema_breaks(schema, body, '')}")
            return message.with_body(body)

        yield process
