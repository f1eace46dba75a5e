"""Message Expiration: what comes too late is not delivered."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, ClassVar, Literal, Self, TypeAlias

from pydantic import Discriminator, Field, PrivateAttr, Tag, model_validator
from pydantic_core import PydanticCustomError

from sluiceway import Context, Decision, Drop, Duration, Message, Place, Process, Reject, Stage
from sluiceway_patterns.choices import Computed, To, labels_of, named
from sluiceway_patterns.moment import LAST, moment, sent_at


def _kind(value: object) -> str:
    return "<word>" if isinstance(value, str) else "<to>"


Expired: TypeAlias = Annotated[
    Annotated[Literal["dead_letter", "drop"], Tag("<word>")] | Annotated[To, Tag("<to>")], Discriminator(_kind)
]


class MessageExpiration(Stage):
    """Stop messages that are too old, or whose time is up.

    With `after` a message is good for so long since it was sent (`meta.sent_at`, which SQS and the memory source give;
    a message without it is rejected as `missing`). With `at` it says itself until when: ISO 8601 with an offset
    (`2026-01-31T12:00:00Z`), or seconds since 1970. A message whose `at` is missing or null never expires; one whose
    `at` is anything else is rejected (`invalid`), and so is a number so large that it must be milliseconds.

    What has expired is dead-lettered (`expired`), dropped and counted under "expired", or put on a route. The moment
    that is looked at is the one at which this stage sees the message. So put it late in the chain, before what costs
    most; what waits behind it, for a sink that is down, is not asked again in the same receipt.

    Nothing is remembered: a message that comes again, on any worker, is asked again, and may have expired meanwhile.
    Between workers it is only as exact as their clocks.

    This is Message Expiration of Enterprise Integration Patterns (Hohpe and Woolf, chapter 5).

    ```yaml
    - id: still-good
      use: message_expiration
      with: {at: {jmes: body.offer.valid_until}, expired: drop}
    ```
    """

    keeps_body: ClassVar[bool] = True

    after: Duration | None = Field(default=None, gt=0, description="How long after it was sent a message is good.")
    at: Computed | None = Field(default=None, description="When it expires: `{jmes: body.valid_until}`.")
    expired: Expired = Field(
        default="dead_letter", description="What becomes of it then: `dead_letter`, `drop`, or a route, `{to: …}`."
    )
    _now: Callable[[], float] = PrivateAttr(default=time.time)

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.after is None) == (self.at is None):
            raise PydanticCustomError("expiration", "either `after` or `at` says when a message expires")
        return self

    def labels(self) -> Sequence[str]:
        """Return the route of what has expired, if there is one."""
        return labels_of(self.expired)

    def branches(self) -> Sequence[Place]:
        """Return what becomes of a message that has expired."""
        return (("expired",),)

    def decisions(self, message: Message) -> Sequence[Decision]:
        """Say when the message expires, by the clock of the run that the stage is open in."""
        end = self._end(message)
        if end is None:
            return (Decision(("expired",), "it never expires", taken=False),)
        taken = self._now() >= end
        text = f"it {'has expired' if taken else 'expires'} at {_written(end)}"
        return (Decision(("expired",), text, taken),)

    @asynccontextmanager
    async def open(self, context: Context) -> AsyncGenerator[Process]:
        """Yield the check, by the clock of the context."""
        self._now = context.clock.now
        yield self.process

    def process(self, message: Message) -> Message | Drop:
        """Return the message, or what becomes of it when it has expired."""
        end = self._end(message)
        if end is None or self._now() < end:
            return message
        if isinstance(self.expired, To):
            return message.to(self.expired.to)
        if self.expired == "drop":
            return Drop("expired")
        raise Reject(f"the message has expired at {_written(end)}", error="expired")

    def _end(self, message: Message) -> float | None:
        """Return when a message expires, in seconds since 1970; None for never."""
        if self.at is not None:
            value = self.at.evaluate(message.view)
            return None if value is None else moment(value, named("at", self.at), least=0.001)
        return sent_at(message) + (self.after or 0.0)


def _written(seconds: float) -> str:
    if not 0 <= seconds <= LAST:
        return "a moment after the year 9999"
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
