"""`envelope.unwrap` of what AWS sends, `metadata` and `data`, and the events that `envelope.wrap` makes for a queue."""

from __future__ import annotations

import asyncio
import json
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sluiceway import JSON, Context, Drop, Message, Reject
from sluiceway.testing import ManualClock
from sluiceway_patterns.envelope import Unwrap, Wrap

EVENT: dict[str, Any] = {
    "version": "0",
    "id": "17793124-05d4-b198-2fde-7ededc63b103",
    "detail-type": "Order Placed",
    "source": "shop.orders",
    "account": "123456789012",
    "time": "2026-05-02T00:54:06Z",
    "region": "eu-central-1",
    "resources": ["arn:aws:ec2:eu-central-1:123456789012:instance/i-1"],
    "detail": {"order_no": "A-1"},
}
NOTIFICATION: dict[str, Any] = {
    "Type": "Notification",
    "MessageId": "22b80b92",
    "TopicArn": "arn:aws:sns:eu-central-1:123456789012:orders",
    "Subject": "An order",
    "Message": '{"order_no": "A-1"}',
    "Timestamp": "2026-05-02T00:54:06.655Z",
    "SignatureVersion": "1",
    "MessageAttributes": {"tier": {"Type": "String", "Value": "gold"}, "total": {"Type": "Number", "Value": "12"}},
}
RECORD: dict[str, Any] = {
    "eventVersion": "2.5",
    "eventSource": "aws:s3",
    "awsRegion": "eu-central-1",
    "eventTime": "2026-05-02T00:54:06.655Z",
    "eventName": "ObjectCreated:Put",
    "s3": {
        "bucket": {"name": "uploads", "arn": "arn:aws:s3:::uploads"},
        "object": {"key": "a+b%2Bc/caf%C3%A9", "size": 3, "eTag": "d41d", "versionId": None, "sequencer": "0A1B"},
    },
}
KINDS = ("cloudevents", "eventbridge", "sns", "s3", "data")

names = st.sampled_from(
    ["detail", "detail-type", "source", "metadata", "data", "specversion", "Event"]
) | st.sampled_from(
    ["Type", "TopicArn", "Message", "MessageAttributes", "Value", "Records", "s3", "bucket", "object", "key", "name"]
)
bodies = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
    | st.just("Notification"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=5),
    max_leaves=16,
)


class FakeContext:
    """Has the time."""

    clock = ManualClock()


def unwrap(body: JSON, kind: str, **settings: Any) -> Any:
    return Unwrap.model_validate({"from": kind, **settings}).process(Message(body, id="m-1", headers={"own": "1"}))


def wrap(message: Message, **settings: Any) -> Message:
    async def send() -> Message:
        async with Wrap.model_validate(settings).open(cast("Context", FakeContext())) as process:
            return cast("Message", process(message))

    return asyncio.run(send())


def refusal(body: JSON, kind: str) -> str:
    with pytest.raises(Reject) as caught:
        unwrap(body, kind, otherwise="keep")
    return caught.value.reason


def test_the_detail_of_an_event_and_what_it_says_beside() -> None:
    opened = unwrap(EVENT, "eventbridge")
    assert opened.body == {"order_no": "A-1"}
    assert opened.headers == {
        "own": "1",
        "eventbridge-id": EVENT["id"],
        "eventbridge-detail-type": "Order Placed",
        "eventbridge-source": "shop.orders",
        "eventbridge-account": "123456789012",
        "eventbridge-time": "2026-05-02T00:54:06Z",
        "eventbridge-region": "eu-central-1",
        "eventbridge-resources": json.dumps(EVENT["resources"]),
    }


def test_an_event_that_is_wrong() -> None:
    assert refusal({**EVENT, "source": {}}, "eventbridge") == "body.source is an object, not text"


def test_the_message_in_a_notification_with_its_attributes_and_their_types() -> None:
    opened = unwrap(NOTIFICATION, "sns")
    assert opened.body == {"order_no": "A-1"}
    assert opened.headers == {
        "own": "1",
        "tier": "gold",
        "total": "12",
        "sns-message-id": "22b80b92",
        "sns-topic-arn": NOTIFICATION["TopicArn"],
        "sns-subject": "An order",
        "sns-timestamp": NOTIFICATION["Timestamp"],
    }
    assert opened.meta == {"header_types": {"total": "Number"}}


def test_a_notification_of_text_stays_text() -> None:
    opened = unwrap({**NOTIFICATION, "Message": "hello"}, "sns", message="text")
    assert (opened.body, opened.payload) == ("hello", b"hello")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"Message": "hello"}, "body.Message is not valid JSON"),
        ({"Message": '{"a": 1, "a": 2}'}, "body.Message is not valid JSON"),
        ({"Message": {"a": 1}}, "body.Message is an object, not text"),
        ({"MessageAttributes": {"x": "y"}}, "body.MessageAttributes.x has no text as its Value"),
        ({"Subject": []}, "body.Subject is a list, not text"),
    ],
)
def test_a_notification_that_is_wrong(change: dict[str, Any], reason: str) -> None:
    assert reason in refusal({**NOTIFICATION, **change}, "sns")


def test_the_confirmation_of_a_subscription_is_no_notification() -> None:
    with pytest.raises(Reject, match="no envelope"):
        unwrap({**NOTIFICATION, "Type": "SubscriptionConfirmation"}, "sns")


def test_a_message_for_each_record_with_the_key_as_the_object_is_called() -> None:
    removed = {"eventName": "ObjectRemoved:Delete", "s3": {"bucket": {"name": "u"}, "object": {"key": "x"}}}
    first, second = unwrap({"Records": [RECORD, removed]}, "s3")
    assert first.body == {
        "bucket": "uploads",
        "key": "a b+c/café",
        "size": 3,
        "etag": "d41d",
        "sequencer": "0A1B",
        "event": "ObjectCreated:Put",
        "time": RECORD["eventTime"],
        "region": "eu-central-1",
    }
    assert second.body == {"bucket": "u", "key": "x", "event": "ObjectRemoved:Delete"}


def test_the_test_event_is_dropped() -> None:
    assert isinstance(unwrap({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "uploads"}, "s3"), Drop)


@pytest.mark.parametrize(
    ("s3", "reason"),
    [
        ({"bucket": {"name": "u"}}, "body.Records.0.s3.object.key is missing"),
        ({"bucket": {"name": ""}, "object": {"key": "x"}}, 's3.bucket.name is ""'),
        ({"bucket": {"name": "u"}, "object": {"key": 5}}, "s3.object.key is 5"),
        ({"bucket": {"name": "u"}, "object": {"key": "%FF"}}, "no URL-encoded UTF-8: %FF"),
    ],
)
def test_a_notification_of_s3_that_is_wrong(s3: dict[str, Any], reason: str) -> None:
    assert reason in refusal({"Records": [{"s3": s3}]}, "s3")


def test_metadata_becomes_headers() -> None:
    metadata = {"id": "7", "version": 2, "live": True, "tags": ["a"], "nothing": None, "empty": ""}
    opened = unwrap({"metadata": metadata, "data": [1]}, "data")
    assert opened.body == [1]
    assert opened.headers == {"own": "1", "id": "7", "version": "2", "live": "true", "tags": '["a"]'}
    named = unwrap({"meta": {"id": "7"}, "payload": 1}, "data", names={"metadata": "meta", "data": "payload"})
    assert (named.body, named.headers["id"]) == (1, "7")
    assert refusal({"metadata": 1, "data": 1}, "data") == "body.metadata is 1, not an object"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("body", [None, 5, "text", [], {}, {"Records": []}, {"Records": [1]}, {"data": 1}])
def test_what_is_no_envelope_is_rejected_or_kept(kind: str, body: JSON) -> None:
    with pytest.raises(Reject, match=f"no envelope of the kind {kind}") as caught:
        unwrap(body, kind)
    assert caught.value.error == "invalid"
    assert unwrap(body, kind, otherwise="keep").body == body


def test_it_says_which_way_a_message_took() -> None:
    stage = Unwrap.model_validate({"from": "sns", "otherwise": "keep"})
    assert stage.branches() == (("from",), ("otherwise",))
    for body, ways in ((NOTIFICATION, [True, False]), ({}, [False, True])):
        assert [decision.taken for decision in stage.decisions(Message(body))] == ways


def test_keys_are_for_one_kind() -> None:
    for settings in ({"from": "s3", "message": "text"}, {"from": "sns", "names": {}}, {"from": "kafka"}):
        with pytest.raises(ValidationError):
            Unwrap.model_validate(settings)


def test_an_event_for_a_receiver_without_a_bus_is_what_unwrap_takes() -> None:
    event = wrap(
        Message({"n": 1}, id="m-1", meta={"sent_at": "2026-05-02T00:54:06.655+00:00"}),
        eventbridge={"source": "shop", "detail_type": {"jmes": "body.n"}},
    )
    assert event.body == {
        "version": "0",
        "id": "m-1",
        "detail-type": "1",
        "source": "shop",
        "account": "",
        "time": "2026-05-02T00:54:06.655+00:00",
        "region": "",
        "resources": [],
        "detail": {"n": 1},
    }
    assert unwrap(event.body, "eventbridge").body == {"n": 1}


@given(body=bodies, value=bodies)
def test_what_is_wrapped_as_data_comes_back(body: JSON, value: JSON) -> None:
    wrapped = wrap(Message(body, id="m-1"), data={"metadata": {"id": {"jmes": "id"}, "x": {"literal": value}}})
    opened = unwrap(wrapped.body, "data")
    assert opened.body == body
    assert opened.headers["id"] == "m-1"


@pytest.mark.parametrize("kind", KINDS)
@given(body=bodies, otherwise=st.sampled_from(["reject", "keep"]))
def test_anything_is_opened_dropped_or_rejected(kind: str, body: JSON, otherwise: str) -> None:
    for given_body in (body, {**EVENT, "detail": body, "time": body}, {**NOTIFICATION, "MessageAttributes": body}):
        try:
            unwrap(given_body, kind, otherwise=otherwise)
        except Reject:
            continue
