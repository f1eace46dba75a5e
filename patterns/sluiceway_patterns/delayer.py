"""Delayer: let a message go on when it is due, and not before."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import ClassVar, Final, Self

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from sluiceway import Context, Defer, Duration, Expression, Message, Process, Reject, Stage
from sluiceway_patterns.moment import moment, sent_at
from sluiceway_patterns.pace import LONGEST_HELD
from sluiceway_patterns.values import cut, shown

_RETENTION: Final = Duration("14d")
"""As long as SQS keeps a message at most."""


class Delayer(Stage):
    """Delayer: let a message go on when it is due, and not before.

    With `for` a message is due so long after it was sent (`meta.sent_at`), as with a queue's own delay; one whose
    source does not say when that was is rejected (`missing`). With `until` the message says itself when: ISO 8601 with
    an offset (`2026-01-31T12:00:00Z`), or seconds since 1970. If that is missing or null, the message is rejected
    (`missing`), and if it is no moment, or more than 14 days ahead, too (`invalid`).

    A message that is due within 60 s is held in the worker, where it takes up a place of `limits.in_flight`. For a
    longer delay it is given back to the queue by its visibility: SQS hides it for 12 hours at most, then it comes, is
    asked again and given back again. That uses up no attempt, but it is a receipt: a redrive policy on the queue itself
    (`maxReceiveCount`) must allow one for each 12 hours, and two more.

    **Restart.** Nothing is remembered, and nothing need be: when a message is due follows from the message. What was
    held when the worker died comes when its lease is over, or when it is due, whichever is later. A worker that is told
    to stop lets what becomes due go on until its drain is over (`drain.stop_timeout`), then gives the rest back at
    once.

    **A repeated message** is due when the first one was, so it is not delayed a second time. After a redrive it has
    been sent anew, and `for` counts from then.

    **A late message**, which is due already, goes on at once.

    **At the cap.** No queue keeps a message longer than its retention, 4 days unless it was told otherwise and 14 at
    most: a longer `for` is refused, and so is a message with such an `until`. Give the queue a retention that is longer
    than your longest delay: what it deletes is gone. More messages than `limits.in_flight` that are due within 60 s
    wait in the queue, where SQS allows 120,000 in flight.

    **Several workers** agree, as far as their clocks do. On a FIFO queue a message that waits holds up its group.

    Leave `timeout` at 75s, and `visibility.limit` above it: a shorter one ends a hold too early, as a failure.

    This is the Delayer of Apache Camel and Spring Integration, and SQS's delay queue without its limit of 15 minutes.

    ```yaml
    - id: not-before
      use: delayer
      with: {until: {jmes: body.publish_at}}
    ```
    """

    usual_timeout: ClassVar[float] = LONGEST_HELD + 15
    usual_concurrency: ClassVar[int] = 1000
    holds: ClassVar[bool] = True

    for_: Duration | None = Field(
        default=None,
        alias="for",
        gt=0,
        description="How long after it was sent a message goes on; at most 14d.",
        examples=["30s"],
    )
    until: Expression | None = Field(
        default=None, description="When it goes on: `{jmes: body.publish_at}`, ISO 8601 or seconds since 1970."
    )

    @field_validator("for_")
    @classmethod
    def _kept_that_long(cls, value: Duration | None) -> Duration | None:
        if value is not None and value > _RETENTION:
            raise PydanticCustomError("for", "no queue keeps a message longer than {most}", {"most": str(_RETENTION)})
        return value

    @field_validator("until")
    @classmethod
    def _differs(cls, value: Expression | None) -> Expression | None:
        if value is not None and value.is_literal:
            raise PydanticCustomError(
                "until", "this moment is the same for every message: write {fix}", {"fix": "{jmes: body.…}"}
            )
        return value

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.for_ is None) == (self.until is None):
            raise PydanticCustomError("delayer", "either `for` or `until` says when a message goes on")
        return self

    @asynccontextmanager
    async def open(self, context: Context) -> AsyncGenerator[Process]:
        """Yield what holds a message, by the clock of the context."""
        clock = context.clock

        async def process(message: Message) -> Message | Defer:
            due = self._due(message, clock.now())
            while (left := due - clock.now()) > 0:
                if left > LONGEST_HELD:
                    return Defer(left, "it is not due yet")
                await clock.sleep(left)
            return message

        yield process

    def _due(self, message: Message, now: float) -> float:
        if self.until is None:
            return sent_at(message) + (self.for_ or 0)
        what = f"until ({cut(self.until.text or '')})"
        value = self.until.evaluate(message.view)
        if value is None:
            raise Reject(f"{what} is missing or null: the message does not say when it is due", error="missing")
        due = moment(value, what)
        if due > now + _RETENTION:
            raise Reject(f"{what} is {shown(value)}, more than {_RETENTION} ahead: no queue keeps a message that long")
        return due
