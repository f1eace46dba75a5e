"""The `http` sink does what every sink must, at a real server on 127.0.0.1."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from sluiceway.adapters.http import HttpPool
from sluiceway.adapters.http_sink import HttpSink
from sluiceway.core.message import Message
from sluiceway.testing.abilities import When
from sluiceway.testing.sinks import CHECKS, Arrived, Check, SinkCase


class Receiver:
    """A server that keeps what it is sent, or is down."""

    def __init__(self) -> None:
        self.url = ""
        self._kept: list[Arrived] = []
        self._down: When | None = None
        self._unlucky = b""

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        if self._down == "before" or body == self._unlucky:
            return web.Response(status=503)
        if body == b'"no"':
            return web.Response(status=422)
        self._kept.append(Arrived(body, request.headers))
        return web.Response(status=503 if self._down == "after" else 202)

    async def arrived(self) -> list[Arrived]:
        return list(self._kept)

    @contextmanager
    def failing(self, when: When) -> Iterator[None]:
        self._down = when
        yield
        self._down = None

    @contextmanager
    def failing_one(self, message: Message) -> Iterator[None]:
        self._unlucky = message.payload
        yield
        self._unlucky = b""


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    app = web.Application()
    app.router.add_post("/", made.handle)
    async with TestServer(app, host="127.0.0.1") as server:
        made.url = str(server.make_url("/"))
        yield made


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_a_server_gets_messages_as_from_every_sink(
    check: Check, receiver: Receiver, pool: HttpPool, open_context: Any
) -> None:
    sink = HttpSink.model_validate({"url": receiver.url, "allow_private": True, "forward": ["Trace-Id", "tenant"]})
    async with open_context("") as context:
        context.connections = pool
        async with sink.open(context) as send:
            case = SinkCase(
                sink,
                send,
                receiver.arrived,
                lambda number: Message({"n": number}, id=f"m-{number}"),
                refuses=Message("no"),
                failing=receiver.failing,
                failing_one=receiver.failing_one,
            )
            await check(case)
