"""Routers and their kin on any message: nothing but their own answers, on declared routes, as they say they decide."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluiceway import JSON, Bypass, Drop, Message, Reject, Stage
from sluiceway_patterns.destinations import DynamicRouter, RecipientList
from sluiceway_patterns.expiration import MessageExpiration
from sluiceway_patterns.replies import CorrelationId, ReturnAddress, SetReturnAddress
from sluiceway_patterns.routing import Filter, Router
from sluiceway_patterns.slip import RoutingSlip
from sluiceway_patterns.spreading import LoadBalancer, Sampler
from sluiceway_patterns.tapping import Detour, WireTap

A = {"jmes": "body.a"}
PATTERN = {"body": {"a": ["x", 1]}}

STAGES: dict[str, Stage] = {
    "filter": Filter.model_validate({"pattern": PATTERN}),
    "router": Router.model_validate({"routes": [{"to": "x", "when": PATTERN}], "otherwise": {"to": "z"}}),
    "router of body": Router.model_validate({"of": "body", "routes": [{"to": "x", "when": {"a": ["x"]}}]}),
    "dynamic_router": DynamicRouter.model_validate({"to": A, "routes": {"x": "x", "1": "y"}}),
    "dynamic_router of names": DynamicRouter.model_validate({"to": A, "routes": ["x", "y"], "otherwise": "drop"}),
    "recipient_list": RecipientList.model_validate({"to": A, "recipients": ["x", "y"], "otherwise": "drop"}),
    "recipient_list that ignores": RecipientList.model_validate(
        {"to": A, "recipients": ["x", "y"], "unknown": "ignore"}
    ),
    "routing_slip": RoutingSlip.model_validate({"steps": ["x", "y"], "from": A, "otherwise": {"to": "z"}}),
    "wire_tap": WireTap.model_validate({"to": "x", "when": PATTERN}),
    "wire_tap of all": WireTap.model_validate({"to": "x"}),
    "detour": Detour.model_validate({"to": "x", "active": True, "when": PATTERN}),
    "detour of all": Detour.model_validate({"to": "x", "active": True}),
    "detour off": Detour.model_validate({"to": "x", "active": False}),
    "sampler": Sampler.model_validate({"keep": "50%", "by": A}),
    "load_balancer": LoadBalancer.model_validate({"routes": {"x": 2, "y": 1, "z": 0}, "by": A}),
    "load_balancer of ids": LoadBalancer.model_validate({"routes": ["x", "y"]}),
    "message_expiration": MessageExpiration.model_validate({"at": A, "expired": {"to": "x"}}),
    "message_expiration after": MessageExpiration.model_validate({"after": "1h"}),
    "correlation_id": CorrelationId.model_validate({"from": A, "into": "b.c"}),
    "return_address": ReturnAddress.model_validate({"addresses": {"x": "x"}, "header": "a"}),
    "return_address.set": SetReturnAddress.model_validate({"address": "queue"}),
}

texts = st.sampled_from(["x", "y", "x,y", ",", "1", "2026-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59"]) | st.text(
    st.characters(), max_size=12
)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=3))
bodies = values | st.fixed_dictionaries({"a": values}, optional={"b": values})
heads = st.dictionaries(st.sampled_from(["a", "sluiceway-slip", "correlation-id"]), texts, max_size=3)
metas = st.fixed_dictionaries({}, optional={"sent_at": values, "header_types": values})


def rejection(call: Callable[[Message], object], message: Message) -> tuple[str, str] | None:
    """Return the reason and the class with which a message is rejected; None when it is not."""
    try:
        call(message)
    except Reject as reject:
        return reject.reason, reject.error
    return None


def results(stage: Stage, message: Message) -> list[Message]:
    """Return the messages that a stage makes of one, which may be none; other ends are as allowed."""
    if rejected := rejection(stage.process, message):
        assert len(rejected[0]) < 500
        return []
    result: Any = stage.process(message)
    made = result if isinstance(result, list) else [result]
    if isinstance(result, Drop):
        assert result.reason in {"no pattern matched", "no route for it", "not in the sample", "expired"}
        return []
    return [each.message if isinstance(each, Bypass) else each for each in made]


@pytest.mark.parametrize("name", STAGES)
@settings(max_examples=25, deadline=None)
@given(body=bodies, headers=heads, meta=metas, who=texts)
def test_any_message_is_answered_and_stays_as_it_was(
    name: str, body: JSON, headers: Mapping[str, str], meta: Mapping[str, JSON], who: str
) -> None:
    stage = STAGES[name]
    message = Message(body, id=who, headers=headers, meta=meta, routes=("before",))
    before = repr(copy.deepcopy(body))
    made = results(stage, message)
    assert repr(message.body) == before
    assert all(set(each.routes) <= {*stage.labels(), "before"} for each in made)
    assert [each.routes for each in results(stage, message)] == [each.routes for each in made], "the same again"


@pytest.mark.parametrize("name", STAGES)
@settings(max_examples=25, deadline=None)
@given(body=bodies, headers=heads, meta=metas, who=texts)
def test_what_a_stage_says_it_decides_is_what_it_does(
    name: str, body: JSON, headers: Mapping[str, str], meta: Mapping[str, JSON], who: str
) -> None:
    stage = STAGES[name]
    message = Message(body, id=who, headers=headers, meta=meta)
    if rejected := rejection(stage.decisions, message):
        assert rejection(stage.process, message) == rejected
        return
    decisions = stage.decisions(message)
    taken = {decision.place for decision in decisions if decision.taken}
    places = set(stage.branches())
    assert taken <= places
    assert all(decision.text for decision in decisions)
    is_router = ("otherwise",) in places
    routes = {route for each in results(stage, message) for route in each.routes}
    if is_router:
        assert taken, "a router always takes one way"
    elif isinstance(stage, WireTap | Detour):
        assert bool(taken) == ("x" in routes)
    elif isinstance(stage, Filter | Sampler):
        assert bool(taken) == bool(results(stage, message))
