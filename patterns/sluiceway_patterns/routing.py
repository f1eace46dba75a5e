"""Patterns that decide by the message's own content where it goes, or whether it goes on at all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field, ValidationInfo, field_validator

from sluiceway import Decision, Drop, EventPattern, Message, Place, Settings, Shape
from sluiceway_patterns.choices import Label, Otherwise, OverMessage, go_otherwise, labels_of, names_view


class Filter(OverMessage):
    """Let through what matches an event pattern and drop the rest.

    The pattern is Amazon EventBridge's ("Amazon EventBridge event patterns" in its user guide), written in YAML,
    over the message: `id`, `body`, `headers` and `meta`. A body that is text, or JSON but no object, matches no
    pattern on `body`. A dropped message is settled as done and counted under "no pattern matched".

    With `of: body` the pattern is applied to the body itself: so a pattern copied from an EventBridge rule works
    unchanged on events that a rule has put into the queue.

    This is the Message Filter of Enterprise Integration Patterns (Hohpe and Woolf, chapter 7).

    ```yaml
    - id: only-paid
      use: filter
      with:
        pattern: {body: {status: [paid, authorised], total: [{numeric: [">", 0]}]}}
    ```
    """

    pattern: EventPattern = Field(description="The event pattern; what it matches passes.")

    @field_validator("pattern")
    @classmethod
    def _names_the_view(cls, pattern: EventPattern, info: ValidationInfo) -> EventPattern:
        names_view(pattern, info.data)
        return pattern

    def branches(self) -> Sequence[Place]:
        """Return the pattern: a test should get something through."""
        return (("pattern",),)

    def decisions(self, message: Message) -> Sequence[Decision]:
        """Say whether the pattern matches, and which clause does not."""
        taken, text = self.found(self.pattern, message)
        return (Decision(("pattern",), text, taken),)

    def shape(self, before: Shape) -> Shape:
        """Return the shape of what passes."""
        pattern = self.pattern.source if self.of == "body" else self.pattern.source.get("body")
        return before.passing(pattern) if isinstance(pattern, dict) else before

    def process(self, message: Message) -> Message | Drop:
        """Return the message, or drop it."""
        event = self.event(message)
        if event is not None and self.pattern.matches(event):
            return message
        # One reason for all: drops are counted by reason, so it must not name values of the message.
        return Drop("no pattern matched")


class Route(Settings):
    """A route, and the messages that go there."""

    to: Label = Field(description="The route.")
    when: EventPattern = Field(description="The event pattern; what it matches goes there.")


class Router(OverMessage):
    """Put each message on the route of the first event pattern that it matches.

    The patterns are tried in the order of the file, and the first that matches decides; so the narrower ones come
    first. They are written as for `filter`, over `id`, `body`, `headers` and `meta`, or with `of: body` over the event
    in the body. Routes that an earlier stage had put the message on are replaced.

    A message that no pattern matches is rejected (`unroutable`), unless `otherwise` says `drop` or names a route.
    Stages and sinks with `routes: [web]` take what is on the route `web`; sinks without `routes` take everything.

    This is the Content-Based Router of Enterprise Integration Patterns (Hohpe and Woolf, chapter 7).

    ```yaml
    - id: by-channel
      use: router
      with:
        routes:
          - {to: web, when: {body: {channel: [web, app]}}}
          - {to: store, when: {body: {channel: [{prefix: "store-"}]}}}
        otherwise: {to: by-hand}
    ```
    """

    first_match: ClassVar[bool] = True
    keeps_body: ClassVar[bool] = True

    routes: tuple[Route, ...] = Field(
        min_length=1, max_length=10_000, description="The routes, each `to` where and `when`; the first match decides."
    )
    otherwise: Otherwise = Field(
        default="reject", description="What no pattern matches: `reject` it, `drop` it, or a route, `{to: …}`."
    )

    @field_validator("routes")
    @classmethod
    def _name_the_view(cls, routes: tuple[Route, ...], info: ValidationInfo) -> tuple[Route, ...]:
        for index, route in enumerate(routes):
            names_view(route.when, info.data, index, "when")
        return routes

    def labels(self) -> Sequence[str]:
        """Return the routes, each once."""
        return tuple(dict.fromkeys([*(route.to for route in self.routes), *labels_of(self.otherwise)]))

    def branches(self) -> Sequence[Place]:
        """Return each route, and `otherwise`."""
        return (*(("routes", index) for index in range(len(self.routes))), ("otherwise",))

    def decisions(self, message: Message) -> Sequence[Decision]:
        """Say of each pattern that was tried why it did not match, or that it did."""
        made: list[Decision] = []
        for index, route in enumerate(self.routes):
            taken, text = self.found(route.when, message)
            made.append(Decision(("routes", index), text, taken))
            if taken:
                return made
        return (*made, Decision(("otherwise",), "no pattern matched", taken=True))

    def process(self, message: Message) -> Message | Drop:
        """Return the message on its route, or what `otherwise` makes of it."""
        event = self.event(message)
        if event is not None:
            for route in self.routes:
                if route.when.matches(event):
                    return message.to(route.to)
        return go_otherwise(message, self.otherwise, "no pattern of the router matched")
