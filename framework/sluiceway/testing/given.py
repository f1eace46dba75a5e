"""The source of a test: the messages given, in a queue that behaves as SQS does, on time that skips what is idle."""

from __future__ import annotations

import asyncio
import base64
import math
from collections import Counter
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, TypeAlias, cast

from sluiceway.core import json
from sluiceway.core.body import BodyFormat, decoder
from sluiceway.core.component import Source
from sluiceway.core.context import Context
from sluiceway.core.json import JSON
from sluiceway.core.message import Message
from sluiceway.core.outcome import Ack, Retry
from sluiceway.core.ports import Clock, Delivery, Receiver
from sluiceway.core.spec import Pipeline
from sluiceway.testing.components import with_open
from sluiceway.testing.mocks import Fail
from sluiceway.testing.queue import Settled, StrictQueue
from sluiceway.testing.virtual_time import VirtualLoop

_PATIENCE: Final = 50
"""Receipts beyond `attempts` before a message that keeps failing is left until it is too old: what has not changed by
then will not, and with a short back-off four days are half a million attempts."""

_GROUP: Final = "test"
"""The message group of what is given to a FIFO source without one in its `meta`."""

GivenMessage: TypeAlias = Message | Mapping[str, object]
"""A message, or `{body, headers, meta}` as under `given:` in a file. A body that is bytes is sent as it is."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A message as it lies in the queue."""

    id: str
    raw: bytes
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    meta: Mapping[str, JSON] = field(default_factory=dict[str, JSON])


def sent(messages: Iterable[GivenMessage], body_format: BodyFormat) -> list[Sent]:
    """Return the messages as their sender would put them into the queue, with the ids m-1, m-2 where they have none.

    Raises:
        TypeError: Something is no message, or its body cannot be sent in that format.
    """
    return [_sent(f"m-{number}", message, body_format) for number, message in enumerate(messages, start=1)]


def _sent(name: str, given: object, body_format: BodyFormat) -> Sent:
    if isinstance(given, Message):
        body = given.body if body_format == "text" else given.payload
        return Sent(given.id or name, _raw(body, body_format), given.headers, given.meta)
    if not isinstance(given, Mapping):
        raise TypeError(f"a list of messages is needed, each a Message or a mapping; {given!r:.100} is neither")
    parts = cast("Mapping[str, object]", given)
    if unknown := sorted(parts.keys() - {"body", "headers", "meta"}):
        raise TypeError(f"a message has body, headers and meta, and no {', '.join(unknown)}")
    body = cast("JSON | bytes", parts.get("body"))
    raw = body if isinstance(body, bytes) else _raw(body, body_format)
    headers = cast("Mapping[str, str]", parts.get("headers") or {})
    return Sent(name, raw, headers, cast("Mapping[str, JSON]", parts.get("meta") or {}))


def _raw(body: JSON | bytes, body_format: BodyFormat) -> bytes:
    if body_format == "text":
        if not isinstance(body, str):
            raise TypeError(f"the source's format is text, so a body must be a text, not {body!s:.100}")
        return body.encode()
    raw = body if isinstance(body, bytes) else json.dump(body)
    return base64.b64encode(raw) if body_format == "base64" else raw


def given_source(pipeline: Pipeline, messages: Iterable[GivenMessage], fail: Fail) -> Source:
    """Return a pipeline's source, which reads bodies and grants leases as ever, over a queue of these messages."""
    source = pipeline.source.component
    lying = sent(messages, source.format)

    @asynccontextmanager
    async def open_given(context: Context) -> AsyncGenerator[Receiver]:
        queue = GivenQueue(pipeline, context.clock, fail)
        for message in lying:
            queue.give(message)
        yield queue

    return with_open(source, open_given)


class GivenQueue(StrictQueue):
    """A queue that is never asked in vain: while every message waits for its time, the time is moved there.

    The worker's own ticks in between cost a second for each of the days that a message may be retried.

    Args:
        pipeline: Whose source it stands in for; with a `max_age`.
        clock: Virtual time.
        fail: Ends the run.
    """

    _longest = math.inf  # what is left until it is too old waits for days, not in steps of twelve hours

    def __init__(self, pipeline: Pipeline, clock: Clock, fail: Fail) -> None:
        source = pipeline.source.component
        super().__init__(clock, visibility=source.visibility.initial, close_when_empty=True, fifo=source.ordered)
        self._ordered = source.ordered
        self._virtual = clock
        self._use = pipeline.source.use
        self._read = decoder(source.format, exact=source.numbers == "exact")
        self._give_up = pipeline.retry.attempts + _PATIENCE
        self._max_age = pipeline.retry.max_age or 0.0
        self._fail = fail
        self._meta: dict[str, Mapping[str, JSON]] = {}
        self._returned: set[str] = set()
        self._waited: Counter[str] = Counter()

    def give(self, message: Sent) -> None:
        """Put a message into the queue."""
        group = str(message.meta.get("group", _GROUP)) if self._ordered else ""
        self._meta[message.id] = {"group": group, **message.meta} if group else message.meta
        self.send(message.raw, headers=message.headers, id=message.id, group=group)

    async def receive(self, limit: int) -> Sequence[Delivery]:
        """Receive, at once if nobody but the clock is waited for."""
        waiting = [stored.visible_at for stored in self.messages if stored.receipt in self._returned]
        loop = asyncio.get_running_loop()
        if waiting and len(waiting) == len(self.messages) and isinstance(loop, VirtualLoop):
            loop.advance(max(0.0, min(waiting) - self._virtual.monotonic()))
        deliveries = [self._as_source_would(delivery) for delivery in await super().receive(limit)]
        if stuck := next((d for d in deliveries if self._tries(d) > self._give_up + 1), None):
            raise self._fail(
                f"message {stuck.message.id} has come {stuck.receive_count - 1} times and is never settled:"
                " its lease ends (visibility.limit) before the stages do"
            )
        return deliveries

    def _as_source_would(self, delivery: Delivery) -> Delivery:
        message = delivery.message
        meta: dict[str, JSON] = {
            "source": self._use,
            "sent_at": datetime.fromtimestamp(delivery.sent_at, UTC).isoformat(timespec="milliseconds"),
            "receive_count": delivery.receive_count,
            **self._meta[message.id],
        }
        delivery.message = Message.received(delivery.raw, self._read, id=message.id, headers=message.headers, meta=meta)
        return delivery

    async def settle(self, settlements: Sequence[tuple[Delivery, Ack | Retry]]) -> Sequence[Settled]:
        """Settle; a message that has failed often enough comes again when it has just become too old."""
        patient = [(delivery, self._patient(delivery, verdict)) for delivery, verdict in settlements]
        self._waited.update(d.message.id for d, verdict in patient if isinstance(verdict, Retry) and not verdict.delay)
        self._returned |= {delivery.receipt for delivery, verdict in patient if isinstance(verdict, Retry)}
        return await super().settle(patient)

    def _tries(self, delivery: Delivery) -> int:
        """Return how often it has come, but for the times when it only waited behind others of its group."""
        return delivery.receive_count - self._waited[delivery.message.id]

    def _patient(self, delivery: Delivery, verdict: Ack | Retry) -> Ack | Retry:
        if isinstance(verdict, Ack) or not verdict.delay or self._tries(delivery) < self._give_up:
            return verdict
        return Retry(max(verdict.delay, delivery.sent_at + self._max_age + 1 - self._virtual.now()), verdict.reason)
