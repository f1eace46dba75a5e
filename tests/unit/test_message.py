"""Messages: read once, never changed, sent as they came."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluiceway import JSON, Message, Reject
from sluiceway.core.body import BodyFormat, decode_json, decode_text, decoder

values: st.SearchStrategy[JSON] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


def received(raw: bytes, decode: Callable[[bytes], JSON] = decode_json) -> Message:
    return Message.received(raw, decode, id="m-1", headers={"Trace": "t"}, meta={"queue": "orders"})


# The body.


def test_a_body_is_read_when_somebody_asks_and_once() -> None:
    reads: list[bytes] = []

    def read(raw: bytes) -> JSON:
        reads.append(raw)
        return decode_json(raw)

    message = received(b'{"a": 1}', read)
    changed = message.to("vip").with_headers({"x": "y"})
    assert (message.payload, reads) == (b'{"a": 1}', [])
    assert message.body is message.body
    assert reads == [b'{"a": 1}']
    assert changed.body == {"a": 1}


def test_bytes_that_are_no_json_are_rejected_when_they_are_read_and_sent_as_they_are() -> None:
    message = received(b"{")
    assert message.payload == b"{"
    with pytest.raises(Reject, match="the body is not valid JSON") as caught:
        _ = message.body
    assert caught.value.error == "invalid"


def test_the_bytes_that_came_are_sent_until_a_stage_replaces_the_body() -> None:
    message = received(b'{"a": 12.50}')
    assert message.body == {"a": 12.5}
    assert message.with_headers({"x": "y"}).evolve(id="m-2").payload == b'{"a": 12.50}'
    assert message.with_body({"b": 1}).payload == b'{"b":1}'
    assert message.evolve(body={"b": 1}).payload == b'{"b":1}'


@pytest.mark.parametrize("body", [float("nan"), "\ud800"])
def test_a_body_that_json_cannot_carry_is_rejected_when_it_is_sent(body: JSON) -> None:
    with pytest.raises(Reject, match="the body cannot be sent as JSON"):
        _ = Message(body).payload


def test_a_body_of_types_that_json_does_not_have_is_a_bug_and_no_wrong_message() -> None:
    with pytest.raises(TypeError, match="a is of the type set, which JSON does not have: convert it first"):
        _ = Message({"a": {1, 2}}).payload  # type: ignore[dict-item] # what is tested


def test_a_text_from_a_text_source_is_sent_as_it_is() -> None:
    message = received(b"plain", decode_text)
    assert message.body == "plain"
    assert message.with_body("other").payload == b"other"
    assert message.with_body({"a": 1}).payload == b'{"a":1}'
    assert Message("other").payload == b'"other"'


@pytest.mark.parametrize(
    ("body_format", "raw", "reason"),
    [
        ("text", b"\xff", "the body is not UTF-8: byte 0"),
        ("base64", b"%", "the body is not base64"),
        ("base64", base64.b64encode(b"{"), "the body is not valid JSON"),
        ("json", b'{"a": 1, "a": 2}', "the body is not valid JSON"),
    ],
)
def test_bytes_of_another_format_are_rejected(body_format: BodyFormat, raw: bytes, reason: str) -> None:
    with pytest.raises(Reject, match=reason):
        decoder(body_format)(raw)


def test_a_number_that_a_float_changes_is_rejected_or_kept_exactly() -> None:
    raw = b'{"a": 0.12345678901234567890}'
    with pytest.raises(Reject):
        _ = received(raw).body
    exact = received(raw, decoder("json", exact=True))
    assert exact.with_body(exact.body).payload == raw.replace(b" ", b"")


@given(values)
@settings(max_examples=100)
def test_what_is_sent_is_read_as_the_same_body_in_every_format(body: JSON) -> None:
    raw = Message(body).payload
    assert received(raw).body == body
    assert received(base64.b64encode(raw), decoder("base64")).body == body


# Every change makes a new one.


def test_a_change_leaves_the_message_as_it_was() -> None:
    message = received(b"1")
    before = (message.id, message.body, dict(message.headers), dict(message.meta), message.routes)
    message.with_body(2)
    message.with_headers({"Trace": "u"})
    message.to("vip")
    message.evolve(id="m-2", body=3, headers={}, meta={}, routes=["a"])
    assert (message.id, message.body, dict(message.headers), dict(message.meta), message.routes) == before


def test_each_change_replaces_what_it_names() -> None:
    message = received(b"1").to("old")
    assert message.with_headers({"New": "n"}).headers == {"Trace": "t", "New": "n"}
    assert message.to("vip", "eu").routes == ("vip", "eu")
    assert message.to().routes == ()
    evolved = message.evolve(id="m-2", headers={}, meta={"n": 1}, routes=["a"])
    assert evolved == Message(1, id="m-2", meta={"n": 1}, routes=("a",))


def test_nobody_can_set_or_delete_a_part_and_is_told_what_to_do() -> None:
    message = Message(1)
    with pytest.raises(AttributeError, match=r"use message.evolve\(id=…\)"):
        message.id = "other"
    with pytest.raises(AttributeError, match="cannot be changed"):
        del message.id


def test_messages_are_equal_when_their_parts_are() -> None:
    assert received(b'{"a":1}') == Message({"a": 1}, id="m-1", headers={"Trace": "t"}, meta={"queue": "orders"})
    assert Message(1) != Message(1, routes=["a"])
    assert Message(1) != 1
    with pytest.raises(TypeError, match="unhashable"):
        hash(Message(1))


def test_a_message_is_shown_without_its_body() -> None:
    assert repr(Message({"card": "hunter2"}, id="m-1", routes=["a", "b"])) == "<Message m-1 routes=a,b>"
    assert repr(Message(1)) == "<Message (no id)>"


# The view.


def test_the_view_has_four_names_and_reads_the_body_only_when_it_is_asked_for() -> None:
    view = received(b"{").view
    assert list(view) == ["id", "body", "headers", "meta"]
    assert len(view) == 4
    assert (view["id"], view["headers"], view["meta"]) == ("m-1", {"Trace": "t"}, {"queue": "orders"})
    assert "routes" not in view
    with pytest.raises(KeyError):
        view["routes"]
    with pytest.raises(Reject):
        view["body"]
