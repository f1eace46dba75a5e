"""Workers that are stopped, killed, robbed of their log or started in a void: `sluiceway run` in its own process."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

SECRET = "s3cr3t-7f1c9a"

PLAIN = """
version: 1
name: plain
source: {use: sqs, with: {queue: "${Q}-in", wait_time: 1s}}
sinks: [{id: out, use: sqs, with: {queue: "${Q}-out"}}]
errors: {dead_letter: {use: sqs, with: {queue: "${Q}-dlq"}}}
"""
SLOW = """
version: 1
name: slow
source: {use: sqs, with: {queue: "${Q}-in", wait_time: 1s, visibility: {initial: 5m}}}
stages:
  - id: ask
    use: enrich.http
    with: {url: "${SERVICE}{n}", params: {n: {jmes: body.n}}, into: answer, allow_private: true}
sinks: [{id: out, use: sqs, with: {queue: "${Q}-out"}}]
drain: {stop_timeout: 8s}
errors: {dead_letter: {use: sqs, with: {queue: "${Q}-dlq"}}}
"""
PARTNER = """
version: 1
name: partner
source: {use: sqs, with: {queue: "${Q}-in", wait_time: 1s, visibility: {initial: 1s}}}
sinks:
  - {id: partner, use: http, concurrency: 4, with: {url: "${SERVICE}", allow_private: true}}
errors: {dead_letter: {use: sqs, with: {queue: "${Q}-dlq"}}}
"""
SECRETS = """
version: 1
name: secrets
source: {use: sqs, with: {queue: "${Q}-in", wait_time: 1s}}
sinks:
  - id: partner
    use: http
    with:
      url: https://partner.example/hooks
      headers: {authorization: {secret: "${WHERE}", prefix: "Bearer "}}
errors: {dead_letter: {use: sqs, with: {queue: "${Q}-dlq"}}}
"""
NOWHERE = """
version: 1
name: nowhere
source: {use: sqs, with: {queue: "${Q}-in"}}
stages: [{use: claim_check.restore, with: {buckets: ["${Q}-bodies"]}}]
sinks: [{id: bus, use: eventbridge, with: {bus: "${Q}-bus", source: shop, detail_type: Order}}]
errors: {dead_letter: {use: sqs, with: {queue: "${Q}-dlq"}}}
"""


class Service:
    """Answers even numbers when the worker drains and odd ones never; takes whatever is posted."""

    def __init__(self) -> None:
        self.asked: set[int] = set()
        self.bodies: defaultdict[str, set[str]] = defaultdict(set)
        self.changed = asyncio.Event()
        self.draining = asyncio.Event()

    async def answer(self, request: web.Request) -> web.Response:
        n = int(request.match_info["n"])
        self.asked.add(n)
        self.changed.set()
        await (asyncio.Event() if n % 2 else self.draining).wait()
        return web.json_response(n)

    async def take(self, request: web.Request) -> web.Response:
        self.bodies[await request.text()].add(request.headers["idempotency-key"])
        self.changed.set()
        return web.Response()

    async def until(self, condition: Any) -> None:
        async with asyncio.timeout(20):
            while not condition():
                self.changed.clear()
                await self.changed.wait()


@pytest.fixture
async def service() -> AsyncIterator[Any]:
    service = Service()
    server = web.Application()
    server.router.add_get("/{n}", service.answer)
    server.router.add_post("/", service.take)
    async with TestServer(server, host="127.0.0.1", shutdown_timeout=0) as served:
        yield service, str(served.make_url("/"))


async def test_all_that_does_not_exist_is_named_at_once(run_command: Any) -> None:
    async with run_command(NOWHERE, create=False) as command:
        assert await command.leaves() == 3
    (line,) = map(json.loads, command.said.splitlines())
    assert line["event"] == "failed"
    assert [
        reason.partition("orders.yaml: ")[2].partition(": create it, or correct its name")[0]
        for reason in line["reasons"]
    ] == [
        what.format(command.queues.prefix)
        for what in (
            "source: queue {}-in does not exist",
            "stages.claim_check.restore: bucket {}-bodies does not exist",
            "sinks.bus: bus {}-bus does not exist",
            "errors.dead_letter: queue {}-dlq does not exist",
        )
    ]


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        ("env:GONE", "env:GONE is not set: set the environment variable GONE"),
        ("file:/nonexistent/token", "file:/nonexistent/token cannot be read: No such file"),
        ("secretsmanager:gone#key", "secret secretsmanager:gone does not exist"),
        ("ssm:/gone", "parameter ssm:/gone does not exist"),
    ],
)
async def test_a_secret_that_is_missing_stops_the_start_with_its_name(
    run_command: Any, reference: str, says: str
) -> None:
    async with run_command(SECRETS, WHERE=reference, OTHER_TOKEN=SECRET) as command:
        assert await command.leaves() == 3
    assert says in command.said
    assert SECRET not in command.said


@pytest.fixture
def full_disk() -> Iterator[Any]:
    with Path("/dev/full").open("w") as full:
        yield full


async def test_a_full_disk_for_the_log_costs_log_lines_and_nothing_else(run_command: Any, full_disk: Any) -> None:
    async with run_command(PLAIN, stderr=full_disk) as command:
        for body in ("{oh no", '{"n": 1}', '{"n": 2}'):
            await command.queues.send(body)
            assert [message["Body"] for message in await command.queues.take("out", wait=20)] == [body]
        command.signal(signal.SIGTERM)
        assert await command.leaves() == 0


TERM, INT = signal.SIGTERM, signal.SIGINT


@pytest.mark.parametrize("signals", [[TERM], [INT], [TERM, TERM, TERM], [INT, TERM, INT]])
async def test_a_stop_with_messages_in_flight_loses_none(run_command: Any, service: Any, signals: list[int]) -> None:
    behaviour, url = service
    async with run_command(SLOW, SERVICE=url) as command:
        for batch in ([0, 2, 4, 6, 8, 10], [1, 3, 5, 7, 9, 11]):
            await command.queues.send_all(*(json.dumps({"n": n}) for n in batch))
            await behaviour.until(lambda batch=batch: behaviour.asked.issuperset(batch))
        started = time.monotonic()
        for number in signals:
            command.signal(number)
            await command.see("draining")
        behaviour.draining.set()
        assert await command.leaves() == 0
        assert time.monotonic() - started < 8
        delivered = [json.loads(message["Body"])["n"] for message in await command.queues.take("out")]
        given_back = [json.loads(message["Body"])["n"] for message in await command.queues.take("in")]
    assert sorted(delivered) == [0, 2, 4, 6, 8, 10]
    assert sorted(given_back) == [1, 3, 5, 7, 9, 11]  # at once, and not when their leases of five minutes end


@pytest.mark.parametrize("answers", [True, False])
@pytest.mark.parametrize("action", ["GetQueueUrl", "GetQueueAttributes"])
async def test_sigterm_while_it_starts_ends_it_with_success(
    run_command: Any,
    between: Any,
    action: str,
    answers: bool,  # noqa: FBT001 - pytest gives it
) -> None:
    called, answer = asyncio.Event(), asyncio.Event()

    async def hold(asked: Any, pass_on: Any) -> Any:
        called.set()
        await answer.wait()
        return await pass_on(asked)

    between.instead(action, hold)
    async with run_command(PLAIN, endpoint=between.endpoint) as command:
        await command.queues.send("{}")
        async with asyncio.timeout(20):
            await called.wait()
        command.signal(signal.SIGTERM)
        if answers:
            answer.set()
        try:
            assert await command.leaves() == 0
        finally:
            answer.set()
        assert len(await command.queues.take("in")) + len(await command.queues.take("out")) == 1


@pytest.mark.parametrize("after", [1, 17])
async def test_what_a_killed_worker_held_is_finished_by_the_next(run_command: Any, service: Any, after: int) -> None:
    behaviour, url = service
    bodies = [json.dumps({"n": n}) for n in range(30)]
    async with run_command(PARTNER, SERVICE=url) as first:
        for start in range(0, 30, 10):
            await first.queues.send_all(*bodies[start : start + 10])
        await behaviour.until(lambda: len(behaviour.bodies) >= after)
        first.signal(signal.SIGKILL)
        assert await first.leaves() == -signal.SIGKILL
    async with run_command(PARTNER, SERVICE=url, queues=first.queues) as second:
        await behaviour.until(lambda: len(behaviour.bodies) == 30)
        second.signal(signal.SIGTERM)
        assert await second.leaves() == 0
        assert await second.queues.left() == 0
    assert sorted(behaviour.bodies) == sorted(bodies)
    assert all(len(ids) == 1 for ids in behaviour.bodies.values())  # what comes twice has the same id
