"""A source and a sink in memory: for tests, trials and a file's own `tests:`.

Their state hangs on the component: one loaded pipeline has one queue, another has another, and nothing is global.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import count
from operator import itemgetter
from typing import ClassVar, Final

from pydantic import Field, PrivateAttr

from sluiceway.core import json
from sluiceway.core.body import decoder
from sluiceway.core.component import Sink, Source
from sluiceway.core.context import Context
from sluiceway.core.errors import MessageError, SourceExhausted
from sluiceway.core.json import JSON
from sluiceway.core.message import NO_HEADERS, Message
from sluiceway.core.outcome import Ack, Facts, Retry
from sluiceway.core.ports import Bury, Clock, Delivery, Send
from sluiceway.core.spec import Given

_POLL: Final = 1.0
"""Seconds for which one receive waits for a delayed message: a worker that drains waits for it to end."""

_KEPT: Final = 10_000


class MemoryReceiver:
    """An open `MemorySource`.

    Attributes:
        acked: The deliveries that were acknowledged, in order; the latest 10,000.
        retried: The deliveries that were given back, each with how, in order; the latest 10,000.
    """

    def __init__(self, source: MemorySource, clock: Clock) -> None:
        self.acked: deque[Delivery] = deque(maxlen=_KEPT)
        self.retried: deque[tuple[Delivery, Retry]] = deque(maxlen=_KEPT)
        self._clock = clock
        self._text = source.format == "text"
        self._decode = decoder(source.format, exact=source.numbers == "exact")
        self._waiting: deque[Delivery] = deque()
        self._delayed: list[tuple[float, Delivery]] = []
        self._in_hand = 0
        self._receipts = count(1)
        self._settled = asyncio.Event()
        for given in source.messages:
            self.inject(given.body, headers=given.headers, meta=given.meta)

    def inject(
        self,
        body: JSON | bytes,
        *,
        id: str | None = None,  # noqa: A002 - the message's own word for it
        headers: Mapping[str, str] = NO_HEADERS,
        meta: Mapping[str, JSON] | None = None,
    ) -> None:
        """Put a message into the queue: a body, or bytes to be read as the source's `format` says."""
        receipt = f"memory-{next(self._receipts)}"
        if isinstance(body, bytes):
            raw = body
        else:
            raw = body.encode() if self._text and isinstance(body, str) else json.dump(body)
        sent_at = self._clock.now()
        known: dict[str, JSON] = {"source": "memory", "sent_at": sent_at, **(meta or {})}
        message = Message.received(raw, self._decode, id=id or receipt, headers=headers, meta=known)
        self._waiting.append(Delivery(message, receipt, raw, sent_at=sent_at))
        self._settled.set()

    async def receive(self, limit: int) -> Sequence[Delivery]:
        """Return at most `limit` deliveries, or none when nothing was to be had for a while.

        Raises:
            SourceExhausted: Nothing is waiting, delayed or in hand: no message will ever come.
        """
        if not self._waiting:
            await self._wait()
        self._release_due()
        taken = [self._waiting.popleft() for _ in range(min(limit, len(self._waiting)))]
        self._in_hand += len(taken)
        return taken

    def extend(self, receipts: Sequence[str], seconds: float) -> Sequence[None]:
        """Do nothing: memory takes no message back."""
        return [None] * len(receipts)

    async def settle(self, settlements: Sequence[tuple[Delivery, Ack | Retry]]) -> Sequence[None]:
        """Note what is acknowledged; bring back, after its delay, what is to be retried."""
        for delivery, verdict in settlements:
            self._in_hand -= 1
            if isinstance(verdict, Ack):
                self.acked.append(delivery)
                continue
            self.retried.append((delivery, verdict))
            self._delayed.append((self._clock.monotonic() + verdict.delay, self._again(delivery)))
        self._settled.set()
        return [None] * len(settlements)

    async def _wait(self) -> None:
        """Wait for the next settlement; with nothing in hand, for the next delayed message."""
        if self._in_hand:
            self._settled.clear()
            await self._settled.wait()
        elif self._delayed:
            due = min(due for due, _ in self._delayed)
            await self._clock.sleep(min(max(0.0, due - self._clock.monotonic()), _POLL))
        else:
            raise SourceExhausted

    def _release_due(self) -> None:
        now = self._clock.monotonic()
        self._waiting += [delivery for due, delivery in sorted(self._delayed, key=itemgetter(0)) if due <= now]
        self._delayed = [(due, delivery) for due, delivery in self._delayed if due > now]

    def _again(self, earlier: Delivery) -> Delivery:
        return Delivery(
            earlier.message,
            f"memory-{next(self._receipts)}",
            earlier.raw,
            receive_count=earlier.receive_count + 1,
            sent_at=earlier.sent_at,
        )


class MemorySource(Source):
    """Receive the messages that stand in the file; the run ends when all are settled."""

    needs_dead_letters: ClassVar[bool] = False

    messages: tuple[Given, ...] = Field(
        default=(), description="What is received.", examples=[[{"body": {"order_no": "A-1"}}]]
    )
    _receiver: MemoryReceiver | None = PrivateAttr(default=None)

    @property
    def receiver(self) -> MemoryReceiver:
        """The receiver of the latest run, to inject messages into and to see what was settled."""
        if self._receiver is None:
            raise RuntimeError("this memory source has not been opened yet")
        return self._receiver

    @asynccontextmanager
    async def open(self, context: Context) -> AsyncGenerator[MemoryReceiver]:
        """Yield a receiver with all messages waiting."""
        self._receiver = MemoryReceiver(self, context.clock)
        yield self._receiver


class MemorySink(Sink):
    """Keep messages in memory."""

    batch_entries: ClassVar[int] = 10
    forwards: ClassVar[bool] = False
    dead_letters: ClassVar[bool] = True

    keep: int = Field(default=10_000, ge=1, description="How many messages are kept; the oldest go first.")
    _messages: deque[Message] = PrivateAttr(default_factory=deque[Message])
    _buried: deque[tuple[Delivery, Facts]] = PrivateAttr(default_factory=deque[tuple[Delivery, Facts]])

    def model_post_init(self, context: object, /) -> None:
        """Bound what is kept."""
        self._messages, self._buried = deque(maxlen=self.keep), deque(maxlen=self.keep)

    @property
    def messages(self) -> Sequence[Message]:
        """The messages that were sent, in order."""
        return list(self._messages)

    @property
    def buried(self) -> Sequence[tuple[Delivery, Facts]]:
        """The dead letters, in order."""
        return list(self._buried)

    @asynccontextmanager
    async def open(self, context: Context) -> AsyncGenerator[Send]:
        """Yield the function that keeps messages."""

        async def send(messages: Sequence[Message]) -> Sequence[MessageError | None]:
            self._messages.extend(messages)
            return [None] * len(messages)

        yield send

    @asynccontextmanager
    async def open_dead_letters(self, context: Context) -> AsyncGenerator[Bury]:
        """Yield the function that keeps dead letters."""

        async def bury(letters: Sequence[tuple[Delivery, Facts]]) -> Sequence[MessageError | None]:
            self._buried.extend(letters)
            return [None] * len(letters)

        yield bury
