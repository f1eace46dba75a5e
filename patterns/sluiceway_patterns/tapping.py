"""Patterns beside the main way: a copy for somebody who listens, and a way round that can be switched on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field, ValidationInfo, field_validator

from sluiceway import Bypass, Decision, EventPattern, Message, Place, Result
from sluiceway_patterns.choices import Label, OverMessage, names_view


class _Sometimes(OverMessage):
    """Base of what is done for some messages, or for all."""

    keeps_body: ClassVar[bool] = True

    when: EventPattern | None = Field(
        default=None, description="Only for messages that this event pattern matches; default: for all."
    )

    @field_validator("when")
    @classmethod
    def _names_the_view(cls, pattern: EventPattern | None, info: ValidationInfo) -> EventPattern | None:
        if pattern is not None:
            names_view(pattern, info.data)
        return pattern

    def applies(self, message: Message) -> bool:
        """Tell whether it is done for a message."""
        if self.when is None:
            return True
        event = self.event(message)
        return event is not None and self.when.matches(event)


class WireTap(_Sometimes):
    """Send a copy of each message, as it is here, to the sinks of a route.

    The copy goes by all later stages, straight to the sinks that have the route `to` under `routes`. Sinks without
    `routes` get the message alone. `when` is an event pattern, as for `filter`: only what it matches is copied.

    The message goes on as the first child of what was received and the copy is the second: `ID/0` and `ID/1`. One that
    is not copied keeps its id. The copy is part of the delivery, so it is never lost; the price is that the delivery is
    settled only when both have been accepted: while the tap's sink is down messages are held and come again,
    and what had been accepted elsewhere may be sent there twice, under the same id, unless `errors.store` remembers. If
    the tap may never hold up anything, tap into a queue, which is hardly ever down, and let a pipeline of its own
    carry the copies on. A copy that its sink refuses dead-letters the message as it was received.

    This is the Wire Tap of Enterprise Integration Patterns (Hohpe and Woolf, chapter 11).

    ```yaml
    - id: tap
      use: wire_tap
      with: {to: audit}
    ```
    """

    to: Label = Field(description="The route of the copies.")

    def labels(self) -> Sequence[str]:
        """Return the route of the copies."""
        return (self.to,)

    def branches(self) -> Sequence[Place]:
        """Return what decides, if anything does."""
        return (("to",),) if self.when is None else (("when",),)

    def decisions(self, message: Message) -> Sequence[Decision]:
        """Say whether the message is copied, and why not."""
        if self.when is None:
            return (Decision(("to",), f"a copy goes to the route {self.to}", taken=True),)
        taken, text = self.found(self.when, message)
        return (Decision(("when",), f"{text}: {'a' if taken else 'no'} copy goes to the route {self.to}", taken),)

    def process(self, message: Message) -> Result:
        """Return the message, and its copy."""
        return [message, Bypass(message.to(self.to))] if self.applies(message) else message


class Detour(_Sometimes):
    """Lead messages through more stages while it is switched on: those with its route under `routes`.

    While `active` is true, the route `to` is added to those that a message is on; stages with `routes: [checked]`
    then apply to it. Otherwise it passes unchanged, and goes by those stages. It keeps the routes that it was on, so it
    reaches the same sinks either way: those of these routes, and those without `routes`. `when` is an event pattern, as
    for `filter`: only what it matches is led round.

    A variable makes it a switch: `active: "${CHECKS:-false}"`. It is read when the worker starts, so workers are
    restarted to throw it; until all of them are, some messages take the one way and some the other.

    This is the Detour of Enterprise Integration Patterns (Hohpe and Woolf, chapter 11).

    ```yaml
    - id: extra-checks
      use: detour
      with: {to: checked, active: "${CHECKS:-false}"}
    ```
    """

    to: Label = Field(description="The route that is added.")
    active: bool = Field(description='Whether it is switched on: true, false, or a variable, `"${CHECKS:-false}"`.')

    def labels(self) -> Sequence[str]:
        """Return the route that is added."""
        return (self.to,)

    def branches(self) -> Sequence[Place]:
        """Return what decides; while it is switched off, nothing can be taken."""
        if not self.active:
            return ()
        return (("active",),) if self.when is None else (("when",),)

    def decisions(self, message: Message) -> Sequence[Decision]:
        """Say whether the message is led round, and why not."""
        if not self.active:
            return (Decision(("active",), "the detour is switched off", taken=False),)
        if self.when is None:
            return (Decision(("active",), f"the detour is switched on: also on the route {self.to}", taken=True),)
        taken, text = self.found(self.when, message)
        return (Decision(("when",), f"{text}: {'also' if taken else 'not'} on the route {self.to}", taken),)

    def process(self, message: Message) -> Message:
        """Return the message, on one more route if it is led round."""
        if not self.active or not self.applies(message):
            return message
        return message.to(*dict.fromkeys((*message.routes, self.to)))
