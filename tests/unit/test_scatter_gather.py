"""`scatter_gather`: several services are asked at once, and as many answers taken as `wait` says."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from sluiceway import HttpAnswer, Message, Reject, Secret, Transient
from sluiceway.engine.circuit import Down
from sluiceway.testing import VirtualClock, run_pipeline, run_virtual
from sluiceway_patterns.scatter_gather import ScatterGather

NAMES = ("a", "b", "c")
SECRET: Any = {"secret": "env:TOKEN", "prefix": "Bearer "}


def ok(body: str) -> HttpAnswer:
    return HttpAnswer(200, {"content-type": "application/json"}, body.encode())


def status(code: int, **headers: str) -> HttpAnswer:
    return HttpAnswer(code, {name.replace("_", "-"): value for name, value in headers.items()}, b"")


class Outside:
    """Services that answer after so many seconds, and the context that leads to them."""

    def __init__(self, **services: tuple[float, HttpAnswer | Exception]) -> None:
        self.services = services
        self.clock = VirtualClock()
        self.asked: list[tuple[str, Mapping[str, str]]] = []
        self.answered: list[str] = []
        self.counts: Counter[str] = Counter()

    def http(self, **_: object) -> Outside:
        return self

    async def secret(self, secret: Secret) -> str:
        return f"{secret.prefix}hush"

    def count(self, name: str, amount: int = 1, **labels: str) -> None:
        self.counts[f"{name} {' '.join(labels.values())}"] += amount

    async def request(self, method: str, url: str, *, headers: Mapping[str, str]) -> HttpAnswer:
        assert method == "GET"
        self.asked.append((url, dict(headers)))
        name = url.split("/")[2].partition(".")[0]
        seconds, answer = self.services[name]
        await asyncio.sleep(seconds)
        self.answered.append(name)
        if isinstance(answer, Exception):
            raise answer
        return answer


def stage(names: tuple[str, ...] = NAMES, **keys: Any) -> ScatterGather:
    ask = {name: {"url": f"https://{name}.example/{{no}}", "params": {"no": {"jmes": "body.no"}}} for name in names}
    return ScatterGather.model_validate({"ask": ask, "into": "said", **keys})


def through(
    scatter: ScatterGather, body: Any = None, **services: tuple[float, HttpAnswer | Exception]
) -> tuple[Any, float, Outside]:
    """Return what becomes of a message (its answers, or the error), after how long, and who was asked."""

    async def run() -> tuple[Any, float, Outside]:
        outside: Any = Outside(**services)
        async with scatter.open(outside) as process:
            try:
                message: Any = await process(Message({"no": 7} if body is None else body))  # type: ignore[misc] # this one is async
                result = message.body["said"]
            except (Reject, Transient) as error:
                result = error
            time = outside.clock.monotonic()
            await asyncio.sleep(100)  # what was not broken off would answer now
        return result, time, outside

    return run_virtual(run())


def test_all_are_asked_at_once_and_the_answers_come_in_the_order_of_the_file() -> None:
    services = {"a": (3, ok("1")), "b": (1, ok('{"x":2}')), "c": (2, ok("null"))}
    result, time, outside = through(stage(), **services)
    assert (list(result.items()), time) == ([("a", 1), ("b", {"x": 2}), ("c", None)], 3)
    assert [url for url, _ in outside.asked] == [f"https://{name}.example/7" for name in NAMES]


@pytest.mark.parametrize(
    ("wait", "taken", "time"),
    [("any", {"b": 2}, 1), ({"quorum": 2}, {"b": 2, "c": 3}, 2), ({"quorum": 3}, {"a": 1, "b": 2, "c": 3}, 3)],
)
def test_with_enough_answers_the_others_are_broken_off(wait: Any, taken: Any, time: float) -> None:
    result, ended, outside = through(stage(wait=wait), a=(3, ok("1")), b=(1, ok("2")), c=(2, ok("3")))
    assert (result, ended) == (taken, time)
    assert sorted(outside.answered) == sorted(taken)
    assert outside.counts == {}


def test_of_answers_at_the_same_moment_no_more_are_taken_than_enough() -> None:
    services = {name: (1.0, ok(str(number))) for number, name in enumerate(NAMES)}
    assert through(stage(wait="any"), **services)[0] == {"a": 0}
    assert through(stage(wait={"quorum": 2}), **services)[0] == {"a": 0, "b": 1}


@pytest.mark.parametrize("bad", [status(503), status(404), status(400), ok("<html>"), Transient("reset"), Reject("no")])
def test_a_failure_does_not_matter_while_there_are_enough_others(bad: Any) -> None:
    result, time, outside = through(stage(wait={"quorum": 2}), a=(1, bad), b=(2, ok("2")), c=(3, ok("3")))
    assert (result, time) == ({"b": 2, "c": 3}, 3)
    assert outside.counts == {"no_answer a": 1}


def test_one_that_is_too_slow_is_a_failure_for_now() -> None:
    result, time, outside = through(stage(within="2s"), a=(1, ok("1")), b=(9, ok("2")), c=(1, ok("3")))
    assert (type(result), result.reason, time) == (Transient, "b: it did not answer within 2s", 2)
    assert outside.answered == ["a", "c"]
    result, time, _ = through(stage(within="2s", wait={"quorum": 2}), a=(1, ok("1")), b=(9, ok("2")), c=(9, ok("3")))
    assert (type(result), time) == (Transient, 2)


def test_what_can_never_be_enough_is_rejected_with_what_each_said_and_the_rest_is_broken_off() -> None:
    services = {"a": (1, status(400)), "b": (3, status(503)), "c": (2, status(404))}
    result, time, outside = through(stage(wait={"quorum": 2}), **services)
    assert (type(result), result.error, time) == (Reject, "refused", 2)
    assert outside.answered == ["a", "c"]
    assert result.reason == "a: https://a.example/7 answered 400; c: https://c.example/7 answered 404"


def test_what_may_be_enough_later_is_tried_again_when_all_asked_for() -> None:
    services = {"a": (1, status(429, retry_after="30")), "b": (1, status(503, retry_after="7")), "c": (9, ok("1"))}
    result, time, outside = through(stage(), **services)
    assert (type(result), result.retry_after, time) == (Transient, 30, 1)
    assert "a: https://a.example/7 answered 429" in result.reason
    assert outside.answered == ["a", "b"]


def test_that_a_service_is_down_and_was_not_asked_stays_the_engines_word() -> None:
    down = Down("what said calls is down, and was not called", retry_after=5)
    assert through(stage(), a=(1, ok("1")), b=(1, down), c=(1, status(503)))[0] is down


@pytest.mark.parametrize(("on_missing", "said"), [("keep", {"b": 2}), ({"default": []}, {"a": [], "b": 2, "c": []})])
def test_a_service_that_knows_nothing_counts_as_the_file_says(on_missing: Any, said: Any) -> None:
    services = {"a": (1, status(404)), "b": (2, ok("2")), "c": (1, status(204))}
    assert through(stage(on_missing=on_missing), **services)[0] == said
    assert through(stage(on_missing=on_missing, wait="any"), **services)[0] == {"b": 2}  # an answer is better
    error = through(stage(), **services)[0]
    assert (type(error), error.error) == (Reject, "missing")


@pytest.mark.parametrize(("on_missing", "said"), [("keep", {}), ({"default": 0}, {"a": 0, "b": 0, "c": 0})])
def test_where_none_knows_anything_that_is_enough_where_the_file_says_so(on_missing: Any, said: Any) -> None:
    services = {name: (1.0, status(404)) for name in NAMES}
    assert through(stage(on_missing=on_missing, wait="any"), **services)[0] == said


def test_a_parameter_that_one_service_needs_is_missing_for_that_one() -> None:
    ask = {name: {"url": f"https://{name}.example/{{no}}", "params": {"no": {"jmes": "body.no"}}} for name in NAMES}
    ask["a"]["params"] = {"no": {"jmes": "body.other"}}
    services = {name: (1.0, ok("1")) for name in NAMES}
    result, _, outside = through(stage(ask=ask, wait={"quorum": 2}), **services)
    assert result == {"b": 1, "c": 1}
    assert len(outside.asked) == 2


@pytest.mark.parametrize("body", [[], "text", 1])
def test_a_body_that_is_no_object_is_rejected_unasked(body: Any) -> None:
    result, _, outside = through(stage(), body)
    assert (type(result), outside.asked) == (Reject, [])


def test_secrets_are_sent_each_to_its_own_service_and_not_told() -> None:
    ask = {
        "a": {"url": "https://a.example/7", "headers": {"authorization": SECRET}},
        "b": {"url": "https://b.example/7"},
    }
    echo = HttpAnswer(400, {"content-type": "text/plain"}, b"what is Bearer hush?")
    result, _, outside = through(stage(ask=ask), a=(1, echo), b=(1, ok("1")))
    assert outside.asked == [("https://a.example/7", {"authorization": "Bearer hush"}), ("https://b.example/7", {})]
    assert "hush" not in result.reason


def test_it_uses_the_secrets_of_all_services() -> None:
    urls = [f"https://{name}.example" for name in "ab"]
    headers = [{"x-key": {"secret": f"ssm:/keys/{name}"}} for name in "ab"]
    scatter = stage(ask={"a": {"url": urls[0], "headers": headers[0]}, "b": {"url": urls[1], "headers": headers[1]}})
    assert [used.name for used in scatter.resources()] == ["/keys/a", "/keys/b"]


def test_one_who_gives_up_breaks_off_all_calls() -> None:
    async def run() -> list[str]:
        outside: Any = Outside(**{name: (9.0, ok("1")) for name in NAMES})
        async with stage().open(outside) as process:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1):
                    await process(Message({"no": 7}))  # type: ignore[misc] # this one is async
            await asyncio.sleep(100)
        return outside.answered  # type: ignore[no-any-return] # a list of names

    assert run_virtual(run()) == []


answers = st.sampled_from([ok("1"), status(404), status(503), status(400), Transient("reset"), Reject("no")])


@settings(max_examples=200, deadline=None)
@given(
    services=st.fixed_dictionaries({name: st.tuples(st.sampled_from([1.0, 2.0, 9.0]), answers) for name in NAMES}),
    need=st.integers(1, 3),
    on_missing=st.sampled_from(["reject", "keep", {"default": 0}]),
)
def test_the_outcome_is_what_the_answers_make_possible(services: Any, need: int, on_missing: Any) -> None:
    result, _, _ = through(stage(wait={"quorum": need}, on_missing=on_missing), **services)
    in_time = [answer if seconds < 5 else None for seconds, answer in services.values()]
    good = sum(isinstance(each, HttpAnswer) and each.status == 200 for each in in_time)
    tolerated = sum(isinstance(each, HttpAnswer) and each.status == 404 for each in in_time) * (on_missing != "reject")
    for_now = sum(each is None or isinstance(each, Transient) or getattr(each, "status", 0) == 503 for each in in_time)
    if good >= need:
        assert list(result.values()) == [1] * need
    elif good + tolerated >= need:
        assert list(result.values()).count(1) == good
        assert len(result) == good + (tolerated if isinstance(on_missing, dict) else 0)
    elif good + tolerated + for_now < need:
        assert type(result) in (Reject, Transient)
    else:
        assert type(result) is Transient


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"wait": {"quorum": 4}}, "a quorum of 4 cannot be had of 3 services"),
        ({"wait": {"quorum": 0}}, "greater than or equal to 1"),
        ({"within": "61s"}, "within (61s) is longer than 60s"),
        ({"ask": {"a": {"url": "https://a.example"}}}, "at least 2 items"),
        ({"ask": {"a": {"url": "https://a.example"}, "b.c": {"url": "https://b.example"}}}, "match pattern"),
        ({"ask": {"a": {"url": "http://a.example"}, "b": {"url": "https://b.example"}}}, "plain http://"),
    ],
)
def test_what_cannot_be_meant_is_refused(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        stage(**keys)
    assert message in str(caught.value)


PIPELINE = """
version: 1
name: offers
source: {use: memory}
stages:
  - id: said
    use: scatter_gather
    with: {ask: {a: {url: "https://a.example"}, b: {url: "https://b.example"}}, into: said}
sinks: [{id: out, use: memory}]
"""


def test_a_mock_answers_in_the_order_of_the_file_and_again_when_the_message_is_tried_again() -> None:
    mocks = {"said": [1, {"status": 503}, 3, 4]}
    ran = run_pipeline(PIPELINE, [{"body": {}}], mocks)
    assert [message.body for message in ran.sinks["out"]] == [{"said": {"a": 3, "b": 4}}]
