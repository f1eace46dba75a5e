"""Patterns that take a message's destinations from data: one, or several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import Discriminator, Field, Tag

from sluiceway import Decision, Drop, Message, Place, Reject, Stage
from sluiceway_patterns.choices import Computed, Label, Otherwise, go_otherwise, labels_of, listed, named
from sluiceway_patterns.values import enum_key, shown


def _kind(value: object) -> str:
    return "<table>" if isinstance(value, Mapping) else "<list>"


Routes: TypeAlias = Annotated[
    Annotated[tuple[Label, ...], Field(min_length=1, max_length=10_000), Tag("<list>")]
    | Annotated[dict[str, Label], Field(min_length=1, max_length=10_000), Tag("<table>")],
    Discriminator(_kind),
]
"""Routes by themselves, or each under the value that leads to it."""


class DynamicRouter(Stage):
    """Put each message on the route that a value in it leads to.

    `to` computes a value for each message. With a table under `routes` the value is looked up in it: a text, a
    number (under its digits: 49.0 is `49`) or a boolean. With a list under `routes` the value is the name of the
    route itself, as text, and the list says which there are: what comes from outside never chooses a destination that
    the file does not name. Routes that an earlier stage had put the message on are replaced.

    A value that leads nowhere, and one that is missing or null, is rejected (`unroutable`), unless `otherwise` says
    `drop` or names a route. An object or a list (with a list of routes: anything but text) is rejected as `invalid`.

    This is the Dynamic Router of Enterprise Integration Patterns (Hohpe and Woolf, chapter 7). Its rule base is in the
    file; a longer one is looked up, `to: {jmes: "lookup('regions', body.country)"}` with `routes: [eu, us]`, or fetched
    by an enricher before this stage.

    ```yaml
    - id: by-country
      use: dynamic_router
      with:
        to: {jmes: body.country}
        routes: {DE: eu, FR: eu, US: us}
        otherwise: {to: by-hand}
    ```
    """

    keeps_body: ClassVar[bool] = True

    to: Computed = Field(description="The value that leads to the route: `{jmes: body.country}`.")
    routes: Routes = Field(
        description="The route for each value, `{DE: eu, US: us}`; or the routes that `to` may name, `[eu, us]`."
    )
    otherwise: Otherwise = Field(
        default="reject", description="What leads nowhere: `reject` it, `drop` it, or a route, `{to: …}`."
    )

    def labels(self) -> Sequence[str]:
        """Return the routes, each once."""
        routes = self.routes.values() if isinstance(self.routes, dict) else self.routes
        return tuple(dict.fromkeys([*routes, *labels_of(self.otherwise)]))

    def branches(self) -> Sequence[Place]:
        """Return each route, and `otherwise`."""
        keys = self.routes if isinstance(self.routes, dict) else range(len(self.routes))
        return (*(("routes", key) for key in keys), ("otherwise",))

    def decisions(self, message: Message) -> Sequence[Decision]:
        """Say which value was found, and where it leads."""
        key, value = self._key(message)
        found = f"{named('to', self.to)} is {shown(value)}"
        if key is None or (route := self._route(key)) is None:
            return (Decision(("otherwise",), f"{found}, which leads nowhere", taken=True),)
        place = key if isinstance(self.routes, dict) else self.routes.index(key)
        return (Decision(("routes", place), f"{found}: on the route {route}", taken=True),)

    def process(self, message: Message) -> Message | Drop:
        """Return the message on its route, or what `otherwise` makes of it."""
        key, value = self._key(message)
        route = None if key is None else self._route(key)
        if route is not None:
            return message.to(route)
        why = f"{named('to', self.to)} is {shown(value)}, and there are routes for {listed(tuple(self.routes))}"
        return go_otherwise(message, self.otherwise, why)

    def _key(self, message: Message) -> tuple[str | None, object]:
        """Return the key that the value stands for, None where there is no value, and the value."""
        value = self.to.evaluate(message.view)
        if value is None:
            return None, None
        key = enum_key(value) if isinstance(self.routes, dict) else value
        if not isinstance(key, str):
            wanted = "a text, a number or a boolean" if isinstance(self.routes, dict) else "the name of a route"
            raise Reject(f"{named('to', self.to)} is {shown(value)}, not {wanted}")
        return key, value

    def _route(self, key: str) -> str | None:
        if isinstance(self.routes, dict):
            return self.routes.get(key)
        return key if key in self.routes else None


class RecipientList(Stage):
    """Put each message on the routes of all the recipients that it names.

    `to` computes a name or a list of names; `recipients` says which there are, so what comes from outside never
    chooses a destination that the file does not name. The message stays one: it goes to every sink of one of its
    routes, once to each, and is settled when all of them have accepted it. Routes that an earlier stage had put it
    on are replaced.

    A name that is no recipient rejects the message (`unroutable`), so that nobody is left out unnoticed; with
    `unknown: ignore` the others get it. A message without any recipient is rejected too (`unroutable`), unless
    `otherwise` says `drop` or names a route. What is no text is rejected as `invalid`.

    This is the Recipient List of Enterprise Integration Patterns (Hohpe and Woolf, chapter 7).

    ```yaml
    - id: who-wants-it
      use: recipient_list
      with:
        to: {jmes: body.notify}
        recipients: [billing, shipping, marketing]
    ```
    """

    keeps_body: ClassVar[bool] = True

    to: Computed = Field(description="The names of the recipients: a text or a list of texts.")
    recipients: tuple[Label, ...] = Field(
        min_length=1, max_length=1000, description="The recipients that there are, each a route."
    )
    unknown: Literal["reject", "ignore"] = Field(
        default="reject", description="What a name that is no recipient does: `reject` the message, or nothing."
    )
    otherwise: Otherwise = Field(
        default="reject",
        description="What becomes of a message without recipients: `reject` it, `drop` it, or a route, `{to: …}`.",
    )

    def labels(self) -> Sequence[str]:
        """Return the recipients."""
        return tuple(dict.fromkeys([*self.recipients, *labels_of(self.otherwise)]))

    def branches(self) -> Sequence[Place]:
        """Return each recipient, and `otherwise`."""
        return (*(("recipients", index) for index in range(len(self.recipients))), ("otherwise",))

    def decisions(self, message: Message) -> Sequence[Decision]:
        """Say of each recipient whether the message names it."""
        recipients = self._recipients(message)
        key = named("to", self.to)
        made = [
            Decision(("recipients", index), f"{key} {'names' if name in recipients else 'does not name'} {name}", taken)
            for index, name in enumerate(self.recipients)
            for taken in [name in recipients]
        ]
        return made if recipients else (*made, Decision(("otherwise",), f"{key} names nobody", taken=True))

    def process(self, message: Message) -> Message | Drop:
        """Return the message on the routes of its recipients, or what `otherwise` makes of it."""
        if recipients := self._recipients(message):
            return message.to(*recipients)
        return go_otherwise(message, self.otherwise, f"{named('to', self.to)} names no recipient")

    def _recipients(self, message: Message) -> list[str]:
        """Return the recipients that a message names, each once, in its own order."""
        value = self.to.evaluate(message.view)
        names = value if isinstance(value, list) else [] if value is None else [value]
        recipients: dict[str, None] = {}
        for name in names:
            if not isinstance(name, str):
                raise Reject(f"{named('to', self.to)} has {shown(name)}, not the name of a recipient")
            if name in self.recipients:
                recipients[name] = None
            elif self.unknown == "reject":
                there_are = listed(self.recipients)
                raise Reject(
                    f"{named('to', self.to)} names {shown(name)}, and the recipients are {there_are}",
                    error="unroutable",
                )
        return list(recipients)
