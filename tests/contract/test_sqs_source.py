from __future__ import annotations

import base64
from typing import Any

import pytest
from pydantic import ValidationError

from sluiceway.adapters.sqs import SqsSource
from sluiceway.adapters.sqs_receiver import QueueLimits, SqsReceiver
from sluiceway.core.errors import LeaseLost, OutsideError, Reject, Transient
from sluiceway.core.outcome import Ack, Retry
from sluiceway.testing import ManualClock

ATTRIBUTES: dict[str, Any] = {
    "Tenant": {"DataType": "String", "StringValue": "acme"},
    "weight": {"DataType": "Number.int", "StringValue": "12"},
    "blob": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
}


def source(queue: str, **settings: Any) -> SqsSource:
    return SqsSource.model_validate({"queue": queue, "wait_time": "0s", **settings})


async def queue_with(context: Any, name: str, *bodies: str, **attributes: str) -> str:
    sqs = await context.clients.open("sqs")
    url = (await sqs.create_queue(QueueName=name, Attributes=attributes))["QueueUrl"]
    for body in bodies:
        more = {"MessageGroupId": "g", "MessageDeduplicationId": body[:20]} if name.endswith(".fifo") else {}
        await sqs.send_message(QueueUrl=url, MessageBody=body, MessageAttributes=ATTRIBUTES, **more)
    return str(url)


async def left_in(context: Any, url: str) -> tuple[int, int]:
    """How many messages are visible, and how many are in flight."""
    sqs = await context.clients.open("sqs")
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = (await sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names))["Attributes"]
    return int(found[names[0]]), int(found[names[1]])


async def test_a_message_arrives_with_its_body_headers_and_meta(endpoint: str, name: str, open_context: Any) -> None:
    async with open_context(endpoint) as context:
        await queue_with(context, name, '{"total": 12.50}')
        async with source(name).open(context) as receiver:
            (delivery,) = await receiver.receive(10)
    message = delivery.message
    assert delivery.raw == message.payload == b'{"total": 12.50}'
    assert message.body == {"total": 12.5}
    assert message.headers == {"Tenant": "acme", "weight": "12", "blob": base64.b64encode(b"\x00\xff").decode()}
    assert message.meta["header_types"] == {"weight": "Number.int", "blob": "Binary"}
    assert message.meta["queue"] == name
    assert message.meta["receive_count"] == delivery.receive_count == 1
    assert str(message.meta["sent_at"]).endswith("+00:00")
    assert delivery.sent_at > 1_700_000_000
    assert delivery.attributes == ATTRIBUTES


async def test_the_queue_is_found_by_url_and_by_arn_too(endpoint: str, name: str, open_context: Any) -> None:
    async with open_context(endpoint) as context:
        url = await queue_with(context, name, "1", "2")
        for queue in (url, f"arn:aws:sqs:eu-west-1:123456789012:{name}"):
            async with source(queue).open(context) as receiver:
                assert len(await receiver.receive(1)) == 1


async def test_a_fifo_message_carries_its_group_and_deduplication_id(
    endpoint: str, name: str, open_context: Any
) -> None:
    async with open_context(endpoint) as context:
        await queue_with(context, f"{name}.fifo", "{}", FifoQueue="true")
        async with source(f"{name}.fifo").open(context) as receiver:
            (delivery,) = await receiver.receive(10)
    assert delivery.group == delivery.message.meta["group"] == "g"
    assert delivery.message.meta["deduplication_id"] == "{}"


async def test_a_receive_that_got_no_answer_is_made_again_with_the_same_id(stub_aws: Any, open_context: Any) -> None:
    stub_aws.answer("GetQueueUrl", {"QueueUrl": "http://127.0.0.1/1/q.fifo"})
    stub_aws.fail("ReceiveMessage", "InternalError", status=500, times=2)  # the client tries twice by itself
    async with open_context(stub_aws.endpoint) as context, source("q.fifo").open(context) as receiver:
        with pytest.raises(Transient):
            await receiver.receive(5)
        await receiver.receive(4)  # has no room for what the first may have been given
        await receiver.receive(10)
        await receiver.receive(10)
    asked = [body for action, body in stub_aws.calls if action == "ReceiveMessage"]
    first = asked[0]["ReceiveRequestAttemptId"]
    again = [(body["MaxNumberOfMessages"], body["ReceiveRequestAttemptId"] == first) for body in asked]
    assert again == [(5, True), (5, True), (4, False), (5, True), (10, False)]
    assert len({body["ReceiveRequestAttemptId"] for body in asked}) == 3


@pytest.mark.parametrize(("read_after", "taken"), [(2, 2), (70, 10)])
async def test_a_lease_has_begun_when_the_wait_was_over_however_late_the_answer_is_read(
    read_after: float, taken: float
) -> None:
    clock = ManualClock()

    class Sqs:
        async def receive_message(self, **_asked: object) -> object:
            clock.time += read_after
            return {"Messages": [{"Body": "{}"}]}

    sqs: Any = Sqs()
    settings = source("q", wait_time="10s")
    (delivery,) = await SqsReceiver(sqs, sqs, url="", source=settings, limits=QueueLimits(), clock=clock).receive(1)
    assert delivery.taken == taken


async def test_a_standard_queue_is_given_no_attempt_id(stub_aws: Any, open_context: Any) -> None:
    stub_aws.answer("GetQueueUrl", {"QueueUrl": "http://127.0.0.1/1/q"})
    async with open_context(stub_aws.endpoint) as context, source("q").open(context) as receiver:
        await receiver.receive(5)
    assert "ReceiveRequestAttemptId" not in dict(stub_aws.calls)["ReceiveMessage"]


async def test_an_emulators_fifo_queue_hands_a_group_out_again_in_order_once_all_of_it_is_back(
    endpoint: str, name: str, open_context: Any
) -> None:
    async with open_context(endpoint) as context:
        await queue_with(context, f"{name}.fifo", "1", "2", "3", FifoQueue="true")
        async with source(f"{name}.fifo").open(context) as receiver:
            held = await receiver.receive(10)
            assert [delivery.message.body for delivery in held] == [1, 2, 3]
            await receiver.settle([(delivery, Retry(0, "back")) for delivery in held[1:]])
            assert await receiver.receive(10) == []
            await receiver.settle([(held[0], Retry(0, "back"))])
            assert [delivery.message.body for delivery in await receiver.receive(10)] == [1, 2, 3]


async def test_what_the_queue_does_by_itself_is_known_to_the_worker(
    endpoint: str, name: str, open_context: Any
) -> None:
    async with open_context(endpoint) as context:
        dead_letters = await queue_with(context, f"{name}-dlq")
        url = await queue_with(context, name, MessageRetentionPeriod="3600")
        sqs = await context.clients.open("sqs")
        found = await sqs.get_queue_attributes(QueueUrl=dead_letters, AttributeNames=["QueueArn"])
        target = found["Attributes"]["QueueArn"]
        redrive = f'{{"deadLetterTargetArn":"{target}","maxReceiveCount":"3"}}'
        await sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": redrive})
        async with source(name).open(context) as receiver:
            assert receiver.retention == 3600
            assert receiver.redrive_max_receives == 3


async def test_a_queue_that_does_not_exist_is_named(endpoint: str, name: str, open_context: Any) -> None:
    async with open_context(endpoint) as context:
        with pytest.raises(OutsideError, match=f"queue {name} does not exist: create it"):
            async with source(name).open(context):
                pass


async def test_half_a_surrogate_pair_is_rejected_when_read_and_kept_as_it_came(
    stub_aws: Any, open_context: Any
) -> None:
    stub_aws.answer("GetQueueUrl", {"QueueUrl": "http://127.0.0.1/1/q"})
    received = rb'{"Messages": [{"MessageId": "m", "ReceiptHandle": "r", "Body": "\ud83d"}]}'
    stub_aws.answer("ReceiveMessage", received)
    async with open_context(stub_aws.endpoint) as context, source("q").open(context) as receiver:
        (delivery,) = await receiver.receive(1)
    assert delivery.raw == b"\xed\xa0\xbd"
    with pytest.raises(Reject, match="not UTF-8"):
        _ = delivery.message.body


@pytest.mark.parametrize(
    ("sent", "receives"), [("soon", "many"), ("", "-1"), ("9" * 5000, "9" * 5000), ("9" * 15, "0"), ("²", "²")]
)
async def test_a_message_with_odd_numbers_is_received_like_the_others(
    stub_aws: Any, open_context: Any, sent: str, receives: str
) -> None:
    odd = {"SentTimestamp": sent, "ApproximateReceiveCount": receives}
    messages = [
        {"MessageId": "odd", "ReceiptHandle": "1", "Body": "1", "Attributes": odd},
        {"MessageId": "bare", "ReceiptHandle": "2", "Body": "2", "MessageAttributes": {"a": {}}},
    ]
    stub_aws.answer("GetQueueUrl", {"QueueUrl": "http://127.0.0.1/1/q"})
    stub_aws.answer("ReceiveMessage", {"Messages": messages})
    async with open_context(stub_aws.endpoint) as context, source("q").open(context) as receiver:
        received = await receiver.receive(10)
    assert [(one.message.id, one.receive_count) for one in received] == [("odd", 1), ("bare", 1)]
    assert all(one.sent_at >= 0 for one in received)


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_receive_that_fails_for_now_is_transient(stub_aws: Any, open_context: Any, status: int) -> None:
    stub_aws.answer("GetQueueUrl", {"QueueUrl": "http://127.0.0.1/1/q"})
    stub_aws.fail("ReceiveMessage", "Whatever", status=status, times=2)
    async with open_context(stub_aws.endpoint) as context, source("q").open(context) as receiver:
        with pytest.raises(Transient, match="queue q: AWS answered Whatever"):
            await receiver.receive(1)
    assert sum(action == "ReceiveMessage" for action, _ in stub_aws.calls) <= 2


@pytest.mark.parametrize("code", ["AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist", "AccessDenied"])
async def test_a_receive_from_a_queue_that_is_gone_or_denied_is_the_operators_matter(
    stub_aws: Any, open_context: Any, code: str
) -> None:
    stub_aws.answer("GetQueueUrl", {"QueueUrl": "http://127.0.0.1/1/q"})
    stub_aws.fail("ReceiveMessage", code)
    async with open_context(stub_aws.endpoint) as context, source("q").open(context) as receiver:
        with pytest.raises(OutsideError, match="queue q"):
            await receiver.receive(1)


async def test_each_entry_of_a_settlement_has_its_own_result(stub_aws: Any, open_context: Any) -> None:
    stub_aws.answer("GetQueueUrl", {"QueueUrl": "http://127.0.0.1/1/q"})
    messages = [{"MessageId": str(i), "ReceiptHandle": f"r{i}", "Body": "{}"} for i in range(5)]
    stub_aws.answer("ReceiveMessage", {"Messages": messages})
    failed = [
        {"Id": "1", "Code": "ReceiptHandleIsInvalid", "SenderFault": True},
        {"Id": "2", "Code": "InternalError", "SenderFault": False, "Message": "try later"},
        {"Message": "whose this is, nobody says"},
    ]
    stub_aws.answer("DeleteMessageBatch", {"Successful": [{"Id": "0"}], "Failed": failed})
    stub_aws.answer("ChangeMessageVisibilityBatch", {"Successful": [{"Id": "4"}]})
    async with open_context(stub_aws.endpoint) as context, source("q").open(context) as receiver:
        held = await receiver.receive(10)
        results = await receiver.settle([*((d, Ack()) for d in held[:4]), (held[4], Retry(1.2, "later"))])
    assert [type(result) for result in results] == [type(None), LeaseLost, Transient, Transient, type(None)]
    assert "try later" in str(results[2])
    assert "not about this entry" in str(results[3])
    assert dict(stub_aws.calls)["ChangeMessageVisibilityBatch"]["Entries"][0]["VisibilityTimeout"] == 2


async def test_a_settlement_call_that_fails_leaves_every_entry_to_be_tried_again(
    stub_aws: Any, open_context: Any
) -> None:
    stub_aws.answer("GetQueueUrl", {"QueueUrl": "http://127.0.0.1/1/q"})
    stub_aws.answer("ReceiveMessage", {"Messages": [{"MessageId": "1", "ReceiptHandle": "r", "Body": "{}"}]})
    stub_aws.fail("DeleteMessageBatch", "AccessDenied")
    async with open_context(stub_aws.endpoint) as context, source("q").open(context) as receiver:
        (delivery,) = await receiver.receive(10)
        (result,) = await receiver.settle([(delivery, Ack())])
    assert isinstance(result, Transient)
    assert "allow DeleteMessageBatch" in result.reason


async def test_a_queue_whose_limits_may_not_be_asked_for_has_the_default_ones(stub_aws: Any, open_context: Any) -> None:
    stub_aws.answer("GetQueueUrl", {"QueueUrl": "http://127.0.0.1/1/q"})
    stub_aws.fail("GetQueueAttributes", "AccessDenied")
    async with open_context(stub_aws.endpoint) as context, source("q").open(context) as receiver:
        assert receiver.retention == 345_600
        assert receiver.redrive_max_receives is None


@pytest.mark.parametrize(
    "queue", ["", "a" * 81, "or ders", "orders.fifo.x", "https://host/", "arn:aws:sns:eu-west-1:123456789012:orders"]
)
def test_a_queue_name_that_aws_would_refuse_is_an_error_in_the_file(queue: str) -> None:
    with pytest.raises(ValidationError):
        source(queue)


@pytest.mark.parametrize("wait", ["21s", "5m"])
def test_a_wait_longer_than_sqs_allows_is_an_error_in_the_file(wait: str) -> None:
    with pytest.raises(ValidationError, match="at most 20s"):
        source("orders", wait_time=wait)


def test_the_source_declares_exactly_what_it_calls() -> None:
    (resource,) = source("orders").resources()
    assert resource.kind == "queue"
    assert set(resource.actions) == {
        "sqs:ReceiveMessage",
        "sqs:DeleteMessage",
        "sqs:ChangeMessageVisibility",
        "sqs:GetQueueAttributes",
        "sqs:GetQueueUrl",
    }
