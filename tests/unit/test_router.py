"""`router`, `dynamic_router` and `recipient_list`: where messages go, and what a file may say about it."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from sluiceway import JSON, Decision, Drop, Message, Reject
from sluiceway_patterns.destinations import DynamicRouter, RecipientList
from sluiceway_patterns.routing import Filter, Router

CHANNELS = {
    "routes": [
        {"to": "web", "when": {"body": {"channel": ["web", "app"]}}},
        {"to": "store", "when": {"body": {"channel": [{"prefix": "store"}]}}},
        {"to": "rest", "when": {"body": {"channel": ["web", "fax"]}}},
    ]
}
COUNTRY = {"jmes": "body.country"}
NAMES = {"jmes": "body.names"}


def router(**more: Any) -> Router:
    return Router.model_validate({**CHANNELS, **more})


def dynamic(**more: Any) -> DynamicRouter:
    return DynamicRouter.model_validate({"to": COUNTRY, "routes": {"DE": "eu", "US": "us", "49": "eu"}, **more})


def recipients(**more: Any) -> RecipientList:
    return RecipientList.model_validate({"to": NAMES, "recipients": ["a", "b", "c"], **more})


def routes(stage: Router | DynamicRouter | RecipientList, body: JSON) -> tuple[str, ...] | str:
    try:
        result = stage.process(Message(body, routes=("before",)))
    except Reject as reject:
        return reject.error
    return result.reason if isinstance(result, Drop) else result.routes


# Content-based router.


@pytest.mark.parametrize(("channel", "route"), [("web", "web"), ("app", "web"), ("store-7", "store"), ("fax", "rest")])
def test_the_first_pattern_that_matches_decides_and_replaces_earlier_routes(channel: str, route: str) -> None:
    assert routes(router(), {"channel": channel}) == (route,)


@pytest.mark.parametrize("body", [{"channel": "pigeon"}, {}, None, 5, "web", ["web"]])
@pytest.mark.parametrize(
    ("otherwise", "end"),
    [({}, "unroutable"), ({"otherwise": "drop"}, "no route for it"), ({"otherwise": {"to": "z"}}, ("z",))],
)
@pytest.mark.parametrize("of", [{}, {"of": "body", "routes": [{"to": "web", "when": {"channel": ["web"]}}]}])
def test_what_no_pattern_matches_goes_as_otherwise_says(
    body: JSON, otherwise: dict[str, Any], end: object, of: dict[str, Any]
) -> None:
    assert routes(router(**otherwise, **of), body) == end


def test_every_route_is_declared_once() -> None:
    twice = [*CHANNELS["routes"], {"to": "web", "when": {"id": ["m1"]}}]
    assert router(routes=twice, otherwise={"to": "late"}).labels() == ("web", "store", "rest", "late")


def test_a_pattern_of_a_route_over_an_event_needs_of_body() -> None:
    with pytest.raises(ValidationError, match="add of: body") as caught:
        router(routes=[CHANNELS["routes"][0], {"to": "x", "when": {"detail": {"a": [1]}}}])
    (error,) = caught.value.errors()
    assert (error["loc"], error["ctx"]["path"]) == (("routes",), [1, "when", "detail"])


def test_decisions_tell_of_each_pattern_that_was_tried() -> None:
    first, second = router().decisions(Message({"channel": "store-7"}))
    assert first == Decision(("routes", 0), 'body.channel is "store-7"; the pattern wants "web" or "app"', taken=False)
    assert (second.place, second.taken) == (("routes", 1), True)
    *_, last = router().decisions(Message({"channel": "pigeon"}))
    assert (last.place, last.taken) == (("otherwise",), True)
    assert router().branches() == (("routes", 0), ("routes", 1), ("routes", 2), ("otherwise",))


def test_a_filter_tells_which_clause_it_missed() -> None:
    stage = Filter.model_validate({"of": "body", "pattern": {"status": ["paid"]}})
    assert stage.branches() == (("pattern",),)
    assert stage.decisions(Message({"status": "open"})) == (
        Decision(("pattern",), 'status is "open"; the pattern wants "paid"', taken=False),
    )
    assert stage.decisions(Message({"status": "paid"})) == (Decision(("pattern",), 'status is "paid"', taken=True),)
    assert stage.decisions(Message([1])) == (
        Decision(("pattern",), "the body is a list, and a pattern wants an object", taken=False),
    )


# Dynamic router.


@pytest.mark.parametrize(
    ("country", "route"),
    [
        ("DE", ("eu",)),
        ("US", ("us",)),
        (49, ("eu",)),
        (49.0, ("eu",)),
        ("49", ("eu",)),
        ("XX", "unroutable"),
        (None, "unroutable"),
        ("", "unroutable"),
        (True, "unroutable"),
        (["DE"], "invalid"),
        ({"DE": 1}, "invalid"),
    ],
)
def test_a_value_is_looked_up_in_the_table(country: JSON, route: object) -> None:
    assert routes(dynamic(), {"country": country}) == route


@pytest.mark.parametrize(
    ("country", "route"),
    [("eu", ("eu",)), ("DE", "unroutable"), (None, "unroutable"), (49, "invalid"), ([], "invalid")],
)
def test_with_a_list_the_value_is_the_route_but_only_one_that_is_named(country: JSON, route: object) -> None:
    assert routes(dynamic(routes=["eu", "us"]), {"country": country}) == route


def test_what_leads_nowhere_goes_as_otherwise_says_and_what_is_no_value_is_rejected_all_the_same() -> None:
    assert routes(dynamic(otherwise={"to": "z"}), {"country": "XX"}) == ("z",)
    assert routes(dynamic(otherwise="drop"), 5) == "no route for it"
    assert routes(dynamic(otherwise={"to": "z"}), {"country": {}}) == "invalid"


def test_a_rejection_names_the_expression_the_value_and_what_there_is() -> None:
    with pytest.raises(Reject, match=r'^to \(body.country\) is "XX", and there are routes for DE, US, 49$'):
        dynamic().process(Message({"country": "XX"}))
    with pytest.raises(Reject, match=r"^to \(body.country\) is a list, not a text, a number or a boolean$"):
        dynamic().process(Message({"country": []}))
    many = {str(number): "x" for number in range(10_000)}
    with pytest.raises(Reject, match=r", …$"):
        dynamic(routes=many).process(Message({"country": "XX"}))


def test_the_decision_is_at_the_entry_of_the_table() -> None:
    assert dynamic().labels() == ("eu", "us")
    assert dynamic().branches() == (("routes", "DE"), ("routes", "US"), ("routes", "49"), ("otherwise",))
    (decision,) = dynamic().decisions(Message({"country": "DE"}))
    assert decision == Decision(("routes", "DE"), 'to (body.country) is "DE": on the route eu', taken=True)
    (decision,) = dynamic(routes=["eu", "us"]).decisions(Message({"country": "us"}))
    assert decision.place == ("routes", 1)


@pytest.mark.parametrize(("constant", "advice"), [("body.country", "{jmes: body.country}"), ("eu", "{jmes: body.…}")])
def test_a_destination_that_is_the_same_for_every_message_is_refused(constant: str, advice: str) -> None:
    for make in (dynamic, recipients):
        with pytest.raises(ValidationError, match="the same for every message") as caught:
            make(to=constant)
        assert advice in caught.value.errors()[0]["ctx"]["suggestion"]


# Recipient list.


@pytest.mark.parametrize(
    ("names", "route"),
    [
        (["c", "a"], ("c", "a")),
        (["a", "a"], ("a",)),
        ("b", ("b",)),
        ([], "unroutable"),
        (None, "unroutable"),
        (["a", "z"], "unroutable"),
        (["a", 1], "invalid"),
        ({"a": 1}, "invalid"),
        (["a", None], "invalid"),
        ("", "unroutable"),
    ],
)
def test_a_message_gets_the_routes_of_all_its_recipients(names: JSON, route: object) -> None:
    assert routes(recipients(), {"names": names}) == route


def test_an_unknown_recipient_may_be_ignored_and_nobody_may_be_enough() -> None:
    assert routes(recipients(unknown="ignore"), {"names": ["z", "a"]}) == ("a",)
    assert routes(recipients(unknown="ignore"), {"names": ["z"]}) == "unroutable"
    assert routes(recipients(otherwise="drop"), {"names": []}) == "no route for it"
    assert routes(recipients(otherwise={"to": "z"}), {}) == ("z",)
    assert recipients(otherwise={"to": "z"}).labels() == ("a", "b", "c", "z")


def test_decisions_tell_of_each_recipient() -> None:
    told = recipients().decisions(Message({"names": ["b"]}))
    assert [(decision.place, decision.taken) for decision in told] == [
        (("recipients", 0), False),
        (("recipients", 1), True),
        (("recipients", 2), False),
    ]
    assert [d.place for d in recipients().decisions(Message({})) if d.taken] == [("otherwise",)]
