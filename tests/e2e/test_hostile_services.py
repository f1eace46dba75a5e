"""Services that answer wrongly, slowly, endlessly or not at all: no message is lost, and the worker lives on."""

from __future__ import annotations

import asyncio
import re
import time
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer

from sluiceway.core.outcome import Ack, DeadLetter, Retry

pytestmark = pytest.mark.asyncio(loop_scope="module")

MIB = 1024 * 1024
SECRET = "s3cr3t-7f1c9a"

ASKS = """
version: 1
name: asks
source: {use: sqs, with: {queue: "${Q}-in"}}
stages:
  - id: ask
    use: enrich.http
    timeout: 500ms
    with:
      url: "${SERVICE}{how}"
      params: {how: {jmes: body.how}}
      headers: {authorization: {secret: "env:HOSTILE_TOKEN", prefix: "Bearer "}}
      into: answer
      allow_private: true
sinks: [{id: out, use: sqs, with: {queue: "${Q}-out"}}]
errors: {retry: {backoff: {initial: 1ms}}, dead_letter: {use: sqs, with: {queue: "${Q}-dlq"}}}
"""
TELLS = """
version: 1
name: tells
source: {use: sqs, with: {queue: "${Q}-tells"}}
sinks:
  - id: partner
    use: http
    timeout: 500ms
    with:
      url: "${SERVICE}{how}"
      params: {how: {jmes: body.how}}
      headers: {x-api-key: {secret: "env:HOSTILE_TOKEN"}}
      allow_private: true
errors: {retry: {backoff: {initial: 1ms}}, dead_letter: {use: sqs, with: {queue: "${Q}-dlq"}}}
"""


class Service:
    """Misbehaves as the last part of the path says; `NAME-once` does so for the first request only."""

    def __init__(self) -> None:
        self.times: dict[str, list[float]] = {}
        self.down = False
        self.received: list[bytes] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        how = request.match_info["how"]
        times = self.times.setdefault(f"{request.method} {how}", [])
        times.append(time.monotonic())
        body = await request.read()
        name = how.removesuffix("-once")
        # aiohttp itself may repeat a GET when a connection that was kept breaks.
        done = name != how and len(times) > (2 if name in {"reset", "garbage", "half"} else 1)
        if self.down:
            return web.Response(status=503, text="maintenance")
        if name.startswith("well") or done:
            self.received.append(body)
            return web.json_response({"tier": "gold"})
        if name.isdigit():
            headers = {"location": "/well"} if name.startswith("3") else {}
            headers |= {"retry-after": "1"} if name == "429" else {}
            return web.Response(status=int(name), text=f"no, {request.headers.get('x-api-key')}", headers=headers)
        misbehave: Callable[[web.Request], Awaitable[web.StreamResponse]] = getattr(self, name)
        return await misbehave(request)

    async def html(self, _: web.Request) -> web.Response:
        return web.Response(text="<html><h1>Sign in</h1></html>", content_type="text/html")

    async def broken(self, _: web.Request) -> web.Response:
        return web.Response(text='{"tier": ', content_type="application/json")

    async def twice(self, _: web.Request) -> web.Response:
        return web.Response(text='{"tier": 1, "tier": 2}', content_type="application/json")

    async def slow(self, _: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    async def huge(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            for _ in range(50):
                await response.write(bytes(MIB))
        except ConnectionError:
            pass  # the client has read enough
        return response

    async def reset(self, request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()  # type: ignore[attr-defined] # a TCP transport
        return web.Response()

    async def garbage(self, request: web.Request) -> web.Response:
        return await self.send(request, b"\x00\xff SSH-2.0-OpenSSH_9.2\r\n\r\n")

    async def half(self, request: web.Request) -> web.Response:
        return await self.send(request, b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\n{\r\nno more\r\n")

    async def send(self, request: web.Request, data: bytes) -> web.Response:
        assert request.transport is not None
        request.transport.write(data)  # type: ignore[attr-defined] # as above
        return await self.slow(request)

    async def circle(self, request: web.Request) -> web.Response:
        raise web.HTTPFound("/circle")

    async def metadata(self, _: web.Request) -> web.Response:
        raise web.HTTPFound("http://169.254.169.254/latest/meta-data/")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def service() -> AsyncIterator[Any]:
    service = Service()
    server = web.Application(client_max_size=4 * MIB)
    server.router.add_route("*", "/{how}", service.answer)
    async with TestServer(server, host="127.0.0.1") as served:
        yield service, str(served.make_url("/"))


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def worker(run_live: Any, service: Any, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Any]:
    folder: Path = tmp_path_factory.mktemp("hostile")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOSTILE_TOKEN", SECRET)
        async with run_live(folder, ASKS, TELLS, SERVICE=service[1]) as live:
            yield live


@pytest.fixture(autouse=True)
def no_secret_is_shown(worker: Any) -> Any:
    yield
    assert SECRET not in worker.seen.text
    assert not any(SECRET in str(letter) for letter in worker.letters)


# Which of them depends on what arrives first.
BROKEN = "closed the connection before it answered|an answer that is not HTTP|broke off its answer"
GOOD = '{{"how": "well", "n": {n}}}'


def asking(how: str) -> str:
    return f'{{"how": "{how}"}}'


@pytest.mark.parametrize(
    ("how", "error", "reason"),
    [
        ("404", "missing", "/404 answered 404"),
        ("410", "missing", "/410 answered 410"),
        ("204", "missing", "/204 answered 204"),
        ("401", "refused", "/401 answered 401: no, None"),
        ("300", "refused", "/300 answered 300"),
        ("html", "invalid", "/html answered text/html, not JSON"),
        ("broken", "invalid", "/broken answered invalid JSON: not JSON at line 1 column 10"),
        ("twice", "invalid", 'the key "tier" comes twice'),
        ("circle", "refused", "redirected more than 3 times"),
        ("metadata", "refused", "169.254.169.254/latest/meta-data/ is refused"),
    ],
)
async def test_an_answer_that_will_stay_wrong_dead_letters_the_message(
    worker: Any, how: str, error: str, reason: str
) -> None:
    letter = await worker.dead(await worker.send(asking(how)))
    assert letter.body == asking(how)
    assert (letter.facts["stage"], letter.facts["error"], letter.facts["attempts"]) == ("ask", error, 1)
    assert reason in letter.facts["reason"]
    await worker.serves_on(GOOD)


async def test_an_answer_of_fifty_megabytes_is_refused_and_never_held(worker: Any) -> None:
    tracemalloc.start()
    try:
        letter = await worker.dead(await worker.send(asking("huge")))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert letter.facts["error"] == "oversize"
    assert "answered with more than 1048576 bytes" in letter.facts["reason"]
    assert peak < 20 * MIB
    await worker.serves_on(GOOD)


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("500", "answered 500"),
        ("slow", "did not answer within 0.5s"),
        ("reset", BROKEN),
        ("garbage", BROKEN),
        ("half", BROKEN),
    ],
)
async def test_a_failure_that_passes_gives_the_message_back_and_it_is_served_next_time(
    worker: Any, how: str, reason: str
) -> None:
    message_id = await worker.send(asking(f"{how}-once"))
    (verdict,) = await worker.settled(message_id)
    assert isinstance(verdict, Ack)
    *returned, accepted = worker.seen.endings[message_id]
    assert accepted.kind == "accepted"
    assert {(ending.kind, ending.where) for ending in returned} == {("returned", "ask")}
    assert all(re.search(reason, ending.reason) for ending in returned), returned
    await worker.serves_on(GOOD)


async def test_a_service_that_is_down_pauses_receiving_and_costs_no_message_its_attempts(
    worker: Any, service: Any
) -> None:
    behaviour, _ = service
    await worker.serves_on(GOOD)
    behaviour.down = True
    ids = await worker.send_all(*[f'{{"how": "well-{n}"}}' for n in range(6)])
    await worker.seen.until(lambda: any(e["dependency"] == "ask" for e in worker.seen.events("paused")))
    paused = worker.seen.events("paused")[-1]
    assert paused["reason"].endswith("answered 503: maintenance")
    assert paused["consequence"].startswith("nothing is received")
    assert await worker.left() == 6
    behaviour.down = False
    assert all(isinstance(verdict, Ack) for verdict in await worker.settled(*ids))
    await worker.seen.until(lambda: any(e["dependency"] == "ask" for e in worker.seen.events("resumed")))
    await worker.serves_on(GOOD)


@pytest.mark.parametrize(
    ("how", "reason"), [("400", "answered 400: no, ***"), ("301", "answered 301"), ("303", "answered 303")]
)
async def test_a_partner_that_refuses_a_message_has_it_dead_lettered(worker: Any, how: str, reason: str) -> None:
    letter = await worker.dead(await worker.send(asking(how), to="tells"))
    assert letter.body == asking(how)
    assert (letter.facts["stage"], letter.facts["error"]) == ("partner", "refused")
    assert reason in letter.facts["reason"]
    await worker.serves_on(GOOD, to="tells")


@pytest.mark.parametrize("how", ["503", "slow", "reset", "garbage"])
async def test_a_partner_that_fails_for_a_moment_is_told_again_and_the_message_stays_held(
    worker: Any, service: Any, how: str
) -> None:
    message_id = await worker.send(asking(f"{how}-once"), to="tells")
    assert isinstance((await worker.settled(message_id))[0], Ack)
    assert not any(isinstance(verdict, Retry | DeadLetter) for verdict in worker.seen.verdicts[message_id])
    assert service[0].received.count(asking(f"{how}-once").encode()) == 1
    await worker.serves_on(GOOD, to="tells")


async def test_a_partner_s_retry_after_is_waited_for(worker: Any, service: Any) -> None:
    assert isinstance((await worker.settled(await worker.send(asking("429-once"), to="tells")))[0], Ack)
    first, second = service[0].times["POST 429-once"]
    assert second - first >= 1
    await worker.serves_on(GOOD, to="tells")
