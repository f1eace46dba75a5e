"""SQS as a source and as a sink: what every one of them must do, on a queue of either kind, at both emulators."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import pytest
from tests.contract.emulators import Reader, failing, refusing

from sluiceway.adapters.sqs import SqsSource
from sluiceway.adapters.sqs_sink import SqsSink
from sluiceway.core.message import Message
from sluiceway.testing import dead_letters, sinks, source_faults, sources
from sluiceway.testing.dead_letters import Buried, DeadLetterCase
from sluiceway.testing.sinks import Arrived, SinkCase
from sluiceway.testing.source_case import Call, SourceCase

LEASE = 60
either = pytest.mark.parametrize("kind", ["", ".fifo"], ids=["standard", "fifo"])


def every(checks: Sequence[Any]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("check", checks, ids=lambda check: check.__name__)


ACTIONS: dict[Call, tuple[str, ...]] = {
    "receive": ("ReceiveMessage",),
    "settle": ("DeleteMessageBatch", "ChangeMessageVisibilityBatch"),
    "extend": ("ChangeMessageVisibilityBatch",),
}
STALE = {
    source_faults.who_has_lost_a_lease_cannot_delete_what_another_holds,
    source_faults.who_has_lost_a_lease_cannot_give_back_what_another_holds,
}


async def create(context: Any, queue: str) -> tuple[Any, str]:
    sqs = await context.clients.open("sqs")
    attributes = {"FifoQueue": "true"} if queue.endswith(".fifo") else {}
    return sqs, (await sqs.create_queue(QueueName=queue, Attributes=attributes))["QueueUrl"]


@asynccontextmanager
async def source_case(endpoint: str, queue: str, open_context: Any, **abilities: Any) -> AsyncIterator[SourceCase]:
    fifo = queue.endswith(".fifo")
    source = SqsSource.model_validate({"queue": queue, "wait_time": "0s", "visibility": {"initial": f"{LEASE}s"}})
    numbers = count()
    async with open_context(endpoint) as context, open_context(endpoint) as elsewhere:
        sqs, url = await create(context, queue)

        async def send(body: bytes, headers: Mapping[str, str], group: str) -> None:
            typed = {name: {"DataType": "String", "StringValue": value} for name, value in headers.items()}
            ids = {"MessageGroupId": group, "MessageDeduplicationId": str(next(numbers))} if fifo else {}
            await sqs.send_message(QueueUrl=url, MessageBody=body.decode(), MessageAttributes=typed, **ids)

        async with source.open(context) as receiver, source.open(elsewhere) as other:
            yield SourceCase(receiver, send, wait=10, other=other, lease=LEASE, ordered=source.ordered, **abilities)


@every(sources.CHECKS)
@either
async def test_a_queue_at_ministack_does_what_every_source_must(
    check: sources.Check, kind: str, name: str, between: Any, pass_time: Any, open_context: Any
) -> None:
    abilities = {"elapse": pass_time, "failing": lambda call, when: failing(between, ACTIONS[call], when)}
    async with source_case(between.endpoint, name + kind, open_context, **abilities) as case:
        await check(case)


@every(sources.CHECKS)
@either
async def test_a_queue_at_moto_does_what_every_source_must(  # noqa: PLR0917 - fixtures are arguments
    check: sources.Check,
    kind: str,
    name: str,
    moto: str,
    pass_time: Any,
    open_context: Any,
    request: pytest.FixtureRequest,
) -> None:
    if check in STALE:
        reason = "moto deletes, and gives back, what another holds"
        request.applymarker(pytest.mark.xfail(raises=AssertionError, strict=True, reason=reason))
    async with source_case(moto, name + kind, open_context, elapse=pass_time) as case:
        await check(case)


def numbered(number: int) -> Message:
    return Message({"n": number}, id=f"m-{number}", meta={"group": f"group-{number}"})


def throttled(done: Mapping[str, Any], place: int) -> Any:
    return {**done, "Failed": [{"Id": str(place), "Code": "RequestThrottled", "SenderFault": True}]}


@asynccontextmanager
async def sink_case(endpoint: str, queue: str, open_context: Any, **abilities: Any) -> AsyncIterator[SinkCase]:
    sink = SqsSink.model_validate({"queue": queue, "forward": ["trace", "Tenant"]})
    refused = Message(id="m-9", meta={"group": "g"}).with_payload(b"\0")
    async with open_context(endpoint) as context:
        await create(context, queue)
        reader = Reader(context, queue)

        async def arrived() -> list[Arrived]:
            return [Arrived(each.raw, each.message.headers) for each in await reader.all()]

        async with sink.open(context) as send:
            yield SinkCase(sink, send, arrived, numbered, refuses=refused, **abilities)


@every(sinks.CHECKS)
@either
async def test_a_queue_at_ministack_takes_messages_as_every_sink_must(
    check: sinks.Check, kind: str, name: str, between: Any, open_context: Any
) -> None:
    abilities = {
        "failing": lambda when: failing(between, ("SendMessageBatch",), when),
        "failing_one": lambda message: refusing(between, "SendMessageBatch", message.payload.decode(), throttled),
    }
    async with sink_case(between.endpoint, name + kind, open_context, **abilities) as case:
        await check(case)


@every(sinks.CHECKS)
@either
async def test_a_queue_at_moto_takes_messages_as_every_sink_must(
    check: sinks.Check, kind: str, name: str, moto: str, open_context: Any
) -> None:
    async with sink_case(moto, name + kind, open_context) as case:
        await check(case)


@every(dead_letters.CHECKS)
@either
async def test_a_queue_keeps_dead_letters_as_every_sink_must(
    check: dead_letters.Check, kind: str, name: str, between: Any, open_context: Any
) -> None:
    async with open_context(between.endpoint) as context:
        await create(context, name + kind)
        reader = Reader(context, name + kind)

        async def buried() -> list[Buried]:
            kept = await reader.all()
            return [Buried(each.raw, json.loads(each.message.headers["sluiceway"]), each.attributes) for each in kept]

        async with SqsSink(queue=name + kind).open_dead_letters(context) as bury:
            await check(DeadLetterCase(bury, buried, lambda when: failing(between, ("SendMessageBatch",), when)))
