"""What a network and a service do to a connection when they are having a bad day."""

from __future__ import annotations

import asyncio
import random
import socket
import struct

from proxy import Cut, Exchange, Fault

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


async def reset(exchange: Exchange) -> None:
    """End the connection with a TCP reset."""
    connection = exchange.client.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    exchange.client.transport.abort()
    raise Cut


async def half_close(exchange: Exchange) -> None:
    """Send half of the answer if there is one, say that no more comes, and leave the connection open."""
    answer = exchange.answer or b""
    exchange.client.write(answer[: len(answer) // 2])
    exchange.client.write_eof()
    await asyncio.sleep(2)
    raise Cut


def stall(seconds: float) -> Fault:
    """Say nothing for so long, then end the connection."""

    async def fault(_: Exchange) -> None:
        await asyncio.sleep(seconds)
        raise Cut

    return fault


def slow(seconds: float) -> Fault:
    """Send the answer in drops that take so long together; a request is held up for as long."""

    async def fault(exchange: Exchange) -> None:
        if exchange.answer is None:
            return await asyncio.sleep(seconds)
        answer, exchange.answer = exchange.answer, b""
        step = max(1, len(answer) // 50)
        for start in range(0, len(answer), step):
            exchange.client.write(answer[start : start + step])
            await asyncio.sleep(seconds / 50)
        return None

    return fault


async def garbage(exchange: Exchange) -> None:
    """Answer what is no HTTP."""
    exchange.client.write(random.Random(1).randbytes(300))  # noqa: S311 - noise, not cryptography
    await exchange.client.drain()
    raise Cut


async def nonsense(exchange: Exchange) -> None:
    """Answer 200 with a body that is no JSON, as a captive portal does."""
    exchange.answer = _answer("200 OK", b"<html>sign in</html>")


async def throttle(exchange: Exchange) -> None:
    """Answer as SQS does when it is called too often."""
    exchange.answer = _answer("400 Bad Request", b'{"__type": "com.amazonaws.sqs#RequestThrottled", "message": "slow"}')


async def server_error(exchange: Exchange) -> None:
    """Answer as AWS does when it fails."""
    exchange.answer = _answer("500 Internal Server Error", b'{"__type": "InternalFailure", "message": "sorry"}')


async def unavailable(exchange: Exchange) -> None:
    """Answer as a load balancer does when nobody is behind it."""
    exchange.answer = _answer("503 Service Unavailable", b"<html>no one is here</html>")


def _answer(status: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body
