"""`routing_slip`: one step is taken, the rest goes on, and only steps that are named."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluiceway import JSON, Drop, Message, Reject
from sluiceway.testing import run_pipeline
from sluiceway_patterns.slip import RoutingSlip


def slip(**more: Any) -> RoutingSlip:
    return RoutingSlip.model_validate({"steps": ["a", "b", "c"], **more})


def taken(message: Message, **more: Any) -> tuple[tuple[str, ...], str | None]:
    result = slip(**more).process(message)
    assert isinstance(result, Message)
    return result.routes, result.headers.get("sluiceway-slip")


@given(steps=st.lists(st.sampled_from("abc"), min_size=1, max_size=50), blank=st.sampled_from(["", " ", ", ,"]))
def test_the_steps_are_taken_one_by_one_until_none_is_left(steps: list[str], blank: str) -> None:
    message = Message(headers={"sluiceway-slip": blank + f",{blank}".join(steps)})
    walked: list[str] = []
    stage = slip(otherwise="drop")
    while isinstance(result := stage.process(message), Message):
        walked += result.routes
        message = result
    assert walked == steps
    assert result == Drop("no route for it")
    assert message.headers == {"sluiceway-slip": ","}


@pytest.mark.parametrize("body", [["b", "a"], "b, a"])
def test_without_the_header_the_slip_is_computed_and_with_it_never_again(body: JSON) -> None:
    first = slip(**{"from": {"jmes": "body"}}).process(Message(body))
    assert isinstance(first, Message)
    assert (first.routes, first.headers) == (("b",), {"sluiceway-slip": "a"})
    assert taken(first, **{"from": {"jmes": "body"}}) == (("a",), ",")
    used_up = Message(body, headers={"sluiceway-slip": ","})
    assert taken(used_up, **{"from": {"jmes": "body"}, "otherwise": {"to": "z"}}) == (("z",), ",")


def test_only_the_next_step_must_be_one_of_ours() -> None:
    assert taken(Message(headers={"sluiceway-slip": "a,elsewhere"})) == (("a",), "elsewhere")
    with pytest.raises(Reject, match=r'the slip\'s next step is "elsewhere"; here a, b, c may come') as caught:
        slip().process(Message(headers={"sluiceway-slip": "elsewhere,a"}))
    assert caught.value.error == "unroutable"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (5, "not a list of steps"),
        ({}, "not a list of steps"),
        ([1], "not the name of a step"),
        (["a", ""], "not the name"),
        (["a,b"], "not the name of a step"),
        (["a"] * 51, "the slip has 51 steps; it may have 50"),
        (["a", "b\n"], ""),
    ],
)
def test_what_is_no_slip_is_rejected(body: JSON, reason: str) -> None:
    if not reason:
        assert taken(Message(body), **{"from": {"jmes": "body"}}) == (("a",), "b")
        return
    with pytest.raises(Reject, match=reason) as caught:
        slip(**{"from": {"jmes": "body"}}).process(Message(body))
    assert caught.value.error == "invalid"


@pytest.mark.parametrize(("rest", "error"), [("b\r\nc", "invalid"), ("x" * 1025, "oversize"), ("b\x00", "invalid")])
def test_what_no_header_can_carry_is_not_written_into_one(rest: str, error: str) -> None:
    with pytest.raises(Reject) as caught:
        slip(**{"from": {"jmes": "body"}}).process(Message(["a", rest]))
    assert caught.value.error == error


@pytest.mark.parametrize("message", [Message(), Message(headers={"sluiceway-slip": " , "})])
def test_a_message_without_a_step_goes_as_otherwise_says(message: Message) -> None:
    with pytest.raises(Reject, match="there is no step on the slip") as caught:
        slip().process(message)
    assert caught.value.error == "unroutable"
    assert slip(otherwise={"to": "z"}).labels() == ("a", "b", "c", "z")


def test_decisions_name_the_step_and_what_is_left() -> None:
    (decision,) = slip().decisions(Message(headers={"sluiceway-slip": "b,c"}))
    assert (decision.place, decision.text) == (("steps", 1), "the next step is b, c left")
    (decision,) = slip(otherwise="drop").decisions(Message())
    assert decision.place == ("otherwise",)


def test_several_slips_in_one_pipeline_take_one_step_each() -> None:
    ran = run_pipeline(
        """
version: 1
name: steps
source: {use: memory}
stages:
  - {id: one, use: routing_slip, with: {steps: [a, b], from: {jmes: body.steps}}}
  - {id: two, use: routing_slip, with: {steps: [a, b], from: {jmes: body.steps}, otherwise: {to: done}}}
sinks:
  - {id: out, use: memory, with: {forward: [sluiceway-slip]}}
""",
        [{"body": {"steps": ["a", "b"]}}, {"body": {"steps": ["a"]}}],
    )
    assert [(m.routes, m.headers["sluiceway-slip"]) for m in ran.sinks["out"]] == [(("b",), ","), (("done",), ",")]
