"""What many tests need: emulators of AWS, a stub that fails as told, and a run's context."""

from __future__ import annotations

import os
import random
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cache
from io import BytesIO
from itertools import count
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from botocore.loaders import JSONFileLoader
from moto.server import ThreadedMotoServer

from sluiceway.adapters.clients import Clients
from sluiceway.adapters.clock import SystemClock
from sluiceway.adapters.context import RunContext
from sluiceway.adapters.secrets import SecretStore
from sluiceway.core.context import Http
from sluiceway.core.ports import Clock
from sluiceway.local.embedded import EmbeddedAws

_names = count(1)

PassOn = Callable[[Any], Awaitable[Any]]
Answer = Callable[[Any, PassOn], Awaitable[Any]]

OpenContext = Callable[..., AbstractAsyncContextManager[RunContext]]


@pytest.fixture(autouse=True)
def no_real_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the machine is configured for, no test reaches it."""
    for variable in [name for name in os.environ if name.startswith(("AWS_", "LOCALSTACK_"))]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture(scope="session", autouse=True)
def botocore_reads_its_files_once() -> Iterator[None]:
    """Each session would parse 2 MB of JSON again, which is half the time of a test that opens a client."""
    read = cache(JSONFileLoader().load_file)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JSONFileLoader, "load_file", lambda _, path: read(path))
        yield


@pytest.fixture(scope="session")
def aws() -> Iterator[EmbeddedAws]:
    with EmbeddedAws() as embedded:
        yield embedded


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(params=["ministack", "moto"])
def endpoint(request: pytest.FixtureRequest) -> str:
    """Where an emulator answers: the test runs against each."""
    if request.param == "moto":
        return str(request.getfixturevalue("moto"))
    return str(request.getfixturevalue("aws").endpoint)


@pytest.fixture
def name() -> str:
    """A name for a queue, bus or bucket that no other test uses."""
    return f"test-{next(_names)}"


class NoHttp:
    """Outgoing HTTP for contexts of components that must not need it."""

    def client(self, *, timeout: float, max_size: int, allow_private: bool = False) -> Http:
        raise AssertionError("this component is not expected to call out by HTTP")


@pytest.fixture
def open_context() -> OpenContext:
    """Open a run's context whose AWS is at an endpoint."""

    @asynccontextmanager
    async def opened(endpoint: str, clock: Clock | None = None) -> AsyncIterator[RunContext]:
        used = clock or SystemClock()
        async with Clients(endpoint) as clients:
            yield RunContext(
                pipeline="orders",
                component="tested",
                clock=used,
                random=random.Random(1),  # noqa: S311 - chance in a test, not cryptography
                clients=clients,
                secrets=SecretStore(clients, used),
                connections=NoHttp(),
            )

    return opened


class StubAws:
    """A service that speaks AWS JSON and answers what it was told; without orders it answers `{}`."""

    def __init__(self) -> None:
        self.endpoint = ""
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.user_agents: list[str] = []
        self._answers: dict[str, deque[tuple[int, dict[str, str], object]]] = {}

    def answer(self, action: str, body: object, *, status: int = 200, **headers: str) -> None:
        """Answer the next call of `action` so; `body` may be a function of the request, or the bytes themselves."""
        self._answers.setdefault(action, deque()).append((status, headers, body))

    def fail(self, action: str, code: str, *, status: int = 400, times: int = 1, **headers: str) -> None:
        """Fail the next calls of `action`."""
        for _ in range(times):
            self.answer(action, {"__type": code, "message": f"told to fail with {code}"}, status=status, **headers)

    async def handle(self, request: web.Request) -> web.Response:
        action = request.headers["X-Amz-Target"].rpartition(".")[2]
        asked = orjson.loads(await request.read())
        self.calls.append((action, asked))
        self.user_agents.append(request.headers["User-Agent"])
        waiting = self._answers.get(action)
        status, headers, body = waiting.popleft() if waiting else (200, {}, {})
        content = body(asked) if callable(body) else body
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        raw = content if isinstance(content, bytes) else orjson.dumps(content)
        return web.Response(status=status, body=raw, headers=named, content_type="application/x-amz-json-1.1")


@pytest.fixture
async def stub_aws() -> AsyncIterator[StubAws]:
    stub = StubAws()
    app = web.Application(client_max_size=16 * 1024 * 1024)
    app.router.add_post("/", stub.handle)
    async with TestServer(app, host="127.0.0.1") as server:
        stub.endpoint = str(server.make_url("")).rstrip("/")
        yield stub


class Between:
    """A proxy between the worker and AWS that remembers calls and can answer some itself."""

    def __init__(self, aws: str) -> None:
        self.endpoint = ""
        self.calls: list[tuple[str, Any]] = []
        self._aws = aws
        self._session: aiohttp.ClientSession
        self._instead: dict[str, Answer] = {}

    def instead(self, action: str, answer: Answer) -> None:
        """Let `answer(request, pass_on)` answer an action; it may pass on another request and change its answer."""
        self._instead[action] = answer

    def instead_no_more(self, action: str) -> None:
        """Let AWS answer an action again."""
        del self._instead[action]

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        action = request.headers.get("X-Amz-Target", "").rpartition(".")[2]
        headers = {k: v for k, v in request.headers.items() if k.lower() not in {"host", "content-length"}}

        async def forward(data: bytes) -> tuple[int, bytes]:
            async with self._session.request(
                request.method, f"{self._aws}{request.raw_path}", data=BytesIO(data), headers=headers
            ) as answer:
                return answer.status, await answer.read()

        async def pass_on(asked: Any) -> Any:
            return orjson.loads((await forward(orjson.dumps(asked)))[1])

        if action:
            self.calls.append((action, orjson.loads(body)))
        if action in self._instead:
            instead = await self._instead[action](orjson.loads(body), pass_on)
            return instead if isinstance(instead, web.Response) else web.json_response(instead)
        status, content = await forward(body)
        return web.Response(status=status, body=content, content_type="application/x-amz-json-1.0")


@pytest.fixture
async def between(aws: EmbeddedAws) -> AsyncIterator[Between]:
    proxy = Between(aws.endpoint)
    server = web.Application(client_max_size=16 * 1024 * 1024)
    server.router.add_route("*", "/{path:.*}", proxy.handle)
    async with aiohttp.ClientSession(auto_decompress=False) as session, TestServer(server, host="127.0.0.1") as served:
        proxy._session = session
        proxy.endpoint = str(served.make_url("")).rstrip("/")
        yield proxy
