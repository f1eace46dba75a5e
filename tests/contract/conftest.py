"""A bare TCP peer for the tests of outgoing HTTP, which says exactly what it is told to; emulators to be probed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from importlib import import_module
from types import SimpleNamespace

import pytest
from tests.contract.emulators import Emulator

from sluiceway.adapters.http import HttpPool
from sluiceway.core.context import Http


class Peer:
    """A TCP peer on 127.0.0.1 that answers each request with the next of `answers`, then says nothing more."""

    def __init__(self) -> None:
        self.answers: Iterator[bytes] = iter(())
        self.requests: list[bytes] = []
        self.connections = 0
        self.port = 0
        self.writer: asyncio.StreamWriter | None = None

    def url(self, host: str = "127.0.0.1", path: str = "/x", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"

    async def say_unasked(self, said: bytes) -> None:
        """Write to the last connection, and let the client's loop read it."""
        assert self.writer is not None
        self.writer.write(said)
        for _ in range(5):
            await asyncio.sleep(0)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writer = writer
        try:
            while True:
                self.requests.append(await reader.readuntil(b"\r\n\r\n"))
                writer.write(next(self.answers, b""))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def _listening() -> AsyncIterator[Peer]:
    peer = Peer()
    server = await asyncio.start_server(peer.serve, "127.0.0.1", 0)
    peer.port = server.sockets[0].getsockname()[1]
    yield peer
    server.close()
    await server.wait_closed()


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    async with _listening() as listening:
        yield listening


@pytest.fixture
async def other_peer() -> AsyncIterator[Peer]:
    async with _listening() as listening:
        yield listening


@pytest.fixture
async def pool() -> AsyncIterator[HttpPool]:
    async with HttpPool() as opened:
        yield opened


@pytest.fixture
def public(pool: HttpPool) -> Http:
    return pool.client(timeout=5, max_size=1024 * 1024)


@pytest.fixture
def private(pool: HttpPool) -> Http:
    return pool.client(timeout=5, max_size=1024 * 1024, allow_private=True)


@pytest.fixture
def hasty(pool: HttpPool) -> Http:
    return pool.client(timeout=0.1, max_size=1024 * 1024, allow_private=True)


@pytest.fixture
def pass_time(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], Awaitable[None]]:
    """Return what lets time pass for the queues of both emulators: both run in this process and look at its clock."""
    passed = 0.0

    async def elapse(seconds: float) -> None:
        nonlocal passed
        passed += seconds

    ministack = import_module("ministack.services.sqs")
    shifted = SimpleNamespace(**{**vars(time), "time": lambda: time.time() + passed})
    monkeypatch.setattr(ministack, "time", shifted)
    moto = import_module("moto.sqs.models")
    monkeypatch.setattr(moto, "unix_time", lambda: time.time() + passed)
    monkeypatch.setattr(moto, "unix_time_millis", lambda: (time.time() + passed) * 1000)
    return elapse


@pytest.fixture(scope="session", params=["ministack", "moto"])
def emulator(request: pytest.FixtureRequest) -> Emulator:
    """An emulator to be probed: the test runs against each."""
    if request.param == "moto":
        return Emulator("moto", str(request.getfixturevalue("moto")))
    return Emulator("ministack", str(request.getfixturevalue("aws").endpoint))
