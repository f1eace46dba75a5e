"""SQS as a source and as a sink: what every one of them must do, on a queue of either kind, at both emulators."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from itertools import count
from typing import Any

import pytest
from aiohttp import web

from sluiceway.adapters.sqs import SqsSource
from sluiceway.testing import source_faults
from sluiceway.testing.abilities import When
from sluiceway.testing.source_case import Call
from sluiceway.testing.sources import CHECKS, Check, SourceCase

LEASE = 60
ACTIONS: dict[Call, tuple[str, ...]] = {
    "receive": ("ReceiveMessage",),
    "settle": ("DeleteMessageBatch", "ChangeMessageVisibilityBatch"),
    "extend": ("ChangeMessageVisibilityBatch",),
}
STALE = {
    source_faults.who_has_lost_a_lease_cannot_delete_what_another_holds,
    source_faults.who_has_lost_a_lease_cannot_give_back_what_another_holds,
}


@contextmanager
def failing(between: Any, actions: tuple[str, ...], when: When) -> Iterator[None]:
    """Answer calls with a 503, before or after the emulator has done what they ask."""

    async def fail(asked: Any, pass_on: Callable[[Any], Awaitable[Any]]) -> web.Response:
        if when == "after":
            await pass_on(asked)
        return web.Response(status=503)

    for action in actions:
        between.instead(action, fail)
    yield
    for action in actions:
        between.instead_no_more(action)


@asynccontextmanager
async def source_case(
    endpoint: str, queue: str, open_context: Any, **abilities: Any
) -> AsyncIterator[SourceCase]:
    fifo = queue.endswith(".fifo")
    source = SqsSource.model_validate({"queue": queue, "wait_time": "0s", "visibility": {"initial": f"{LEASE}s"}})
    numbers = count()
    async with open_context(endpoint) as context, open_context(endpoint) as elsewhere:
        sqs = await context.clients.open("sqs")
        attributes = {"FifoQueue": "true"} if fifo else {}
        url = (await sqs.create_queue(QueueName=queue, Attributes=attributes))["QueueUrl"]

        async def send(body: bytes, headers: Mapping[str, str], group: str) -> None:
            typed = {name: {"DataType": "String", "StringValue": value} for name, value in headers.items()}
            ids = {"MessageGroupId": group, "MessageDeduplicationId": str(next(numbers))} if fifo else {}
            await sqs.send_message(QueueUrl=url, MessageBody=body.decode(), MessageAttributes=typed, **ids)

        async with source.open(context) as receiver, source.open(elsewhere) as other:
            yield SourceCase(
                receiver, send, wait=10, other=other, lease=LEASE, ordered=source.ordered, **abilities
            )


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("kind", ["", ".fifo"], ids=["standard", "fifo"])
async def test_a_queue_at_ministack_does_what_every_source_must(
    check: Check, kind: str, name: str, between: Any, pass_time: Any, open_context: Any
) -> None:
    abilities = {"elapse": pass_time, "failing": lambda call, when: failing(between, ACTIONS[call], when)}
    async with source_case(between.endpoint, name + kind, open_context, **abilities) as case:
        await check(case)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("kind", ["", ".fifo"], ids=["standard", "fifo"])
async def test_a_queue_at_moto_does_what_every_source_must(
    check: Check, kind: str, name: str, moto: str, pass_time: Any, open_context: Any, request: pytest.FixtureRequest
) -> None:
    if check in STALE:
        reason = "moto deletes, and gives back, what another holds"
        request.applymarker(pytest.mark.xfail(raises=AssertionError, strict=True, reason=reason))
    async with source_case(moto, name + kind, open_context, elapse=pass_time) as case:
        await check(case)
