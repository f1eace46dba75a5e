"""What `aggregator` and `batch` make of a group: its body, headers, meta and routes."""

from __future__ import annotations

from typing import Any

import pytest

from sluiceway import JSON, Gather, Message, Reject
from sluiceway.testing.gathers import CHECKS, Check, Sample
from sluiceway_patterns.aggregator import Aggregator, Batch


def aggregator(**keys: Any) -> Gather:
    return Aggregator.model_validate({"key": {"jmes": "body.order"}, **keys})


def batch(**keys: Any) -> Gather:
    return Batch.model_validate(keys)


BOTH = pytest.mark.parametrize("gather", [aggregator, batch])


def bodies(*bodies: JSON) -> list[Message]:
    return [Message(body, id=f"m{number}") for number, body in enumerate(bodies)]


def combined(gather: Gather, *members: JSON) -> JSON:
    message = gather.combine(bodies(*members))
    assert isinstance(message, Message)
    return message.body


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("combine", ["list", "merge", {"map": {"all": {"jmes": "members[].body"}}}])
def test_a_batch_keeps_the_contract_of_gathers(check: Check, combine: object) -> None:
    check(Sample(batch(size=3, combine=combine), bodies({"a": 1}, {"b": [2]}, {"a": {"c": 3}})))


def test_a_batch_takes_anything_into_one_group_whose_time_is_no_failure() -> None:
    gather = batch()
    assert {gather.key(message) for message in bodies(1, "x", None, {})} == {""}
    assert (gather.incomplete, gather.keyed, gather.max_groups) == ("emit", False, 1)


@BOTH
def test_a_list_has_the_bodies_as_they_came(gather: Any) -> None:
    assert combined(gather(), {"order": 1, "n": 2}, {"order": 1, "n": 1}) == [
        {"order": 1, "n": 2},
        {"order": 1, "n": 1},
    ]


@BOTH
def test_in_a_merge_later_members_win_and_only_objects_can_be_merged(gather: Any) -> None:
    merge = gather(combine="merge")
    assert combined(merge, {"order": 1, "a": 1, "b": {"c": 1}}, {"order": 1, "b": {"d": 2}}) == {
        "order": 1,
        "a": 1,
        "b": {"d": 2},
    }
    with pytest.raises(Reject, match="the body of a member is 7, and only objects can be merged"):
        combined(merge, {"order": 1}, 7)


@BOTH
def test_a_map_sees_the_members_whole_and_the_first_as_itself(gather: Any) -> None:
    made = {
        "first": {"jmes": "body.n"},
        "id": {"jmes": "id"},
        "all": {"jmes": "members[].[id, body.n, headers.h, meta.m]"},
        "count": {"jmes": "length(members)"},
        "lines": {"each": {"jmes": "members"}, "as": {"n": {"jmes": "item.body.n"}, "of": {"jmes": "length(members)"}}},
    }
    members = [Message({"order": 1, "n": n}, id=f"m{n}", headers={"h": "x"}, meta={"m": n}) for n in (5, 6)]
    assert gather(combine={"map": made}).combine(members).body == {
        "first": 5,
        "id": "m5",
        "all": [["m5", 5, "x", 5], ["m6", 6, "x", 6]],
        "count": 2,
        "lines": [{"n": 5, "of": 2}, {"n": 6, "of": 2}],
    }


def test_a_map_sees_the_key() -> None:
    assert combined(aggregator(combine={"map": {"order": {"jmes": "key"}}}), {"order": 7}) == {"order": "7"}


@BOTH
def test_what_a_map_cannot_make_is_rejected_with_its_place(gather: Any) -> None:
    made = {"lines": {"each": {"jmes": "members"}, "as": {"n": {"jmes": "item.body.n", "type": "integer"}}}}
    with pytest.raises(Reject, match=r'lines\.1\.n: item\.body\.n is "x", not an integer') as caught:
        combined(gather(combine={"map": made}), {"order": 1, "n": 1}, {"order": 1, "n": "x"})
    assert caught.value.error == "invalid"


@BOTH
def test_headers_and_meta_are_what_all_share_and_routes_are_those_of_any(gather: Any) -> None:
    first = Message({"order": 1}, headers={"all": "x", "n": "1"}, meta={"queue": "q", "receive_count": 1, "no": None})
    second = Message({"order": 1}, headers={"all": "x", "n": "2"}, meta={"queue": "q", "receive_count": 2})
    message = gather().combine([first.evolve(id="m1").to("vip"), second.evolve(id="m2").to("rest", "vip")])
    assert (message.headers, message.meta, message.routes) == ({"all": "x"}, {"queue": "q"}, ("vip", "rest"))
    typed = [
        first.evolve(meta={"header_types": {"all": "Number", "n": "Number"}}),
        second.evolve(meta={"header_types": {"all": "Number", "n": "String.x"}}),
    ]
    assert gather().combine(typed).meta == {"header_types": {"all": "Number"}}
    message = gather().combine([first])
    assert (message.headers, message.meta) == (first.headers, first.meta)


@pytest.mark.parametrize(
    ("places", "sorted_"),
    [
        ([3, 1, 2], [1, 2, 3]),
        (["10", "9", 1.5], [1.5, "9", "10"]),
        (["b", "a", 2], [2, "a", "b"]),
        ([True, 1], None),
    ],
)
def test_an_aggregator_sorts_by_number_then_by_text(places: list[JSON], sorted_: list[JSON] | None) -> None:
    gather = aggregator(order={"jmes": "body.place"}, combine={"map": {"jmes": "members[].body.place"}})
    members: list[JSON] = [{"order": 1, "place": place} for place in places]
    if sorted_ is None:
        with pytest.raises(Reject, match="neither a number nor text"):
            combined(gather, *members)
    else:
        assert combined(gather, *members) == sorted_


def test_members_of_the_same_place_stay_as_they_came() -> None:
    gather = aggregator(order={"jmes": "body.place"}, combine={"map": {"jmes": "members[].id"}})
    members: list[JSON] = [{"order": 1, "place": place} for place in (2, 1, 1.0, "1")]
    assert combined(gather, *members) == ["m1", "m2", "m3", "m0"]
