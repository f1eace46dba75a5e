from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from pydantic import ValidationError
from tests.contract.emulators import Reader, failing, refusing

from sluiceway.adapters.eventbridge import MAX_BYTES, EventBridgeSink
from sluiceway.adapters.sqs import SqsSource
from sluiceway.core.body import decoder
from sluiceway.core.errors import Reject, Transient
from sluiceway.core.message import Message
from sluiceway.testing.sinks import CHECKS, Arrived, Check, SinkCase

SETTINGS = {"bus": "orders", "source": "fulfilment.orders", "detail_type": "OrderAccepted"}


def sink(**settings: Any) -> EventBridgeSink:
    return EventBridgeSink.model_validate({**SETTINGS, **settings})


async def bus_into_queue(context: Any, name: str) -> None:
    """Create a bus, and a rule that puts all its events into a queue of the same name."""
    sqs, events = await context.clients.open("sqs"), await context.clients.open("events")
    url = (await sqs.create_queue(QueueName=name))["QueueUrl"]
    arn = (await sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"]))["Attributes"]["QueueArn"]
    await events.create_event_bus(Name=name)
    await events.put_rule(Name=name, EventBusName=name, EventPattern='{"source": [{"prefix": ""}]}')
    await events.put_targets(Rule=name, EventBusName=name, Targets=[{"Id": "q", "Arn": arn}])


def throttled(done: Any, place: int) -> object:
    entries = [*done["Entries"][:place], {"ErrorCode": "ThrottlingException"}, *done["Entries"][place:]]
    return {"FailedEntryCount": 1, "Entries": entries}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("at", ["ministack", "moto"])
async def test_a_bus_takes_messages_as_every_sink_must(
    check: Check, at: str, name: str, between: Any, moto: str, open_context: Any
) -> None:
    faults: dict[str, Any] = {
        "failing": lambda when: failing(between, ("PutEvents",), when),
        "failing_one": lambda message: refusing(between, "PutEvents", message.payload.decode(), throttled),
    }
    async with open_context(between.endpoint if at == "ministack" else moto) as context:
        await bus_into_queue(context, name)
        reader = Reader(context, name)

        async def arrived() -> list[Arrived]:
            return [Arrived(json.dumps(json.loads(each.raw)["detail"]).encode()) for each in await reader.all()]

        async with sink(bus=name).open(context) as send:
            case = SinkCase(
                sink(bus=name),
                send,
                arrived,
                lambda number: Message({"n": number}, id=f"m-{number}"),
                exact=False,
                refuses=Message([1]),
                **(faults if at == "ministack" else {}),
            )
            await check(case)


async def test_events_come_out_of_the_bus_with_the_body_as_their_detail(
    endpoint: str, name: str, open_context: Any
) -> None:
    async with open_context(endpoint) as context:
        await bus_into_queue(context, name)
        tested = sink(bus=name, detail_type={"jmes": "body.kind"}, resources=[{"jmes": "headers.arn"}])
        async with tested.open(context) as send:
            bodies = [{"kind": "OrderAccepted", "n": 1}, {"kind": "OrderPaid", "n": 2}]
            messages = [Message(body, headers={"arn": "arn:x"}) for body in bodies]
            assert await send(messages) == [None, None]
        async with SqsSource.model_validate({"queue": name, "wait_time": "1s"}).open(context) as receiver:
            received = [*await receiver.receive(10), *await receiver.receive(10)]
    events = sorted((json.loads(d.raw) for d in received), key=lambda event: event["detail"]["n"])
    assert [event["detail"] for event in events] == bodies
    assert [event["detail-type"] for event in events] == ["OrderAccepted", "OrderPaid"]
    assert {event["source"] for event in events} == {"fulfilment.orders"}
    assert events[0]["resources"] == ["arn:x"]


async def test_of_ten_events_only_the_two_refused_ones_are_rejected(stub_aws: Any, open_context: Any) -> None:
    def two_refused(asked: dict[str, Any]) -> object:
        results: list[dict[str, str]] = [{"EventId": str(i)} for i in range(len(asked["Entries"]))]
        results[3] = {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}
        results[7] = {"ErrorCode": "NotAuthorizedForSourceException"}
        return {"FailedEntryCount": 2, "Entries": results}

    stub_aws.answer("PutEvents", two_refused)
    async with open_context(stub_aws.endpoint) as context, sink().open(context) as send:
        results = await send([Message({"n": n}) for n in range(10)])
    assert [n for n, result in enumerate(results) if result is not None] == [3, 7]
    assert isinstance(results[3], Reject)
    assert results[3].reason == "bus orders: EventBridge answered MalformedDetail: Detail is malformed."
    assert isinstance(results[7], Reject)


@pytest.mark.parametrize(
    "code", ["ThrottlingException", "InternalFailure", "InternalException", "AccessDeniedException"]
)
async def test_an_entry_that_fails_through_no_fault_of_its_own_is_transient(
    stub_aws: Any, open_context: Any, code: str
) -> None:
    stub_aws.answer("PutEvents", {"FailedEntryCount": 1, "Entries": [{"ErrorCode": code}, {"EventId": "1"}]})
    async with open_context(stub_aws.endpoint) as context, sink().open(context) as send:
        throttled, sent = await send([Message({}), Message({})])
    assert isinstance(throttled, Transient)
    assert sent is None


async def test_a_body_that_came_in_base64_is_an_events_detail_as_json(stub_aws: Any, open_context: Any) -> None:
    details: list[str] = []

    def note(asked: dict[str, Any]) -> object:
        details.extend(entry["Detail"] for entry in asked["Entries"])
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}

    stub_aws.answer("PutEvents", note)
    raw = base64.b64encode(b'{"n": 1}')
    async with open_context(stub_aws.endpoint) as context, sink().open(context) as send:
        assert await send([Message.received(raw, decoder("base64"), id="m1")]) == [None]
    assert details == ['{"n":1}']


async def test_an_entry_that_the_answer_forgets_was_not_sent(stub_aws: Any, open_context: Any) -> None:
    stub_aws.answer("PutEvents", {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]})
    async with open_context(stub_aws.endpoint) as context, sink().open(context) as send:
        sent, forgotten = await send([Message({}), Message({})])
    assert sent is None
    assert isinstance(forgotten, Transient)


async def test_a_throttled_call_is_transient_for_all_and_says_how_long_to_wait(
    stub_aws: Any, open_context: Any
) -> None:
    stub_aws.fail("PutEvents", "ThrottlingException", times=2, retry_after="7")
    async with open_context(stub_aws.endpoint) as context, sink().open(context) as send:
        results = await send([Message({}), Message({})])
    assert [result.retry_after for result in results if isinstance(result, Transient)] == [7, 7]
    assert len(stub_aws.calls) == 2  # botocore's own retry is one, not four


@pytest.mark.parametrize(
    ("message", "settings", "said"),
    [
        (Message([1]), {}, "not a JSON object"),
        (Message("text"), {}, "not a JSON object"),
        (Message(None), {}, "not a JSON object"),
        (Message({}), {"source": {"jmes": "body.absent"}}, "`source` finds nothing"),
        (Message({}), {"source": {"literal": ""}}, "`source` finds nothing"),
        (Message({}), {"source": "aws.orders"}, "keeps for AWS"),
        (Message({"t": "x" * 129}), {"detail_type": {"jmes": "body.t"}}, "129 characters"),
        (Message({"t": [1]}), {"detail_type": {"jmes": "body.t"}}, "a text is needed"),
        (Message({}), {"resources": [{"jmes": "body.arn"}]}, "`resources` finds nothing"),
    ],
)
async def test_what_eventbridge_would_refuse_is_rejected_before_it_is_sent(
    stub_aws: Any, open_context: Any, message: Message, settings: dict[str, Any], said: str
) -> None:
    stub_aws.answer("PutEvents", {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]})
    async with open_context(stub_aws.endpoint) as context, sink(**settings).open(context) as send:
        rejected, *rest = await send([message, Message({"t": "fine", "absent": "s", "arn": "a"})])
    assert isinstance(rejected, Reject)
    assert said in rejected.reason
    assert len(rest) == 1


def test_an_event_is_weighed_as_the_service_does() -> None:
    message = Message({"n": "ü"})
    detail = '{"n":"ü"}'.encode()
    assert sink().weigh(message) == len("fulfilment.orders") + len("OrderAccepted") + len(detail)
    assert sink(resources=["arn"]).weigh(message) == sink().weigh(message) + 3


def test_an_event_of_a_megabyte_is_rejected_as_oversize() -> None:
    room = MAX_BYTES - sink().weigh(Message({"n": ""}))
    assert sink().weigh(Message({"n": "x" * room})) == MAX_BYTES
    with pytest.raises(Reject, match="claim_check") as caught:
        sink().weigh(Message({"n": "x" * (room + 1)}))
    assert caught.value.error == "oversize"


def test_headers_to_forward_are_an_error_in_the_file_because_an_event_has_none() -> None:
    with pytest.raises(ValidationError, match="an event has no headers"):
        sink(forward=["trace"])


@pytest.mark.parametrize("bus", ["", "or ders", "a" * 257, "arn:aws:sqs:eu-west-1:123456789012:orders"])
def test_a_bus_name_that_aws_would_refuse_is_an_error_in_the_file(bus: str) -> None:
    with pytest.raises(ValidationError, match="bus"):
        sink(bus=bus)


def test_the_sink_declares_exactly_what_it_calls() -> None:
    (resource,) = sink().resources()
    assert (resource.kind, resource.name) == ("bus", "orders")
    assert resource.actions == ("events:PutEvents", "events:DescribeEventBus")
