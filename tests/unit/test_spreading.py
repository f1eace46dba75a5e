"""`sampler` and `load_balancer`: shares that are kept, and the same answer every time."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from sluiceway import JSON, Drop, Message, Reject
from sluiceway_patterns.spreading import LoadBalancer, Sampler, spread_key

BY = {"jmes": "body.by"}
IDS = [f"id-{number}" for number in range(4000)]


def sampler(keep: str, **more: Any) -> Sampler:
    return Sampler.model_validate({"keep": keep, **more})


def kept(keep: str, ids: list[str] = IDS) -> set[str]:
    stage = sampler(keep)
    return {name for name in ids if isinstance(stage.process(Message(id=name)), Message)}


def balanced(routes: Any, ids: list[str] = IDS) -> dict[str, str]:
    stage = LoadBalancer.model_validate({"routes": routes})
    return {name: stage.process(Message(id=name)).routes[0] for name in ids}


# Sampler.


@pytest.mark.parametrize(
    ("keep", "share"), [("10%", 0.1), ("1/3", 1 / 3), ("0.5%", 0.005), ("100%", 1.0), ("50 %", 0.5)]
)
def test_the_share_is_kept(keep: str, share: float) -> None:
    assert len(kept(keep)) / len(IDS) == pytest.approx(share, abs=0.02)


def test_a_larger_share_holds_the_smaller_one() -> None:
    assert kept("1%") < kept("10%") < kept("60%") < kept("100%") == set(IDS)


def test_what_is_not_kept_is_dropped_under_one_reason() -> None:
    outcomes = {str(sampler("1/1000000").process(Message(id=name))) for name in IDS[:50]}
    assert outcomes == {str(Drop("not in the sample"))}


@pytest.mark.parametrize("keep", ["0%", "101%", "0/5", "1/0", "2/1", "ten", "", "10", "-1%", 0.1, 1, None, True, "٣%"])
def test_what_is_no_share_is_refused(keep: object) -> None:
    with pytest.raises(ValidationError, match=r"expected a share .*: 10%, 0.5% or 1/100"):
        Sampler.model_validate({"keep": keep})


def test_what_belongs_together_is_kept_together() -> None:
    stage = sampler("50%", by=BY)
    for by in ("a", "b", "c", 1, True):
        results = {type(stage.process(Message({"by": by}, id=name))) for name in IDS[:20]}
        assert len(results) == 1
    assert len({type(stage.process(Message({"by": name}))) for name in IDS[:20]}) == 2


def test_a_sampler_tells_where_the_message_is() -> None:
    (decision,) = sampler("100%").decisions(Message(id="a"))
    assert decision.taken
    assert decision.text.endswith("what is below 1 is kept")


# What is hashed.


@pytest.mark.parametrize(
    ("value", "error"), [(None, "missing"), ([], "invalid"), ({}, "invalid"), (float("nan"), "invalid")]
)
def test_what_is_no_value_cannot_be_placed(value: JSON, error: str) -> None:
    for stage in (sampler("50%", by=BY), LoadBalancer.model_validate({"routes": ["a"], "by": BY})):
        with pytest.raises(Reject, match=r"by \(body.by\)") as caught:
            stage.process(Message({"by": value}))
        assert caught.value.error == error


def test_numbers_are_equal_by_value() -> None:
    by = sampler("50%", by=BY).by
    assert spread_key(by, Message({"by": 7})) == spread_key(by, Message({"by": 7.0})) == "7"


# Load balancer.


@pytest.mark.parametrize(
    ("routes", "shares"),
    [
        (["a", "b"], {"a": 0.5, "b": 0.5}),
        ({"a": 3, "b": 1}, {"a": 0.75, "b": 0.25}),
        ({"a": 1, "b": 0}, {"a": 1.0}),
        ({"a": 5, "b": 3, "c": 2}, {"a": 0.5, "b": 0.3, "c": 0.2}),
    ],
)
def test_each_route_gets_its_share(routes: Any, shares: dict[str, float]) -> None:
    counts = Counter(balanced(routes).values())
    assert {label: count / len(IDS) for label, count in counts.items()} == pytest.approx(shares, abs=0.03)


weights = st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 5), min_size=1)


@settings(max_examples=30)
@given(before=weights, label=st.sampled_from("xyz"), weight=st.integers(1, 5))
def test_a_new_route_takes_messages_and_moves_no_other(before: dict[str, int], label: str, weight: int) -> None:
    ids = IDS[:200]
    old, new = balanced(before, ids), balanced({label: weight, **before}, ids)
    assert all(new[name] in (old[name], label) for name in ids)


@settings(max_examples=30)
@given(before=weights, data=st.data())
def test_a_route_that_is_taken_out_moves_its_own_messages_alone(before: dict[str, int], data: st.DataObject) -> None:
    gone = data.draw(st.sampled_from(sorted(before)))
    ids = IDS[:200]
    old, new = balanced({**before, "rest": 1}, ids), balanced({**before, gone: 0, "rest": 1}, ids)
    assert all(new[name] == old[name] for name in ids if old[name] != gone)
    assert gone not in new.values()


def test_the_order_in_the_file_does_not_matter_and_routes_of_before_are_replaced() -> None:
    assert balanced(["a", "b", "c"]) == balanced(["c", "a", "b"]) == balanced({"b": 2, "c": 2, "a": 2})
    stage = LoadBalancer.model_validate({"routes": ["a"]})
    assert stage.process(Message(routes=("z",))).routes == ("a",)


def test_these_answers_never_change_or_messages_would_move_at_an_upgrade() -> None:
    assert [balanced({"a": 3, "b": 1}, [name])[name] for name in IDS[:12]] == list("aaababaabbaa")
    assert sorted(kept("30%", IDS[:12])) == ["id-0", "id-11", "id-2", "id-4", "id-6", "id-7", "id-8", "id-9"]


def test_a_sample_is_not_sent_all_to_one_route() -> None:
    counts = Counter(balanced(["a", "b"], sorted(kept("10%"))).values())
    assert min(counts.values()) > 0.4 * sum(counts.values())


@pytest.mark.parametrize("routes", [[], {}, {"a": 0}, {"a": -1}, {"a": 1.5}, {"a": 1001}, [""], "a", 5])
def test_what_is_no_set_of_routes_is_refused(routes: object) -> None:
    with pytest.raises(ValidationError):
        LoadBalancer.model_validate({"routes": routes})


def test_a_balancer_declares_every_route_and_wants_those_with_weight_tested() -> None:
    stage = LoadBalancer.model_validate({"routes": {"a": 1, "b": 0}, "by": BY})
    assert stage.labels() == ("a", "b")
    assert stage.branches() == (("routes", "a"),)
    (decision,) = stage.decisions(Message({"by": "x"}))
    assert (decision.place, decision.text) == (
        ("routes", "a"),
        'by (body.by) is "x", for which a has the highest score',
    )
    listed = LoadBalancer.model_validate({"routes": ["a", "b"]})
    assert {place for name in IDS[:20] for (place, *_) in [[d.place for d in listed.decisions(Message(id=name))]]} == {
        ("routes", 0),
        ("routes", 1),
    }
