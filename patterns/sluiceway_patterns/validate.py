"""Validate: hold messages to what was agreed."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager
from itertools import islice
from typing import Final, Literal

from pydantic import Field

from sluiceway import Context, Message, Reject, Schema, Stage
from sluiceway_patterns.unknown_fields import Path, UnknownFields
from sluiceway_patterns.values import cut, dotted, schema_breaks

_NAMED: Final = 5
"""Unknown fields that a rejection names."""
_LABELS: Final = 100
"""Paths that are counted each by itself: senders choose the names, and each is a time series."""


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

    @asynccontextmanager
    async def open(self, context: Context) -> AsyncGenerator[Callable[[Message], Message]]:
        """Yield the check."""
        unknown = UnknownFields(self.schema_.document)
        labels: set[str] = set()

        def process(message: Message) -> Message:
            body = message.body
            if not self.schema_.is_valid(body):
                raise Reject(schema_breaks(self.schema_, body, "body"))
            if self.unknown_fields == "reject":
                _refuse(unknown.find(body))
            elif self.unknown_fields == "count":
                counts = Counter(_label(path, labels) for path in unknown.find(body))
                for label, amount in counts.items():
                    context.count("unknown_field", amount, path=label)
            return message

        yield process


def _refuse(unknown: Iterator[Path]) -> None:
    named = [dotted(("body", *path)) for path in islice(unknown, _NAMED)]
    if named:
        raise Reject(f"the schema does not name {', '.join(named)}")


def _label(path: Path, labels: set[str]) -> str:
    """Return the label of a path, having noted it in `labels`, or `…` when those are enough."""
    text = cut("body" + "".join("[]" if isinstance(key, int) else f".{key}" for key in path), 120)
    if text not in labels and len(labels) == _LABELS:
        return "…"
    labels.add(text)
    return text
