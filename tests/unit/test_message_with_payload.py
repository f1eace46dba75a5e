from __future__ import annotations

import pytest

from sluiceway import Message, Reject
from sluiceway.core.body import decode_text


def test_other_bytes_are_read_as_the_source_reads_its_own() -> None:
    text = Message.received(b"claim", decode_text, id="m-1", headers={"a": "1"}, meta={"queue": "q"})

    after = text.with_payload(b"{}")

    assert (after.payload, after.body) == (b"{}", "{}")
    assert (after.id, after.headers, after.meta) == ("m-1", {"a": "1"}, {"queue": "q"})
    assert text.payload == b"claim"


def test_a_message_that_came_as_no_bytes_reads_them_as_json() -> None:
    before = Message({"claim": 1}, routes=("web",))

    after = before.with_payload(b'{"a": 1}')

    assert (after.body, after.payload, after.routes) == ({"a": 1}, b'{"a": 1}', ("web",))
    assert before.body == {"claim": 1}


def test_the_bytes_are_read_only_when_somebody_asks_for_the_body() -> None:
    after = Message().with_payload(b"{")

    assert after.payload == b"{"
    with pytest.raises(Reject, match="not valid JSON"):
        _ = after.body


def test_a_text_is_sent_as_it_is_and_a_body_of_json_is_not() -> None:
    before = Message({"a": 1}, id="m-1", headers={"h": "1"}, meta={"q": 1}, routes=("web",))

    after = before.with_text("a;b\n")

    assert (after.body, after.payload, after.is_text) == ("a;b\n", b"a;b\n", True)
    assert (after.id, after.headers, after.meta, after.routes) == ("m-1", {"h": "1"}, {"q": 1}, ("web",))
    assert (before.payload, before.is_text) == (b'{"a":1}', False)
    assert (before.with_body("x").payload, before.with_body("x").is_text) == (b'"x"', False)


def test_a_body_that_takes_the_place_of_a_text_is_sent_as_json() -> None:
    after = Message().with_text("a;b").with_body(["a", "b"])

    assert (after.payload, after.is_text) == (b'["a","b"]', False)


def test_a_body_can_be_sent_as_json_where_the_source_gives_text() -> None:
    after = Message.received(b"a", decode_text, id="m-1").with_json("b")

    assert (after.body, after.payload, after.is_text) == ("b", b'"b"', False)
    assert after.with_payload(b'{"a": 1}').body == {"a": 1}


def test_a_text_that_a_text_source_gave_is_a_text() -> None:
    assert Message.received(b"a", decode_text, id="m-1").is_text


def test_half_a_surrogate_pair_cannot_be_sent() -> None:
    with pytest.raises(Reject, match="half of a surrogate pair") as caught:
        _ = Message().with_text("ab\ud800").payload
    assert caught.value.error == "invalid"
