from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError
from structlog.testing import capture_logs

from sluiceway.adapters.sqs import SqsSource
from sluiceway.adapters.sqs_sink import SqsSink
from sluiceway.core.errors import OutsideError, Reject, Transient
from sluiceway.core.message import Message
from sluiceway.core.outcome import Facts
from sluiceway.core.ports import Delivery

MIB = 1024 * 1024
FACTS = Facts(
    pipeline="orders",
    stage="our-words",
    error="invalid",
    reason="body.chan is '?'",
    attempts=1,
    accepted=("partner",),
    id="m-1",
    time="2026-11-24T12:00:00Z",
)


def sink(queue: str, **settings: Any) -> SqsSink:
    return SqsSink.model_validate({"queue": queue, **settings})


async def create(context: Any, name: str) -> None:
    sqs = await context.clients.open("sqs")
    await sqs.create_queue(QueueName=name, Attributes={"FifoQueue": "true"} if name.endswith(".fifo") else {})


async def receive(context: Any, name: str) -> list[Delivery]:
    async with SqsSource.model_validate({"queue": name, "wait_time": "0s"}).open(context) as receiver:
        return list(await receiver.receive(10))


async def test_messages_arrive_with_the_original_bytes_and_the_named_headers_in_their_types(
    endpoint: str, name: str, open_context: Any
) -> None:
    async with open_context(endpoint) as context:
        await create(context, name)
        message = Message.received(
            b'{"total": 12.50}',
            json.loads,
            id="m-1",
            headers={"tenant": "acme", "weight": "12", "blob": "AP8=", "secret": "no"},
            meta={"header_types": {"weight": "Number", "blob": "Binary.raw"}},
        )
        async with sink(name, forward=["tenant", "weight", "blob", "absent"]).open(context) as send:
            assert await send([message]) == [None]
        (delivery,) = await receive(context, name)
    assert delivery.raw == b'{"total": 12.50}'
    assert delivery.attributes == {
        "tenant": {"DataType": "String", "StringValue": "acme"},
        "weight": {"DataType": "Number", "StringValue": "12"},
        "blob": {"DataType": "Binary.raw", "BinaryValue": b"\x00\xff"},
    }


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (Message.received(b"", bytes.decode, id=""), "body is empty"),
        (Message.received(b"\xff", bytes.decode, id=""), "not UTF-8"),
        (Message.received(b"a\x00b", bytes.decode, id=""), r"the body has the character U\+0000 at offset 1"),
        (Message("x", headers={"h": ""}), "header h is empty"),
        (Message("x", headers={"h": "\x07"}), r"header h has the character U\+0007"),
        (Message("x", headers={"h": "%"}, meta={"header_types": {"h": "Binary"}}), "no longer base64"),
    ],
)
async def test_what_sqs_would_refuse_is_rejected_with_a_sentence(
    stub_aws: Any, open_context: Any, message: Message, said: str
) -> None:
    stub_aws.answer("GetQueueUrl", {"QueueUrl": "http://127.0.0.1/1/q"})
    async with open_context(stub_aws.endpoint) as context, sink("q", forward=["h"]).open(context) as send:
        (result,) = await send([message])
    assert isinstance(result, Reject)
    with pytest.raises(Reject, match=said):
        raise result
    assert [action for action, _ in stub_aws.calls] == ["GetQueueUrl"]


async def test_a_fifo_queue_gets_the_group_and_a_deduplication_id_for_each_message(
    endpoint: str, name: str, open_context: Any
) -> None:
    queue = f"{name}.fifo"
    async with open_context(endpoint) as context:
        await create(context, queue)
        async with sink(queue, group={"jmes": "body.customer"}).open(context) as send:
            messages = [Message({"customer": 7}, id="a/0"), Message({"customer": 7}, id="a/0"), Message({}, id="b")]
            sent, repeated, without_group = await send(messages)
        assert (sent, repeated) == (None, None)
        assert isinstance(without_group, Reject)
        assert without_group.error == "missing"
        (delivery,) = await receive(context, queue)
    assert delivery.group == "7"
    assert delivery.message.meta["deduplication_id"] == "a/0"


async def test_a_fifo_queue_gets_the_group_that_the_source_gave(endpoint: str, name: str, open_context: Any) -> None:
    queue = f"{name}.fifo"
    async with open_context(endpoint) as context:
        await create(context, queue)
        async with sink(queue).open(context) as send:
            kept, lost = await send([Message({}, id="a", meta={"group": "g"}), Message({}, id="b")])
        assert kept is None
        assert isinstance(lost, Reject)
        assert (lost.error, "meta.group is missing" in lost.reason) == ("missing", True)
        (delivery,) = await receive(context, queue)
    assert delivery.group == "g"


async def test_each_entry_has_its_own_result(stub_aws: Any, open_context: Any) -> None:
    stub_aws.answer("GetQueueUrl", {"QueueUrl": "http://127.0.0.1/1/q"})
    failed = [
        {"Id": "1", "Code": "InvalidMessageContents", "SenderFault": True, "Message": "bad"},
        {"Id": "2", "Code": "InternalError", "SenderFault": False},
        {"Id": "3", "Code": "RequestThrottled", "SenderFault": True},
    ]
    stub_aws.answer("SendMessageBatch", {"Successful": [{"Id": "0"}], "Failed": failed})
    async with open_context(stub_aws.endpoint) as context, sink("q").open(context) as send:
        results = await send([Message(i) for i in range(5)])
    assert [type(result) for result in results] == [type(None), Reject, Transient, Transient, Transient]
    assert "InvalidMessageContents: bad" in str(results[1])


async def test_when_the_whole_call_is_refused_each_message_is_judged_by_itself(
    stub_aws: Any, open_context: Any
) -> None:
    stub_aws.answer("GetQueueUrl", {"QueueUrl": "http://127.0.0.1/1/q"})
    stub_aws.fail("SendMessageBatch", "BatchRequestTooLong")
    stub_aws.answer("SendMessageBatch", {"Successful": [{"Id": "0"}]})
    stub_aws.fail("SendMessageBatch", "InvalidMessageContents")
    async with open_context(stub_aws.endpoint) as context, sink("q").open(context) as send:
        good, bad = await send([Message(1), Message(2)])
    assert good is None
    assert isinstance(bad, Reject)
    assert bad.error == "refused"


@pytest.mark.parametrize("code", ["AccessDenied", "AWS.SimpleQueueService.NonExistentQueue", "RequestThrottled"])
async def test_what_is_not_the_messages_fault_leaves_them_to_be_tried_again(
    stub_aws: Any, open_context: Any, code: str
) -> None:
    stub_aws.answer("GetQueueUrl", {"QueueUrl": "http://127.0.0.1/1/q"})
    stub_aws.fail("SendMessageBatch", code, times=2)
    async with open_context(stub_aws.endpoint) as context, sink("q").open(context) as send:
        results = await send([Message(1), Message(2)])
    assert [type(result) for result in results] == [Transient, Transient]


async def test_a_fifo_dead_letter_is_kept_once_however_often_it_is_buried(
    endpoint: str, name: str, open_context: Any
) -> None:
    queue = f"{name}.fifo"
    async with open_context(endpoint) as context:
        await create(context, queue)
        deliveries = [Delivery(Message(id="m-1"), receipt, b"x", group="g") for receipt in ("r1", "r2")]
        async with sink(queue, group="unused").open_dead_letters(context) as bury:
            assert await bury([(deliveries[0], FACTS)]) == [None]
            assert await bury([(deliveries[1], FACTS)]) == [None]
        (buried,) = await receive(context, queue)
    assert buried.group == "g"


async def test_facts_without_room_on_the_dead_letter_go_to_the_log(stub_aws: Any, open_context: Any) -> None:
    stub_aws.answer("GetQueueUrl", {"QueueUrl": "http://127.0.0.1/1/q"})
    stub_aws.answer("SendMessageBatch", {"Successful": [{"Id": "0"}]})
    delivery = Delivery(Message(id="m-1"), "r", b"x" * MIB)
    async with open_context(stub_aws.endpoint) as context, sink("q").open_dead_letters(context) as bury:
        with capture_logs() as logs:
            assert await bury([(delivery, FACTS)]) == [None]
    assert logs[0]["reason"] == FACTS.reason
    assert stub_aws.calls[-1][1]["Entries"][0]["MessageAttributes"] == {}


async def test_a_queue_that_does_not_exist_is_named(endpoint: str, name: str, open_context: Any) -> None:
    async with open_context(endpoint) as context:
        with pytest.raises(OutsideError, match=f"queue {name} does not exist"):
            async with sink(name).open(context):
                pass


def test_weight_counts_the_body_and_the_attributes_names_types_and_values() -> None:
    message = Message.received(b"12345", bytes.decode, id="", headers={"name": "välue", "other": "x"})
    assert sink("q", forward=["name"]).weigh(message) == 5 + len("name") + len("String") + 6


def test_a_message_beyond_the_limit_is_rejected_as_oversize() -> None:
    exact = Message.received(b"x" * MIB, bytes.decode, id="")
    assert sink("q").weigh(exact) == MIB
    with pytest.raises(Reject, match="claim_check") as caught:
        sink("q").weigh(Message.received(b"x" * (MIB + 1), bytes.decode, id=""))
    assert caught.value.error == "oversize"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"queue": "q.fifo", "group": "g", "delay": "1s"}, "one delay for all"),
        ({"queue": "q", "deduplication": "d"}, "only a FIFO queue"),
        ({"queue": "q", "delay": "16m"}, "at most 15m"),
        ({"queue": "q", "forward": ["Authorization"]}, "never passed on"),
        ({"queue": "q", "forward": ["transfer-encoding"]}, "never passed on"),
        ({"queue": "q", "forward": ["AWS.x"]}, "cannot be the name"),
        ({"queue": "q", "forward": ["a..b"]}, "cannot be the name"),
        ({"queue": "q", "forward": [f"h{i}" for i in range(11)]}, "at most ten"),
    ],
)
def test_settings_that_sqs_would_refuse_are_errors_in_the_file(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        SqsSink.model_validate(settings)
