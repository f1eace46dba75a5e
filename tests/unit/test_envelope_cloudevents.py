"""`envelope.wrap` and `envelope.unwrap` with CloudEvents, structured and binary."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sluiceway import JSON, Context, Message, Reject
from sluiceway.testing import ManualClock, run_pipeline
from sluiceway_patterns.envelope import Unwrap, Wrap

EVENT: dict[str, Any] = {"specversion": "1.0", "id": "7", "source": "/shop", "type": "placed", "data": {"a": 1}}
HEADERS = {"ce-specversion": "1.0", "ce-id": "7", "ce-source": "/shop", "ce-type": "placed"}

bodies = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(sorted({*EVENT, "data_base64"})) | st.text(max_size=4), inner, max_size=6)
    ),
    max_leaves=12,
)


class FakeContext:
    """Has the time."""

    clock = ManualClock()


def wrap(message: Message, **event: Any) -> Message:
    stage = Wrap.model_validate({"cloudevents": {"source": "/shop", "type": "placed", **event}})

    async def send() -> Message:
        async with stage.open(cast("Context", FakeContext())) as process:
            return cast("Message", process(message))

    return asyncio.run(send())


def unwrap(message: Message, **settings: Any) -> Message:
    return cast("Message", Unwrap.model_validate({"from": "cloudevents", **settings}).process(message))


def refusal(message: Message) -> tuple[str, str]:
    with pytest.raises(Reject) as caught:
        unwrap(message, otherwise="keep")  # which does not make a wrong envelope right
    return caught.value.error, caught.value.reason


def test_a_structured_event_s_data_is_the_body_and_its_attributes_are_headers() -> None:
    event = {**EVENT, "time": "2026-01-01T00:00:00Z", "tenant": "Łódź %", "count": 3, "urgent": True, "subject": None}
    opened = unwrap(
        Message(event, headers={"other": "1", "ce-id": "old", "Content-Type": "application/cloudevents+json"})
    )
    assert opened.body == {"a": 1}
    assert opened.headers == {
        **HEADERS,
        "other": "1",
        "ce-time": "2026-01-01T00:00:00Z",
        "ce-tenant": "%C5%81%C3%B3d%C5%BA%20%25",
        "ce-count": "3",
        "ce-urgent": "true",
    }


def test_a_binary_event_is_its_data_already() -> None:
    headers = {**{name.upper(): value for name, value in HEADERS.items()}, "content-type": "application/json"}
    opened = unwrap(Message({"specversion": "data may look like an event"}, headers=headers))
    assert opened.body == {"specversion": "data may look like an event"}
    assert opened.headers == {**HEADERS, "content-type": "application/json"}


@pytest.mark.parametrize(
    ("kind", "data", "body", "payload"),
    [
        ({"datacontenttype": "text/xml"}, {"data": "<a/>"}, "<a/>", b"<a/>"),
        ({}, {"data": "<a/>"}, "<a/>", b'"<a/>"'),
        ({"datacontenttype": "application/hal+json; charset=utf-8"}, {"data": "x"}, "x", b'"x"'),
        ({}, {"data_base64": base64.b64encode(b'{"a": 1}').decode()}, {"a": 1}, b'{"a":1}'),
        ({"datacontenttype": "text/csv"}, {"data_base64": base64.b64encode(b"a;b").decode()}, "a;b", b"a;b"),
        ({}, {}, None, b"null"),
    ],
)
def test_data_is_what_the_content_type_says(kind: Any, data: Any, body: JSON, payload: bytes) -> None:
    event = {**{name: value for name, value in EVENT.items() if name != "data"}, **kind, **data}
    opened = unwrap(Message(event))
    assert (opened.body, opened.payload) == (body, payload)


def test_data_that_is_no_text_is_passed_on_as_bytes() -> None:
    event = {**EVENT, "data": None, "data_base64": base64.b64encode(b"\xff\x00").decode(), "datacontenttype": "image/x"}
    assert unwrap(Message(event)).payload == b"\xff\x00"


@pytest.mark.parametrize(
    ("change", "error", "reason"),
    [
        ({"id": ""}, "missing", "body.id is missing"),
        ({"type": None}, "missing", "body.type is missing"),
        ({"source": 5}, "invalid", "body.source is 5, not text"),
        ({"specversion": "0.3"}, "invalid", 'specversion is "0.3"'),
        ({"Tenant": "x"}, "invalid", "body.Tenant is no name"),
        ({"tenant": {}}, "invalid", "body.tenant is an object"),
        ({"tenant": 1.5}, "invalid", "body.tenant is 1.5"),
        ({"data_base64": "e30="}, "invalid", "both data and data_base64"),
        ({"data": None, "data_base64": "?"}, "invalid", "not base64"),
        ({"data": None, "data_base64": "e30"}, "invalid", "not base64"),
        ({"data": None, "data_base64": "eA=="}, "invalid", "data_base64 is not valid JSON"),
    ],
)
def test_a_wrong_event_is_rejected(change: dict[str, Any], error: str, reason: str) -> None:
    got, said = refusal(Message({**EVENT, **change}))
    assert got == error
    assert reason in said


def test_a_wrong_binary_event_is_rejected_and_so_is_a_content_type_that_lies() -> None:
    assert refusal(Message(1, headers={"ce-specversion": "1.0"})) == (
        "missing",
        "header ce-id is missing, which every event has",
    )
    assert "without a specversion" in refusal(Message([], headers={"content-type": "application/cloudevents+json"}))[1]


def test_what_is_no_event_is_rejected_or_kept() -> None:
    message = Message({"hello": "world"})
    with pytest.raises(Reject, match="no envelope of the kind cloudevents"):
        unwrap(message)
    assert unwrap(message, otherwise="keep") is message


def test_a_structured_event_has_what_it_must_have() -> None:
    event = wrap(Message({"n": 1}, id="m-1"), subject={"jmes": "body.nothing"}, extensions={"tenant": {"jmes": "id"}})
    assert event.body == {
        "specversion": "1.0",
        "id": "m-1",
        "source": "/shop",
        "type": "placed",
        "time": "1970-01-01T00:00:00.000+00:00",
        "datacontenttype": "application/json",
        "tenant": "m-1",
        "data": {"n": 1},
    }
    assert event.headers["content-type"] == "application/cloudevents+json"


@pytest.mark.parametrize(
    ("event", "message", "reason"),
    [
        ({}, Message(1), "id: the message has none"),
        ({"source": {"jmes": "body.x"}}, Message({}, id="m"), "source: body.x is missing or null"),
        ({"type": ""}, Message({}, id="m"), "type: the value is empty"),
        ({"subject": {"jmes": "body"}}, Message({}, id="m"), "subject is an object, not text"),
        ({"time": {"jmes": "body"}}, Message("yesterday", id="m"), 'time is "yesterday"'),
        ({"datacontenttype": "text/csv"}, Message({}, id="m"), "the body is JSON, which datacontenttype text/csv"),
        ({"datacontenttype": "text/json"}, Message(id="m").with_text("x"), "the body is text"),
    ],
)
def test_a_message_of_which_no_event_can_be_made(event: dict[str, Any], message: Message, reason: str) -> None:
    with pytest.raises(Reject) as caught:
        wrap(message, **event)
    assert reason in caught.value.reason


def test_a_binary_event_must_be_forwarded() -> None:
    stage = Wrap.model_validate({"cloudevents": {"source": "a", "type": "b", "mode": "binary"}})
    assert stage.required_headers() == ["ce-id", "ce-source", "ce-specversion", "ce-type"]


def test_settings_that_can_only_be_mistakes() -> None:
    for settings in ({}, {"sns": {}}, {"cloudevents": {"source": "a", "type": "b", "extensions": {"time": "x"}}}):
        with pytest.raises(ValidationError):
            Wrap.model_validate(settings)


def test_in_a_pipeline_text_comes_back_as_text() -> None:
    pipeline = """
version: 1
name: there-and-back
source: {use: memory, with: {format: text}}
stages:
  - {use: envelope.wrap, with: {cloudevents: {source: /a, type: b}}}
  - {use: envelope.unwrap, with: {from: cloudevents}}
sinks: [{id: out, use: memory, with: {forward: [content-type]}}]
"""
    (sent,) = run_pipeline(pipeline, [{"body": "<a/>"}]).sinks["out"]
    assert (sent.payload, sent.headers["content-type"]) == (b"<a/>", "text/plain")


@given(body=bodies, mode=st.sampled_from(["structured", "binary"]), subject=st.text(max_size=5))
def test_what_is_wrapped_comes_back(body: JSON, mode: str, subject: str) -> None:
    message = Message(body, id="m-1", headers={"x": "1"}, meta={"q": 1}, routes=("r",))
    wrapped = wrap(message, mode=mode, subject={"literal": subject or None})
    sent = Message(json.loads(wrapped.payload), id="m-1", headers=wrapped.headers, meta={"q": 1}, routes=("r",))
    opened = unwrap(sent)
    ours = {name: value for name, value in opened.headers.items() if name != "content-type" and name[:3] != "ce-"}
    assert opened.evolve(headers=ours) == message
    assert opened.headers["content-type"] == "application/json"


@given(body=bodies, headers=st.dictionaries(st.sampled_from([*HEADERS, "content-type"]), st.text(max_size=4)))
def test_anything_is_opened_or_rejected(body: JSON, headers: dict[str, str]) -> None:
    for given_body in (body, {**EVENT, "extra": body}, {**EVENT, "data": None, "data_base64": body}):
        try:
            assert isinstance(unwrap(Message(given_body, headers=headers)), Message)
        except Reject:
            continue
