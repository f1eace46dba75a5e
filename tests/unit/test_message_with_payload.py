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
