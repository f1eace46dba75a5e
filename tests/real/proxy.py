"""A TCP proxy between a worker and AWS that knows what each request asks for and breaks it as it is told."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

LARGEST_HEAD = 64 * 1024  # bytes


class Cut(Exception):
    """The connection ends here."""


@dataclass(slots=True)
class Exchange:
    """One request of the worker, and what is answered.

    Attributes:
        operation: What it asks of AWS, such as ReceiveMessage.
        queue: The name of the queue that it is about; empty when it is about none.
        client: Where the answer goes.
        answer: The answer, head and body. None until AWS has given it; a fault that sets it spares AWS the request.
    """

    operation: str
    queue: str
    client: asyncio.StreamWriter
    answer: bytes | None = None


Fault = Callable[[Exchange], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Point:
    """A place in the traffic that has a name: where a fault may strike.

    Attributes:
        operation: The AWS operation.
        when: `before` the request has reached AWS; or `after` AWS has answered, when the worker has not heard it yet.
        queue: How the queue's name ends; by default any.
    """

    operation: str
    when: Literal["before", "after"]
    queue: str = ""

    def matches(self, exchange: Exchange, when: str) -> bool:
        return self.operation == exchange.operation and self.when == when and exchange.queue.endswith(self.queue)

    def __str__(self) -> str:
        return f"{self.when} {self.operation}{self.queue}"


@dataclass(slots=True)
class _Order:
    point: Point
    fault: Fault
    skip: int
    times: int


@dataclass
class Proxy:
    """One worker's way to AWS.

    Attributes:
        endpoint: What the worker is given as AWS_ENDPOINT_URL.
        calls: How often each operation was asked for.
        struck: How often a fault has struck, by the name of its point.
    """

    endpoint: str = ""
    calls: Counter[str] = field(default_factory=Counter)
    struck: Counter[str] = field(default_factory=Counter)
    _orders: list[_Order] = field(default_factory=list)

    def at(self, point: Point, fault: Fault, *, nth: int = 1, times: int = 1) -> None:
        """Let a fault strike at the nth passing of a point from now on, and at those after it, `times` in all."""
        self._orders.append(_Order(point, fault, nth - 1, times))

    @property
    def pending(self) -> list[Point]:
        """The points at which faults are still to strike."""
        return [order.point for order in self._orders]

    def clear(self) -> None:
        """Strike no more."""
        self._orders.clear()

    async def strike(self, when: Literal["before", "after"], exchange: Exchange) -> None:
        """Carry out the first order that is due at this point."""
        for order in [o for o in self._orders if o.point.matches(exchange, when)]:
            if order.skip:
                order.skip -= 1
                continue
            order.times -= 1
            if not order.times:
                self._orders.remove(order)
            self.struck[str(order.point)] += 1
            await order.fault(exchange)
            return


@asynccontextmanager
async def proxy_to(aws: str) -> AsyncIterator[Proxy]:
    """Run a proxy to an AWS while the block runs."""
    proxy, place = Proxy(), urlsplit(aws)
    connections: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        try:
            upstream = await asyncio.open_connection(place.hostname, place.port, limit=LARGEST_HEAD)
            with suppress(Cut, ConnectionError, asyncio.IncompleteReadError):
                while True:
                    await _pass_on(proxy, reader, writer, upstream)
        except asyncio.CancelledError:
            pass  # the block is over
        finally:
            connections.discard(task)
            writer.close()
            upstream[1].close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=LARGEST_HEAD)
    proxy.endpoint = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        server.close()
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


async def _pass_on(
    proxy: Proxy,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    upstream: tuple[asyncio.StreamReader, asyncio.StreamWriter],
) -> None:
    """Carry one request to AWS and its answer back."""
    request, headers = await _read(reader)
    operation = headers.get("x-amz-target", "").rpartition(".")[2]
    exchange = Exchange(operation, _queue(request) if operation else "", writer)
    proxy.calls[operation] += 1
    await proxy.strike("before", exchange)
    if exchange.answer is None:
        upstream[1].write(request)
        exchange.answer = (await _read(upstream[0]))[0]
    await proxy.strike("after", exchange)
    writer.write(exchange.answer)
    await writer.drain()


async def _read(reader: asyncio.StreamReader) -> tuple[bytes, dict[str, str]]:
    """Read one HTTP message, whole, as it is, with its headers beside it."""
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")[1:-2]
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    assert "transfer-encoding" not in headers, "nobody who speaks AWS JSON sends chunks"
    return head + await reader.readexactly(int(headers.get("content-length", "0"))), headers


def _queue(request: bytes) -> str:
    asked = json.loads(request.partition(b"\r\n\r\n")[2] or b"{}")
    return str(asked.get("QueueUrl", "")).rpartition("/")[2]
