"""A source with as many messages as one likes, each made when it is asked for, and a sink that keeps none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any, ClassVar

from sluiceway import Delivery, Message, Sink, Source, Transient, json
from sluiceway.core.errors import SourceExhausted


class Numbers(Source):
    """Give so many messages."""

    needs_dead_letters: ClassVar[bool] = False
    count: int

    @asynccontextmanager
    async def open(self, context: Any) -> AsyncGenerator[Any]:
        yield Receiver(self.count)


class Receiver:
    """The open source; what is to be retried comes again at once."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._given = 0
        self._again: list[Delivery] = []
        self._settled = 0
        self._change = asyncio.Event()

    async def receive(self, limit: int) -> Sequence[Delivery]:
        while self._given == self._count and not self._again:
            if self._settled == self._count:
                raise SourceExhausted
            self._change.clear()
            await self._change.wait()
        again, self._again = self._again[:limit], self._again[limit:]
        new = range(self._given, min(self._given + limit - len(again), self._count))
        self._given = max(self._given, new.stop)
        await asyncio.sleep(0)  # a real source is never there at once
        return [*again, *(delivery(n) for n in new)]

    def extend(self, receipts: Sequence[str], seconds: float) -> Sequence[None]:
        return [None] * len(receipts)

    async def settle(self, settlements: Sequence[Any]) -> Sequence[None]:
        for settled, verdict in settlements:
            if type(verdict).__name__ == "Ack":
                self._settled += 1
            else:
                self._again.append(delivery(int(settled.message.id), settled.receive_count + 1))
        self._change.set()
        return [None] * len(settlements)


def delivery(n: int, receive_count: int = 1) -> Delivery:
    raw = json.dump({"n": n, "text": f"{n:x}" * 40, "wanted": n % 10 != 3, "count": "x" if n % 1000 == 7 else n})
    message = Message.received(raw, json.parse, id=str(n), meta={"receive_count": receive_count})
    return Delivery(message, f"{n}-{receive_count}", raw, receive_count=receive_count)


class Nowhere(Sink):
    """Take everything and keep nothing; fail for one message in a hundred, once."""

    @asynccontextmanager
    async def open(self, context: Any) -> AsyncGenerator[Any]:
        failed: set[str] = set()

        async def send(messages: Sequence[Message]) -> Sequence[Transient | None]:
            await asyncio.sleep(0)
            return [self._judge(message, failed) for message in messages]

        yield send

    @staticmethod
    def _judge(message: Message, failed: set[str]) -> Transient | None:
        if not message.id.endswith("42"):
            return None
        if message.id in failed:
            failed.remove(message.id)
            return None
        failed.add(message.id)
        return Transient("busy")
