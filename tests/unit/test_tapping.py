"""`wire_tap` and `detour`: a copy for who listens, and a way round that is switched on."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from sluiceway import Bypass, Message
from sluiceway.testing import Ran, run_pipeline
from sluiceway_patterns.tapping import Detour, WireTap

LARGE = {"body": {"total": [{"numeric": [">=", 1000]}]}}

TAPPED = """
version: 1
name: tapped
source: {use: memory}
stages:
  - {id: tap, use: wire_tap, with: {to: audit}}
  - {id: words, use: translate, with: {map: {n: {jmes: body.n, type: integer}}}}
ROUTER
sinks:
  - {id: bus, use: memory BUS}
  - {id: audit, use: memory, routes: [audit]}
"""


def tapped(*bodies: Any, router: str = "", bus: str = "") -> Ran:
    text = TAPPED.replace("ROUTER", router).replace("BUS", bus)
    return run_pipeline(text, [{"body": body} for body in bodies])


def test_the_copy_is_as_it_is_here_and_goes_to_the_tap_alone() -> None:
    ran = tapped({"n": "1"})
    assert [(m.id, m.body) for m in ran.sinks["bus"]] == [("m-1/0", {"n": 1})]
    assert [(m.id, m.body) for m in ran.sinks["audit"]] == [("m-1/1", {"n": "1"})]


def test_a_router_behind_the_tap_does_not_concern_the_copy() -> None:
    router = "  - {id: r, use: router, with: {routes: [{to: main, when: {body: {n: [1]}}}]}}"
    ran = tapped({"n": 1}, router=router, bus=", routes: [main]")
    assert [m.routes for m in ran.sinks["bus"]] == [("main",)]
    assert [m.routes for m in ran.sinks["audit"]] == [("audit",)]


def test_what_fails_behind_the_tap_has_been_tapped() -> None:
    ran = tapped({"n": "one"})
    assert [m.body for m in ran.sinks["audit"]] == [{"n": "one"}]
    assert [(ended.stage, ended.error) for ended in ran.dead_letters] == [("words", "invalid")]


def test_only_what_the_pattern_matches_is_copied() -> None:
    tap = WireTap.model_validate({"to": "audit", "when": LARGE})
    large, small = Message({"total": 1000}, routes=("r",)), Message({"total": 1})
    assert tap.process(large) == [large, Bypass(large.to("audit"))]
    assert tap.process(small) is small
    assert tap.process(Message("text")) == Message("text")


def test_a_tap_tells_whether_it_copies() -> None:
    every = WireTap.model_validate({"to": "audit"})
    assert every.branches() == (("to",),)
    assert [d.taken for d in every.decisions(Message(1))] == [True]
    some = WireTap.model_validate({"to": "audit", "when": {"total": [5]}, "of": "body"})
    assert some.branches() == (("when",),)
    (decision,) = some.decisions(Message({"total": 4}))
    assert decision.text == "total is 4; the pattern wants 5: no copy goes to the route audit"
    assert not decision.taken


@pytest.mark.parametrize("stage", [WireTap, Detour])
def test_a_pattern_over_an_event_needs_of_body(stage: type[WireTap | Detour]) -> None:
    with pytest.raises(ValidationError, match="add of: body"):
        stage.model_validate({"to": "x", "active": True, "when": {"detail": {"a": [1]}}})


def detour(**more: Any) -> Detour:
    return Detour.model_validate({"to": "checked", "active": True, **more})


def test_a_detour_adds_its_route_and_keeps_the_others() -> None:
    assert detour().process(Message(routes=("a",))).routes == ("a", "checked")
    assert detour().process(Message(routes=("checked",))).routes == ("checked",)
    small = Message({"total": 1}, routes=("a",))
    assert detour(when=LARGE).process(small) is small
    assert detour(when=LARGE).process(Message({"total": 1000})).routes == ("checked",)


def test_a_detour_that_is_switched_off_changes_nothing() -> None:
    message = Message({"total": 1000})
    for when in ({}, {"when": LARGE}):
        off = detour(active=False, **when)
        assert off.process(message) is message
        assert [d.taken for d in off.decisions(message)] == [False]
        assert off.branches() == (), "no test can take it"


def test_a_detour_tells_why() -> None:
    assert [(d.place, d.taken) for d in detour().decisions(Message(1))] == [(("active",), True)]
    (decision,) = detour(when=LARGE).decisions(Message({"total": 5}))
    assert (decision.place, decision.taken) == (("when",), False)
    assert decision.text.startswith("body.total is 5; ")


@pytest.mark.parametrize(("switch", "bodies"), [("true", [{"seen": True}]), ("false", [{"n": 1}])])
def test_a_variable_throws_the_switch(switch: str, bodies: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DETOUR", switch)
    ran = run_pipeline(
        """
version: 1
name: round
source: {use: memory}
stages:
  - {id: switch, use: detour, with: {to: checked, active: "${DETOUR:-false}"}}
  - {id: check, use: translate, routes: [checked], with: {map: {seen: true}}}
sinks: [{id: out, use: memory}]
""",
        [{"body": {"n": 1}}],
    )
    assert [m.body for m in ran.sinks["out"]] == bodies
