"""`aggregator`: which group a message belongs to, when it is complete, and which files are refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from sluiceway import JSON, Message, Reject
from sluiceway.core.body import decode_text
from sluiceway.testing.gathers import CHECKS, Check, Sample, what_is_wrong_is_rejected
from sluiceway.testing.strategies import messages
from sluiceway_patterns.aggregator import Aggregator

KEY = {"jmes": "body.order"}
OF = {"count": {"jmes": "body.of"}}
LAST = {"when": {"body": {"last": [True]}}}
OVER = {"when": {"jmes": "sum(members[].body.n) >= `6`"}}
MAP = {"map": {"order": {"jmes": "key"}, "parts": {"each": {"jmes": "members"}, "as": {"jmes": "item.body.n"}}}}


def aggregator(**keys: Any) -> Aggregator:
    return Aggregator.model_validate({"key": KEY, **keys})


def parts(*numbers: int, **more: JSON) -> list[Message]:
    return [Message({"order": "A", "n": n, **more}, id=f"m{n}") for n in numbers]


def rejected(gather: Aggregator, body: JSON) -> tuple[str, str]:
    with pytest.raises(Reject) as caught:
        gather.key(Message(body))
    return caught.value.error, caught.value.reason


# The contract.

SETTINGS: dict[str, tuple[dict[str, Any], list[Message]]] = {
    "count": ({"complete": OF}, parts(3, 1, 2, of=3)),
    "a fixed count, sorted": ({"complete": {"count": 2}, "order": {"jmes": "body.n"}}, parts(2, 1)),
    "a pattern": (
        {"complete": LAST, "combine": "merge"},
        [*parts(1, 2), Message({"order": "A", "last": True}, id="m3")],
    ),
    "a condition, a map": ({"complete": OVER, "combine": MAP}, parts(1, 2, 3)),
    "size": ({"size": 2, "combine": {"map": {"jmes": "members"}}}, parts(1, 2)),
    "time": ({"incomplete": "emit", "combine": {"map": {"jmes": "members[].body.n"}}}, parts(1, 2)),
}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", SETTINGS)
def test_it_keeps_the_contract_of_gathers(check: Check, name: str) -> None:
    keys, members = SETTINGS[name]
    check(Sample(aggregator(**keys), members))


LIKE = messages(*({"body": {"order": "A", "n": n, "of": 2, "last": n == 2}} for n in (1, 2)))


@settings(max_examples=200)
@given(name=st.sampled_from(sorted(SETTINGS)), drawn=st.lists(LIKE, min_size=1, max_size=4))
def test_whatever_the_messages_are_what_is_wrong_is_rejected(name: str, drawn: list[Message]) -> None:
    members = [message.evolve(id=f"m{number}") for number, message in enumerate(drawn)]
    what_is_wrong_is_rejected(Sample(aggregator(**SETTINGS[name][0]), members))


# The key.


@pytest.mark.parametrize(
    ("order", "key"),
    [("A", "A"), (1, "1"), (1.0, "1"), ("1", "1"), (1.5, "1.5"), (True, "true"), ("é" * 512, "é" * 512)],
)
def test_a_key_is_the_text_of_a_scalar(order: JSON, key: str) -> None:
    assert aggregator().key(Message({"order": order})) == key


@pytest.mark.parametrize(
    ("order", "error", "reason"),
    [
        (None, "missing", "its group's key, body.order, is missing or null"),
        ("", "missing", "its group's key, body.order, is missing or null"),
        ([1], "invalid", "its group's key, body.order, is a list, not text, a number or a boolean"),
        ({}, "invalid", "its group's key, body.order, is an object, not text, a number or a boolean"),
        ("\ud800", "invalid", "its group's key, body.order, cannot be written as text"),
        ("é" * 513, "oversize", "its group's key has 1026 bytes; at most 1024 are kept"),
    ],
)
def test_a_message_without_such_a_key_is_rejected(order: JSON, error: str, reason: str) -> None:
    assert rejected(aggregator(), {"order": order}) == (error, reason)


def test_the_decision_names_the_group() -> None:
    (decision,) = aggregator().decisions(parts(1)[0])
    assert (decision.place, decision.text, decision.taken) == (("key",), "its group is 'A'", True)


# Completion.


def complete(gather: Aggregator, *bodies: Mapping[str, JSON]) -> bool:
    return gather.complete([Message({"order": "A", **body}, id=str(n)) for n, body in enumerate(bodies)])


def test_it_is_complete_when_as_many_are_there_as_a_member_says() -> None:
    of = aggregator(complete=OF)
    assert [complete(of, *[{"of": 3}] * n) for n in (1, 2, 3, 4)] == [False, False, True, True]
    assert complete(of, {}, {"of": "2"})
    assert not complete(of, {}, {})
    assert not complete(of, {"of": 2}, {"of": 3}), "the largest holds"
    assert [complete(aggregator(complete={"count": 2}), *[{}] * n) for n in (1, 2)] == [False, True]


def test_it_is_complete_when_one_of_its_members_matches() -> None:
    last = aggregator(complete=LAST)
    assert [complete(last, {}, {}), complete(last, {}, {"last": True}), complete(last, {"last": True}, {})] == [
        False,
        True,
        True,
    ]


def test_it_is_complete_when_the_condition_over_the_group_is_true_and_not_merely_something() -> None:
    over = aggregator(complete=OVER)
    assert [complete(over, {"n": 2}, {"n": 3}), complete(over, {"n": 2}, {"n": 4})] == [False, True]
    assert not complete(aggregator(complete={"when": {"jmes": "members"}}), {})
    with pytest.raises(Reject, match="sum"):
        complete(over, {"n": "two"})


def test_without_a_condition_nothing_but_size_and_time_close_it() -> None:
    assert not complete(aggregator(), *[{}] * 9)


@pytest.mark.parametrize(
    ("body", "error", "reason"),
    [
        ({"of": 0}, "invalid", "the count of its group, body.of, is 0, not a number of members"),
        ({"of": "many"}, "invalid", 'the count of its group, body.of, is "many", not a number of members'),
        ({"of": 11}, "oversize", "its group has 11 members, and `size` allows 10"),
        ({"place": None}, "missing", "its place in its group, body.place, is missing or null"),
        ({"place": [1]}, "invalid", "its place in its group, body.place, is a list, neither a number nor text"),
    ],
)
def test_a_member_that_says_what_cannot_be_is_rejected_by_itself(body: JSON, error: str, reason: str) -> None:
    gather = aggregator(complete=OF, order={"jmes": "body.place"})
    assert isinstance(body, dict)
    assert rejected(gather, {"order": "A", "place": 1, **body}) == (error, reason)


def test_a_member_that_cannot_be_read_is_rejected_before_it_joins_by_its_headers() -> None:
    by_header = Aggregator.model_validate({"key": {"jmes": "headers.order"}})
    broken = Message.received(b"\xff", decode_text, id="m1", headers={"order": "A"})
    with pytest.raises(Reject, match="the body is not UTF-8"):
        by_header.key(broken)


def test_what_still_waits_when_size_closes_it_is_incomplete_unless_that_is_to_be_sent() -> None:
    for waits in (OF, LAST, OVER):
        with pytest.raises(Reject) as caught:
            aggregator(complete=waits, size=2).combine(parts(1, 2))
        assert (caught.value.error, "`size` (2)" in caught.value.reason) == ("incomplete", True)
        assert aggregator(complete=waits, size=2, incomplete="emit").combine(parts(1, 2)).body
    assert aggregator(size=2).combine(parts(1, 2)).body


# Files.


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"key": "body.order"}, "is the same for every message, and must come from it"),
        ({"key": 7}, "is the same for every message, and must come from it"),
        ({"key": {"jmes": "boddy.order"}}, "there is no `boddy`"),
        ({"order": "body.n"}, "is the same for every message"),
        (
            {"complete": {"count": "body.of"}},
            '"body.of" is no count of members, which is at least 1: write {jmes: body.of}',
        ),
        ({"complete": {"count": 0}}, "0 is no count of members"),
        ({"complete": {"count": True}}, "true is no count of members"),
        ({"complete": {"count": 11}}, "a group has at most `size` members, so it never has 11: add size: 11"),
        ({"complete": {"when": {"last": [True]}}}, "there is no `last` but id, body, headers, meta"),
        ({"complete": {"when": {"$or": [{"bodi": {"n": [1]}}, {"id": ["x"]}]}}}, "did you mean body?"),
        ({"complete": {"when": {"jmes": "member[].body"}}}, "there is no `member`"),
        ({"complete": {"when": {"jmes": "members[", "x": 1}}}, "x"),
        ({"combine": "join"}, "combine"),
        ({"combine": {"map": {"n": {"jmes": "item.n"}}}}, "there is no `item`"),
        ({"combine": {"map": "members"}}, "an expression is written {jmes: …}"),
        ({"combine": {"map": {"jmes": "members", "optional": True}}}, "cannot be left out"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused(keys: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError) as caught:
        aggregator(**keys)
    assert says in str(caught.value)
