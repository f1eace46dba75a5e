"""How a context stands to those that read what it publishes, in the words of domain-driven design."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Literal

from pydantic import Field

from sluiceway import Context, Decision, Message, Place, Reject, Schema, Stage
from sluiceway_patterns.drift import Drift, conforms, unknown_in, unknown_text
from sluiceway_patterns.unknown_fields import UnknownFields, without
from sluiceway_patterns.values import schema_breaks


class OpenHostService(Stage):
    """Publish only what was promised: the last stage before the sinks.

    A body that breaks the published schema is rejected (`invalid`) and reaches no reader: the mistake is our own, and
    is mended here, not by everybody else. Fields that the schema does not name are no promise, and readers who find
    them will rely on them: the message is rejected, or with `unknown_fields: strip` they are taken out, and counted by
    path in `unknown_field`, before the body is held to the schema.

    This is the Open Host Service of Domain-Driven Design with its Published Language (Evans, chapter 14).

    ```yaml
    - id: as-promised
      use: open_host_service
      with: {schema: schemas/order-accepted.v1.json, unknown_fields: strip}
    ```
    """

    schema_: Schema = Field(alias="schema", description="The JSON Schema that is published.")
    unknown_fields: Literal["reject", "strip"] = Field(
        default="reject", description="What is done about fields that it does not name."
    )

    def branches(self) -> Sequence[Place]:
        """Return the schema, and where unknown fields are taken out that."""
        return (("schema",), ("unknown_fields",)) if self.unknown_fields == "strip" else (("schema",),)

    def decisions(self, message: Message) -> Sequence[Decision]:
        """Say which fields are not promised, and where the body breaks the promise."""
        unknown, body = UnknownFields(self.schema_.document), message.body
        left = without(body, unknown.find(body)) if self.unknown_fields == "strip" else body
        return (unknown_in(unknown, body), conforms(self.schema_, left))

    @asynccontextmanager
    async def open(self, context: Context) -> AsyncGenerator[Callable[[Message], Message]]:
        """Yield the check."""
        unknown, drift, name = UnknownFields(self.schema_.document), Drift(context), self.schema_.path.name

        def process(message: Message) -> Message:
            body = message.body
            fields = list(unknown.find(body))
            if fields and self.unknown_fields == "reject":
                raise Reject(f"what would be published is not as {name} promises: {unknown_text(fields)}")
            drift.count("unknown_field", fields)
            left = without(body, fields)
            if not self.schema_.is_valid(left):
                breaks = schema_breaks(self.schema_, left, "body")
                raise Reject(f"what would be published is not as {name} promises: {breaks}")
            return message.with_body(left) if fields else message

        yield process
