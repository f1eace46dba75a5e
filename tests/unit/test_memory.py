from __future__ import annotations

import asyncio
import random
from typing import Any, cast

import pytest

from sluiceway.adapters.clients import Clients
from sluiceway.adapters.context import MOST_COUNTERS, RunContext, clients_of
from sluiceway.adapters.memory import MemorySink, MemorySource
from sluiceway.adapters.secrets import SecretStore
from sluiceway.core.errors import Reject, SourceExhausted
from sluiceway.core.message import Message
from sluiceway.core.outcome import Ack, Retry
from sluiceway.testing import ManualClock


@pytest.fixture
def context() -> RunContext:
    clients, clock = Clients(), ManualClock(1000)
    chance = random.Random(1)  # noqa: S311 - chance in a test, not cryptography
    return RunContext("p", "c", clock, chance, clients, SecretStore(clients, clock), cast("Any", None))


def source(*bodies: object, **settings: Any) -> MemorySource:
    return MemorySource.model_validate({"messages": [{"body": body} for body in bodies], **settings})


async def test_the_messages_of_the_file_are_received_and_then_the_source_is_exhausted(context: RunContext) -> None:
    async with source({"n": 1}, "two", None).open(context) as receiver:
        held = [*await receiver.receive(2), *await receiver.receive(2)]
        assert [delivery.message.body for delivery in held] == [{"n": 1}, "two", None]
        await receiver.settle([(delivery, Ack()) for delivery in held])
        with pytest.raises(SourceExhausted):
            await receiver.receive(10)
        assert list(receiver.acked) == held


async def test_a_receive_waits_while_messages_are_in_hand(context: RunContext) -> None:
    async with source(1).open(context) as receiver:
        (held,) = await receiver.receive(10)
        waiting = asyncio.create_task(receiver.receive(10))
        await asyncio.sleep(0)
        assert not waiting.done()
        await receiver.settle([(held, Retry(0, "again"))])
        assert [delivery.message.body for delivery in await waiting] == [1]


async def test_tests_can_inject_messages_and_raw_bytes(context: RunContext) -> None:
    memory = source()
    async with memory.open(context):
        memory.receiver.inject({"n": 1}, id="a", headers={"h": "v"})
        memory.receiver.inject(b"{not json")
        good, bad = await memory.receiver.receive(10)
    assert (good.message.id, good.message.body, good.message.headers) == ("a", {"n": 1}, {"h": "v"})
    assert bad.raw == b"{not json"
    with pytest.raises(Reject):
        _ = bad.message.body


async def test_a_text_source_takes_bodies_as_they_are(context: RunContext) -> None:
    async with source("plain", format="text").open(context) as receiver:
        (delivery,) = await receiver.receive(1)
    assert (delivery.raw, delivery.message.body) == (b"plain", "plain")


def test_a_source_that_was_never_opened_has_no_receiver() -> None:
    with pytest.raises(RuntimeError, match="not been opened"):
        _ = source().receiver


async def test_two_sinks_keep_their_own_messages(context: RunContext) -> None:
    one, other = MemorySink(), MemorySink()
    async with one.open(context) as send:
        assert await send([Message(1), Message(2)]) == [None, None]
    assert [message.body for message in one.messages] == [1, 2]
    assert other.messages == []


def test_counters_add_up_by_name_and_labels(context: RunContext) -> None:
    context.count("unknown_field", path="body.extra")
    context.count("unknown_field", 2, path="body.extra")
    context.count("unknown_field", path="body.other")
    assert context.counts[("unknown_field", (("path", "body.extra"),))] == 3
    assert len(context.counts) == 2


async def test_a_cache_comes_from_the_context(context: RunContext) -> None:
    async def fetch() -> int:
        return 7

    assert await context.cache(ttl=60, entries=10).get("k", fetch) == 7


def test_an_aws_adapter_in_a_context_without_aws_says_what_to_do() -> None:
    class Bare:
        component = "bus"

    with pytest.raises(TypeError, match="bus is an AWS adapter and needs a RunContext, not a Bare"):
        clients_of(cast("Any", Bare()))


async def test_a_sink_keeps_the_newest_messages_only(context: RunContext) -> None:
    sink = MemorySink(keep=2)
    async with sink.open(context) as send:
        await send([Message(n) for n in range(5)])
    assert [message.body for message in sink.messages] == [3, 4]


def test_labels_that_never_repeat_do_not_fill_the_memory(context: RunContext) -> None:
    for number in range(2 * MOST_COUNTERS):
        context.count("unknown_field", path=f"body.{number}")
    assert len(context.counts) == MOST_COUNTERS + 1
    assert context.counts.total() == 2 * MOST_COUNTERS
    assert context.counts["unknown_field", (("path", "body.0"),)] == 1
