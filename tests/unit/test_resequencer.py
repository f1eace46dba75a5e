"""`resequencer`: when a sequence is complete, and in which order it goes on."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sluiceway import JSON, Message, Reject
from sluiceway.testing.gathers import CHECKS, Check, Sample, what_is_wrong_is_rejected
from sluiceway.testing.strategies import messages
from sluiceway_patterns.resequencer import Resequencer


def resequencer(**keys: Any) -> Resequencer:
    usual = {"key": {"jmes": "body.order"}, "number": {"jmes": "body.n"}, "count": {"jmes": "body.of"}}
    return Resequencer.model_validate({**usual, **keys})


def steps(*numbers: JSON, **more: JSON) -> list[Message]:
    return [Message({"order": "A", "n": n, **more}, id=f"m{place}") for place, n in enumerate(numbers)]


def numbers(members: Any) -> list[JSON]:
    return [member.body["n"] for member in members]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize(
    ("keys", "members"),
    [
        ({}, steps(3, 1, 2, of=3)),
        ({"count": 2}, steps("10", "9")),
        ({"count": None, "size": 2}, steps(7, 7)),
        ({"incomplete": "emit"}, steps(3, 1, of=3)),
    ],
)
def test_it_keeps_the_contract_of_gathers(check: Check, keys: dict[str, Any], members: list[Message]) -> None:
    check(Sample(resequencer(**keys), members))


LIKE = messages(*({"body": {"order": "A", "n": n, "of": 2}} for n in (1, 2)))


@given(drawn=st.lists(LIKE, min_size=1, max_size=4))
def test_whatever_the_messages_are_what_is_wrong_is_rejected(drawn: list[Message]) -> None:
    members = [message.evolve(id=f"m{number}") for number, message in enumerate(drawn)]
    what_is_wrong_is_rejected(Sample(resequencer(incomplete="emit"), members))


@given(st.permutations(range(1, 8)))
def test_a_sequence_is_complete_at_its_last_number_and_goes_on_in_order(arrived: list[int]) -> None:
    gather, members = resequencer(), steps(*arrived, of=7)
    assert [gather.complete(members[:n]) for n in range(1, 8)] == [False] * 6 + [True]
    out = gather.combine(members)
    assert numbers(out) == [1, 2, 3, 4, 5, 6, 7]
    assert {id(member) for member in out} == {id(member) for member in members}, "they go on as they are"


def test_where_the_numbers_begin_does_not_matter_and_one_member_may_know_how_many_there_are() -> None:
    gather = resequencer()
    assert gather.complete([*steps(-1, 0), *steps(1, of=3)])
    assert not gather.complete([*steps(5), *steps(6, of=3)])
    assert not gather.complete(steps(1, 2, 3))
    assert not gather.complete([*steps(1, of=2), *steps(2, of=3)]), "the largest holds"


def test_a_number_that_comes_twice_counts_once_and_both_go_on_in_the_order_in_which_they_came() -> None:
    gather, members = resequencer(), steps(2, 1, 2, of=3)
    assert not gather.complete(members)
    whole = [*members, *steps(3, of=3)]
    assert gather.complete(whole)
    assert gather.combine(whole) == [members[1], members[0], members[2], whole[3]]


def test_numbers_are_compared_as_numbers() -> None:
    assert numbers(resequencer(count=None).combine(steps("10", 9, 1.0, "-3", 2**63))) == ["-3", 1.0, 9, "10", 2**63]


def test_a_gap_at_size_is_incomplete_and_sent_in_order_if_that_is_wanted() -> None:
    members = steps(4, 1, of=3)
    with pytest.raises(Reject) as caught:
        resequencer(size=3).combine(members)
    assert caught.value.error == "incomplete"
    assert numbers(resequencer(size=3, incomplete="emit").combine(members)) == [1, 4]


@pytest.mark.parametrize(
    ("body", "error", "reason"),
    [
        ({"n": None}, "missing", "its number, body.n, is missing or null"),
        ({"n": 1.5}, "invalid", "its number, body.n, is 1.5, not an integer of 64 bits"),
        ({"n": True}, "invalid", "its number, body.n, is true, not an integer of 64 bits"),
        ({"n": 2**64}, "invalid", "its number, body.n, is 18446744073709551616, not an integer of 64 bits"),
        ({"of": 11}, "oversize", "its group has 11 members, and `size` allows 10"),
        ({"of": "all"}, "invalid", 'the count of its group, body.of, is "all", not a number of members'),
        ({"order": None}, "missing", "its group's key, body.order, is missing or null"),
    ],
)
def test_a_message_that_has_no_place_is_rejected_by_itself(body: dict[str, JSON], error: str, reason: str) -> None:
    with pytest.raises(Reject) as caught:
        resequencer().key(Message({"order": "A", "n": 1, "of": 3, **body}))
    assert (caught.value.error, caught.value.reason) == (error, reason)


def test_the_decisions_name_the_sequence_and_the_place() -> None:
    decisions = resequencer().decisions(steps(3)[0])
    assert [(decision.place, decision.text) for decision in decisions] == [
        (("key",), "its sequence is 'A'"),
        (("number",), "its number is 3"),
    ]


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"number": "body.n"}, "is the same for every message"),
        ({"key": "body.order"}, "is the same for every message"),
        ({"count": "body.of"}, "write {jmes: body.of}"),
        ({"count": 20}, "add size: 20"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused(keys: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError) as caught:
        resequencer(**keys)
    assert says in str(caught.value)
