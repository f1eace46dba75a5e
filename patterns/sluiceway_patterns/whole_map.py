"""A map as a whole: what a file may say, and the function that makes new bodies of messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, TypeAlias, cast

from pydantic import AfterValidator, BeforeValidator

from sluiceway import JSON, Message, Reject, Schema
from sluiceway_patterns.computed import Misfit, Scope
from sluiceway_patterns.mapping import Node, check_body, check_depth
from sluiceway_patterns.values import schema_breaks

Map: TypeAlias = Annotated[Node, BeforeValidator(check_depth), AfterValidator(check_body)]
"""A map in the shape of the new body."""


def scope_of(message: Message) -> Scope:
    """Return what the expressions of a map see of a message."""
    return {"id": message.id, "body": message.body, "headers": message.headers, "meta": message.meta}


def translator(map_: Node, schema: Schema | None) -> Callable[[Message], Message]:
    """Return the function that gives messages the body that the map makes.

    It rejects a message of which the map can make none (`missing`, `invalid`), and a body that breaks the schema.
    """
    make = map_.compile()

    def process(message: Message) -> Message:
        try:
            body = cast("JSON", make(scope_of(message)))
        except Misfit as misfit:
            raise misfit.rejection() from None
        if schema is not None and not schema.is_valid(body):
            raise Reject(f"the new body does not conform to {schema.path.name}: {schema_breaks(schema, body, '')}")
        return message.with_body(body)

    return process
