"""The three stances, `conformist`, `anti_corruption_layer`, `open_host_service`: what passes, and what is put aside."""

from __future__ import annotations

import asyncio
import copy
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from sluiceway import JSON, Bypass, Context, Message, Reject, Stage
from sluiceway_patterns.open_host import OpenHostService
from sluiceway_patterns.stances import AntiCorruptionLayer, Conformist

Make: TypeAlias = Callable[..., Stage]

ORDER: dict[str, Any] = {
    "type": "object",
    "required": ["no"],
    "properties": {
        "no": {"type": "string"},
        "chan": {"enum": ["W", "S"]},
        "lines": {"type": "array", "items": {"properties": {"sku": {"type": "string"}, "kind": {"enum": ["a"]}}}},
        "either": {"anyOf": [{"enum": ["x"]}, {"type": "null"}]},
    },
}
MAP = {"map": {"id": {"jmes": "body.no"}, "channel": {"jmes": "body.chan", "optional": True}}}
OURS = {"type": "object", "properties": {"channel": {"enum": ["W"]}}}

bodies = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.sampled_from(["W", "?", "a"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["no", "chan", "lines", "sku", "kind", "either", "x"]), inner, max_size=4)
    ),
    max_leaves=12,
)
STAGES: dict[type[Stage], dict[str, Any]] = {Conformist: {}, AntiCorruptionLayer: MAP, OpenHostService: {}}


@dataclass
class FakeContext:
    """Counts what is counted."""

    counted: Counter[tuple[str, str]] = field(default_factory=Counter)

    def count(self, name: str, amount: int = 1, **labels: str) -> None:
        self.counted[name, labels["path"]] += amount


@pytest.fixture
def make(tmp_path: Path) -> Make:
    (tmp_path / "order.json").write_text(json.dumps(ORDER))
    (tmp_path / "ours.json").write_text(json.dumps(OURS))

    def make_one(kind: type[Stage], **more: Any) -> Stage:
        return kind.model_validate({"schema": "order.json", **STAGES[kind], **more}, context={"folder": tmp_path})

    return make_one


def run(stage: Stage, body: JSON, routes: tuple[str, ...] = ()) -> tuple[Message | Bypass, dict[tuple[str, str], int]]:
    context = FakeContext()

    async def send() -> Message | Bypass:
        async with stage.open(cast("Context", context)) as process:
            return cast("Message", process(Message(body, id="m-1", routes=routes)))

    return asyncio.run(send()), dict(context.counted)


def refusal(stage: Stage, body: JSON) -> tuple[str, str]:
    with pytest.raises(Reject) as caught:
        run(stage, body)
    return caught.value.error, caught.value.reason


def test_a_conformist_takes_what_comes_and_counts_what_has_changed(make: Make) -> None:
    body: JSON = {"chan": "?", "new": 1, "lines": [{"sku": 1}, {"sku": 2, "kind": "b"}]}
    passed, counted = run(make(Conformist), body, routes=("r",))
    assert isinstance(passed, Message)
    assert passed.body is body
    assert passed.routes == ("r",)
    assert counted == {
        ("unknown_field", "body.new"): 1,
        ("schema_break", "body.no"): 1,
        ("schema_break", "body.chan"): 1,
        ("schema_break", "body.lines[].sku"): 2,
        ("schema_break", "body.lines[].kind"): 1,
    }
    assert run(make(Conformist), {"no": "A"})[1] == {}


def test_a_conformist_may_reject_or_put_aside_what_breaks_the_schema(make: Make) -> None:
    assert refusal(make(Conformist, on_break="reject"), {"no": 5})[1].startswith("body.no: 5 is not of type")
    stage = make(Conformist, on_break={"to": "aside"}, to="fine")
    assert stage.labels() == ("aside", "fine")
    put_aside, _ = run(stage, {"no": 5}, routes=("r",))
    assert put_aside == Bypass(Message({"no": 5}, id="m-1", routes=("aside",)))
    assert cast("Message", run(stage, {"no": "A", "new": 1}, routes=("r",))[0]).routes == ("fine",)


def test_a_layer_lets_in_what_was_agreed_in_its_own_words(make: Make) -> None:
    passed, counted = run(make(AntiCorruptionLayer), {"no": "A", "chan": "W", "new": 1})
    assert cast("Message", passed).body == {"id": "A", "channel": "W"}
    assert counted == {("unknown_field", "body.new"): 1}


def test_a_layer_always_rejects_what_breaks_the_agreement(make: Make) -> None:
    lax = make(AntiCorruptionLayer, unknown_values="count")
    assert refusal(lax, {"chan": "W"}) == ("invalid", 'body: "no" is a required property')
    assert "body.no: 5 is not of type" in refusal(lax, {"no": 5, "chan": "?"})[1]
    assert "body.either" in refusal(lax, {"no": "A", "either": "y"})[1]


@pytest.mark.parametrize(
    ("key", "body", "counted", "reason"),
    [
        ("unknown_values", {"no": "A", "chan": "?"}, ("unknown_value", "body.chan"), 'body.chan: "?" is not one of'),
        ("unknown_fields", {"no": "A", "new": 1}, ("unknown_field", "body.new"), "the schema does not name body.new"),
    ],
)
def test_drift_is_counted_rejected_or_put_in_quarantine(
    make: Make, key: str, body: dict[str, Any], counted: tuple[str, str], reason: str
) -> None:
    assert reason in refusal(make(AntiCorruptionLayer, **{key: "reject"}), body)[1]
    passed, counts = run(make(AntiCorruptionLayer, **{key: "count"}), body)
    assert (cast("Message", passed).body, counts) == (
        {"id": "A", **({"channel": "?"} if "chan" in body else {})},
        {counted: 1},
    )
    stage = make(AntiCorruptionLayer, **{key: {"to": "aside"}})
    assert stage.labels() == ("aside",)
    put_aside, counts = run(stage, body)
    assert (put_aside, counts) == (Bypass(Message(body, id="m-1", routes=("aside",))), {counted: 1})


def test_unknown_values_are_rejected_unless_the_file_says_otherwise(make: Make) -> None:
    assert "is not one of" in refusal(make(AntiCorruptionLayer), {"no": "A", "chan": "?"})[1]


def test_a_layer_rejects_as_its_map_and_our_own_schema_do(make: Make) -> None:
    stage = make(AntiCorruptionLayer, output_schema="ours.json", to="ours")
    assert cast("Message", run(stage, {"no": "A", "chan": "W"}, routes=("r",))[0]).routes == ("ours",)
    assert "does not conform to ours.json" in refusal(stage, {"no": "A", "chan": "S"})[1]
    lacking = make(AntiCorruptionLayer, map={"id": {"jmes": "body.nothing"}})
    assert refusal(lacking, {"no": "A"}) == ("missing", "id: body.nothing is missing or null")


def test_a_service_publishes_what_was_promised(make: Make) -> None:
    body: JSON = {"no": "A", "lines": [{"sku": "x"}]}
    passed, counted = run(make(OpenHostService), body)
    assert cast("Message", passed).body is body
    assert counted == {}
    assert refusal(make(OpenHostService), {"no": 5}) == (
        "invalid",
        'what would be published is not as order.json promises: body.no: 5 is not of type "string"',
    )


def test_a_service_publishes_no_more_than_was_promised(make: Make) -> None:
    body: dict[str, Any] = {"no": "A", "new": {"a": 1}, "lines": [{"sku": "x", "shelf": 1}, {"sku": "y"}]}
    before = copy.deepcopy(body)
    assert "does not name body.new, body.lines.0.shelf" in refusal(make(OpenHostService), body)[1]
    passed, counted = run(make(OpenHostService, unknown_fields="strip"), body)
    assert cast("Message", passed).body == {"no": "A", "lines": [{"sku": "x"}, {"sku": "y"}]}
    assert counted == {("unknown_field", "body.new"): 1, ("unknown_field", "body.lines[].shelf"): 1}
    assert body == before


def test_they_say_what_they_found(make: Make) -> None:
    layer = make(AntiCorruptionLayer, unknown_values="count")
    taken = {decision.place: decision.taken for decision in layer.decisions(Message({"no": "A", "chan": "?"}))}
    assert taken == {
        ("schema",): False,
        ("unknown_fields",): False,
        ("unknown_values",): True,
        ("map", "id"): True,
        ("map", "channel"): True,
    }
    assert set(taken) == set(layer.branches())
    assert len(make(AntiCorruptionLayer).decisions(Message({"no": "A", "chan": "?"}))) == 3
    ways = make(Conformist).decisions(Message({"no": 5}))
    assert [(way.place, way.taken) for way in ways] == [(("schema",), False), (("on_break",), True)]


@pytest.mark.parametrize("kind", STAGES)
def test_settings_that_can_only_be_mistakes(make: Make, kind: type[Stage]) -> None:
    for wrong in ({"schema": "nowhere.json"}, {"on_break": "drop"}, {"unknown_fields": {"to": ""}}):
        with pytest.raises(ValidationError):
            make(kind, **wrong)


@pytest.mark.parametrize("kind", STAGES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=bodies)
def test_any_body_passes_or_is_rejected(make: Make, kind: type[Stage], body: JSON) -> None:
    policy = {"unknown_values": {"to": "q"}} if kind is AntiCorruptionLayer else {}
    stage = make(kind, **policy, **({"unknown_fields": "strip"} if kind is OpenHostService else {}))
    assert {decision.place for decision in stage.decisions(Message(body))} <= {*stage.branches(), ("unknown_fields",)}
    try:
        passed, _ = run(stage, body)
    except Reject:
        return
    if kind is OpenHostService:  # what was published is published again as it is
        assert run(stage, cast("Message", passed).body) == (passed, {})
