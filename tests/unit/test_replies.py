"""`correlation_id`, `return_address.set` and `return_address`: requests, and the replies that belong to them."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from sluiceway import JSON, Drop, Message, Reject
from sluiceway_patterns.replies import CorrelationId, ReturnAddress, SetReturnAddress

FROM = {"from": {"jmes": "body.no"}}


def correlated(message: Message, **settings: Any) -> Message:
    return CorrelationId.model_validate(settings).process(message)


def known(message: Message, **settings: Any) -> str:
    return correlated(message, **settings).headers["correlation-id"]


def test_an_id_that_is_there_is_kept_whatever_else_there_is() -> None:
    message = Message({"no": "A-1"}, id="m1", headers={"correlation-id": "C-1"})
    assert correlated(message, **FROM) is message
    assert correlated(message, header="x-trace").headers == {"correlation-id": "C-1", "x-trace": "m1"}


@pytest.mark.parametrize(
    ("no", "wanted"), [("A-1", "A-1"), (7, "7"), (1.5, "1.5"), (None, "m1"), ("", "m1"), ("Grüße", "Grüße")]
)
def test_else_it_is_the_value_and_else_the_message_s_own(no: JSON, wanted: str) -> None:
    assert known(Message({"no": no}, id="m1"), **FROM) == wanted
    assert known(Message({"no": no}, id="m1", headers={"correlation-id": ""}), **FROM) == wanted
    assert known(Message({"no": no}, id="m1")) == "m1"


@pytest.mark.parametrize(
    ("no", "error"),
    [
        ([], "invalid"),
        ({}, "invalid"),
        (True, "invalid"),
        ("a\r\nb: c", "invalid"),
        (" a", "invalid"),
        ("a\x00", "invalid"),
        ("\ud800", "invalid"),
        ("😀" * 1025, "oversize"),
    ],
)
def test_what_no_header_can_carry_is_rejected(no: JSON, error: str) -> None:
    with pytest.raises(Reject, match=r"^from \(body.no\) ") as caught:
        known(Message({"no": no}), **FROM)
    assert caught.value.error == error


def test_the_id_goes_into_the_body_too_and_the_old_body_stays() -> None:
    body: JSON = {"no": "A-1", "trace": {"span": 1}}
    message = Message(body, id="m1")
    assert correlated(message, into="trace.id").body == {"no": "A-1", "trace": {"span": 1, "id": "m1"}}
    assert body == {"no": "A-1", "trace": {"span": 1}}
    assert correlated(Message({}, headers={"correlation-id": "C"}), into="id").body == {"id": "C"}
    with pytest.raises(Reject, match="body is not an object"):
        correlated(Message("text"), into="id")


def test_the_header_must_be_forwarded_unless_the_body_has_the_id() -> None:
    assert CorrelationId.model_validate({}).required_headers() == ("correlation-id",)
    assert CorrelationId.model_validate({"into": "id"}).required_headers() == ()


def test_it_tells_where_the_id_comes_from() -> None:
    stage = CorrelationId.model_validate(FROM)
    assert stage.branches() == (("header",), ("from",))

    def taken(message: Message) -> list[tuple[Any, bool]]:
        return [(decision.place, decision.taken) for decision in stage.decisions(message)]

    assert taken(Message({"no": 1}, headers={"correlation-id": "C"})) == [(("header",), True)]
    assert taken(Message({"no": 1})) == [(("header",), False), (("from",), True)]
    assert taken(Message({})) == [(("header",), False), (("from",), False)]


# Return address.


def test_the_requestor_s_address_takes_the_place_of_any_other() -> None:
    stage = SetReturnAddress.model_validate({"address": "ours"})
    assert stage.process(Message(headers={"reply-to": "theirs", "a": "b"})).headers == {"reply-to": "ours", "a": "b"}
    assert stage.required_headers() == ("reply-to",)


def test_a_header_that_came_with_another_type_is_text_when_we_have_written_it() -> None:
    stage = SetReturnAddress.model_validate({"address": "ours"})
    message = Message(headers={"reply-to": "1"}, meta={"header_types": {"reply-to": "Number", "n": "Number"}, "q": "x"})
    assert stage.process(message).meta == {"header_types": {"n": "Number"}, "q": "x"}


@pytest.mark.parametrize("address", ["", "a b", "a\nb", "x" * 1025])
def test_an_address_that_no_header_can_carry_is_refused(address: str) -> None:
    with pytest.raises(ValidationError):
        SetReturnAddress.model_validate({"address": address})


def replied(address: str | None, **settings: Any) -> tuple[str, ...] | str:
    stage = ReturnAddress.model_validate({"addresses": {"https://a/replies": "a", "queue": "q"}, **settings})
    headers = {} if address is None else {"reply-to": address}
    result = stage.process(Message(headers=headers, routes=("before",)))
    return result.reason if isinstance(result, Drop) else result.routes


def test_a_reply_goes_to_the_route_of_the_address_and_to_no_address_that_is_not_named() -> None:
    assert replied("https://a/replies") == ("a",)
    assert replied("queue") == ("q",)
    for unknown in ("https://evil/", "QUEUE", "q", "", None):
        with pytest.raises(Reject, match="the known addresses are https://a/replies, queue") as caught:
            replied(unknown)
        assert caught.value.error == "unroutable"
        assert replied(unknown, otherwise="drop") == "no route for it"
        assert replied(unknown, otherwise={"to": "z"}) == ("z",)


def test_a_return_address_tells_which_one_it_is() -> None:
    stage = ReturnAddress.model_validate({"addresses": {"queue": "q"}, "otherwise": {"to": "z"}})
    assert stage.labels() == ("q", "z")
    assert stage.branches() == (("addresses", "queue"), ("otherwise",))
    assert [d.place for d in stage.decisions(Message(headers={"reply-to": "queue"}))] == [("addresses", "queue")]
    assert [d.place for d in stage.decisions(Message())] == [("otherwise",)]
