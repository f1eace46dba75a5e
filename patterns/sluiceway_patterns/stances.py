"""How a context stands to the one upstream, in the words of domain-driven design."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Literal, TypeAlias

from pydantic import Discriminator, Field, Tag

from sluiceway import Bypass, Context, Decision, Message, Place, Reject, Schema, Stage
from sluiceway_patterns import map_places
from sluiceway_patterns.choices import Label, To, kind_of, labels_of
from sluiceway_patterns.drift import Drift, conforms, unknown_in, unknown_text
from sluiceway_patterns.unknown_fields import UnknownFields
from sluiceway_patterns.values import schema_breaks
from sluiceway_patterns.whole_map import Map, translator

OnBreak: TypeAlias = Annotated[
    Annotated[Literal["pass", "reject"], Tag("<word>")] | Annotated[To, Tag("<to>")], Discriminator(kind_of)
]
OnDrift: TypeAlias = Annotated[
    Annotated[Literal["count", "reject"], Tag("<word>")] | Annotated[To, Tag("<to>")], Discriminator(kind_of)
]


class Quarantining(Stage):
    """Base of the stages that put some messages aside: what passes needs a route too, where sinks would take all."""

    to: Label | None = Field(
        default=None, description="The route of what passes; without it, messages stay on the routes that they are on."
    )

    def passed(self, message: Message) -> Message:
        """Return a message on the route of what passes."""
        return message if self.to is None else message.to(self.to)


class Conformist(Quarantining):
    """Take the upstream's model as it is, and know when it changes.

    Messages pass unchanged. What differs from the schema that was pinned is counted, by path as `validate` does it:
    `unknown_field` for fields that the schema does not name, `schema_break` for what is missing, of another type, a
    value that an enum does not have, or breaks it otherwise. `on_break` says what is done about a body that breaks the
    schema: it may `pass`, as a conformist takes what comes; `reject` it (`invalid`); or `{to: label}` puts it on a
    route past all other stages. Unknown fields break nothing, unless the schema is closed.

    A sink without `routes` takes everything, so what is put aside as well: where there is such a route, `to` puts what
    passes on another, for the sinks that are to get it.

    This is the Conformist of Domain-Driven Design (Evans, chapter 14). `context.upstream.relationship` in the file
    says the same to readers; this stage holds to it.

    ```yaml
    - id: as-the-shop-has-it
      use: conformist
      with: {schema: schemas/shop-order.v1.json, on_break: {to: quarantine}, to: in-order}
    ```
    """

    schema_: Schema = Field(alias="schema", description="The upstream's JSON Schema, as it was when we took it on.")
    on_break: OnBreak = Field(
        default="pass", description="What is done about a body that breaks it: `pass`, `reject`, or a route, `{to: …}`."
    )

    def labels(self) -> Sequence[str]:
        """Return the routes."""
        return _labels(self.to, self.on_break)

    def branches(self) -> Sequence[Place]:
        """Return the two ways."""
        return (("schema",), ("on_break",))

    def decisions(self, message: Message) -> Sequence[Decision]:
        """Say where the body breaks the schema, if it does."""
        made = conforms(self.schema_, message.body)
        return (made, Decision(("on_break",), f"a body that breaks it: {_said(self.on_break)}", not made.taken))

    @asynccontextmanager
    async def open(self, context: Context) -> AsyncGenerator[Callable[[Message], Message | Bypass]]:
        """Yield the check."""
        unknown, drift = UnknownFields(self.schema_.document), Drift(context)

        def process(message: Message) -> Message | Bypass:
            body = message.body
            drift.count("unknown_field", unknown.find(body))
            if self.schema_.is_valid(body):
                return self.passed(message)
            drift.count("schema_break", (path for path, _ in self.schema_.breaks(body)))
            if self.on_break == "reject":
                raise Reject(schema_breaks(self.schema_, body, "body"))
            return self.passed(message) if self.on_break == "pass" else _aside(message, self.on_break)

        yield process


class AntiCorruptionLayer(Quarantining):
    """Let the upstream's model in only as it was agreed, and only in our own words.

    Three steps: the body is held to the upstream's schema; what has drifted is dealt with; `map` makes the new body, as
    `translate` does, which `output_schema` holds to our own.

    Two kinds of drift break nothing that we rely on, and need not stop the work. Unknown fields are those that no part
    of the schema names. Unknown values are those that an `enum` in the schema does not have, but for one inside `anyOf`
    or `oneOf`, where nobody can tell which branch was meant. For each the file says `count`: it is counted, by path, in
    `unknown_field` and `unknown_value`, and the message goes on to the map (whose own `enum` and `on_unknown` decide
    what becomes of the value); `reject` (`invalid`); or `{to: label}`: the message is put in quarantine, as it came, on
    a route past all other stages, for a person to look at. It is counted in any case. Whatever else breaks the schema
    is always rejected.

    A sink without `routes` takes everything, so what is in quarantine as well: where there is one, `to` puts what
    passes on a route of its own, for the sinks that are to get it.

    This is the Anticorruption Layer of Domain-Driven Design (Evans, chapter 14). `context.upstream.relationship` in the
    file says the same to readers; this stage holds to it.

    ```yaml
    - id: our-words
      use: anti_corruption_layer
      with:
        schema: schemas/shop-order.v1.json
        unknown_fields: count
        unknown_values: {to: quarantine}
        to: ours
        map:
          orderId: {jmes: body.order_no}
          channel: {jmes: body.chan, enum: {W: web, S: store}}
        output_schema: schemas/order-accepted.v1.json
    ```
    """

    schema_: Schema = Field(alias="schema", description="The upstream's JSON Schema, as it was agreed.")
    unknown_fields: OnDrift = Field(
        default="count", description="Fields that it does not name: `count`, `reject`, or a route, `{to: …}`."
    )
    unknown_values: OnDrift = Field(
        default="reject", description="Values that an `enum` does not have: `count`, `reject`, or a route, `{to: …}`."
    )
    map: Map = Field(description="The new body, at most 64 levels deep, as `translate` has it.")
    output_schema: Schema | None = Field(default=None, description="A JSON Schema file for every new body.")

    def labels(self) -> Sequence[str]:
        """Return the routes."""
        return _labels(self.to, self.unknown_fields, self.unknown_values)

    def branches(self) -> Sequence[Place]:
        """Return the schema, the two kinds of drift, and the places of the map."""
        return (("schema",), ("unknown_fields",), ("unknown_values",), *map_places.branches(self.map, ("map",)))

    def decisions(self, message: Message) -> Sequence[Decision]:
        """Say what has drifted, and what the map found."""
        body = message.body
        agreed = conforms(self.schema_, body)
        strange = not agreed.taken and all(keyword == "enum" for _, keyword in self.schema_.breaks(body))
        drifted = Decision(("unknown_values",), f"values that it does not have: {_said(self.unknown_values)}", strange)
        made = (agreed, unknown_in(UnknownFields(self.schema_.document), body), drifted)
        stops = not agreed.taken and (not strange or self.unknown_values != "count")
        if stops or (made[1].taken and self.unknown_fields != "count"):
            return made
        return (*made, *map_places.decisions(self.map, message, ("map",)))

    @asynccontextmanager
    async def open(self, context: Context) -> AsyncGenerator[Callable[[Message], Message | Bypass]]:
        """Compile the map and yield the layer."""
        unknown, drift = UnknownFields(self.schema_.document), Drift(context)
        translate = translator(self.map, self.output_schema)

        def process(message: Message) -> Message | Bypass:
            body = message.body
            strange = [] if self.schema_.is_valid(body) else list(self.schema_.breaks(body))
            broken = schema_breaks(self.schema_, body, "body") if strange else ""
            if any(keyword != "enum" for _, keyword in strange):
                raise Reject(broken)
            fields = list(unknown.find(body))
            drift.count("unknown_value", (path for path, _ in strange))
            drift.count("unknown_field", fields)
            for found, policy, why in (
                (strange, self.unknown_values, broken),
                (fields, self.unknown_fields, unknown_text(fields)),
            ):
                if found and policy == "reject":
                    raise Reject(why)
                if found and isinstance(policy, To):
                    return _aside(message, policy)
            return self.passed(translate(message))

        yield process


def _aside(message: Message, route: To) -> Bypass:
    """Put a message, as it came, on a route past all other stages."""
    return Bypass(message.to(route.to))


def _labels(passed: str | None, *policies: str | To) -> Sequence[str]:
    return tuple(dict.fromkeys([*labels_of(*policies), *([passed] if passed else [])]))


def _said(policy: str | To) -> str:
    return f"to {policy.to}" if isinstance(policy, To) else policy
