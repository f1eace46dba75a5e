"""`run_pipeline`: where messages end, as in production and without the outside."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sluiceway import JSON, Drop, Message, Reject, Stage, Transient
from sluiceway.core.component import Source, Visibility
from sluiceway.core.errors import InvalidPipeline
from sluiceway.core.spec import Backoff, Retry
from sluiceway.core.units import Duration
from sluiceway.testing import Ran, RunFailed, run_pipeline, run_pipeline_async

if TYPE_CHECKING:
    from tests.unit.testing.conftest import PipelineOf

HEAD = """
version: 1
name: orders
source: {use: sqs, with: {queue: orders}}
errors: {dead_letter: {use: sqs, with: {queue: orders-dlq}}}
"""
BUS = "sinks: [{id: bus, use: eventbridge, with: {bus: orders, source: shop, detail_type: Order}}]\n"
QUEUE = "sinks: [{id: out, use: sqs, with: {queue: out, forward: [Trace]}}]\n"


def bodies(ran: Ran, sink: str) -> list[JSON]:
    return [message.body for message in ran.sinks[sink]]


def the_dead_letter(ran: Ran) -> tuple[str, str | None, str]:
    assert not any(ran.sinks.values())
    (ended,) = ran.dead_letters
    return ended.stage, ended.error, ended.reason


# Messages in, messages out.


def test_messages_come_out_in_order_under_fixed_ids() -> None:
    ran = run_pipeline(HEAD + QUEUE, [{"body": {"n": n}} for n in range(25)])
    assert [(message.id, message.body) for message in ran.sinks["out"]] == [(f"m-{n + 1}", {"n": n}) for n in range(25)]
    assert (ran.dropped, ran.dead_letters) == ([], [])


def test_a_message_keeps_its_own_id_and_its_bytes() -> None:
    ran = run_pipeline(HEAD + QUEUE, [Message({"a": 1}, id="mine"), {"body": b'{"a": 1.50}'}])
    assert [(message.id, message.payload) for message in ran.sinks["out"]] == [
        ("mine", b'{"a":1}'),
        ("m-2", b'{"a": 1.50}'),
    ]


def test_a_path_names_the_file(tmp_path: Path) -> None:
    file = tmp_path / "orders.yaml"
    file.write_text(HEAD + QUEUE)
    assert bodies(run_pipeline(file, [{"body": 1}]), "out") == [1]
    assert bodies(run_pipeline(str(file), [{"body": 1}]), "out") == [1]


def test_a_wrong_pipeline_is_refused_with_every_problem() -> None:
    with pytest.raises(InvalidPipeline) as caught:
        run_pipeline(HEAD.replace("orders-dlq", "orders dlq") + "sinks: []\n", [])
    assert len(caught.value.problems) == 2


def test_only_the_headers_that_a_sink_forwards_reach_it() -> None:
    ran = run_pipeline(HEAD + QUEUE, [{"body": 1, "headers": {"Trace": "t", "Other": "o"}}])
    assert ran.sinks["out"][0].headers == {"Trace": "t"}


@pytest.mark.parametrize(
    ("body_format", "body", "seen"),
    [("text", "plain", "plain"), ("base64", {"a": 1}, {"a": 1}), ("json", "text", "text")],
)
def test_bodies_arrive_as_the_sender_of_that_format_writes_them(body_format: str, body: JSON, seen: JSON) -> None:
    text = HEAD.replace("queue: orders}", f"queue: orders, format: {body_format}}}") + QUEUE
    assert bodies(run_pipeline(text, [{"body": body}, Message(body)]), "out") == [seen, seen]


def test_the_message_says_where_it_comes_from(pipeline_of: PipelineOf) -> None:
    seen: list[object] = []

    class Look(Stage):
        def process(self, message: Message) -> Message:
            seen.append(dict(message.meta))
            return message

    run_pipeline(pipeline_of(Look()), [{"body": 1, "meta": {"queue": "q"}}])
    assert seen == [{"source": "sqs", "sent_at": "2026-01-01T00:00:00.000+00:00", "receive_count": 1, "queue": "q"}]


@pytest.mark.parametrize(
    ("messages", "sentence"),
    [
        ([{"bdy": 1}], "a message has body, headers and meta, and no bdy"),
        ({"body": 1}, "a list of messages is needed"),
    ],
)
def test_what_is_no_message_is_refused(messages: list[dict[str, JSON]], sentence: str) -> None:
    with pytest.raises(TypeError, match=sentence):
        run_pipeline(HEAD + QUEUE, messages)


# As in production.


def test_a_body_that_is_no_json_is_dead_lettered() -> None:
    text = HEAD + "stages: [{use: filter, with: {pattern: {body: {a: [1]}}}}]\n" + QUEUE
    stage, error, reason = the_dead_letter(run_pipeline(text, [{"body": b"{"}]))
    assert (stage, error) == ("filter", "invalid")
    assert reason.startswith("the body is not valid JSON")


def test_an_event_that_is_no_object_is_rejected_by_the_bus() -> None:
    stage, error, _ = the_dead_letter(run_pipeline(HEAD + BUS, [{"body": [1]}]))
    assert (stage, error) == ("bus", "invalid")


def test_what_is_too_large_for_a_sink_is_rejected() -> None:
    stage, error, _ = the_dead_letter(run_pipeline(HEAD + BUS, [{"body": {"a": "x" * 1024 * 1024}}]))
    assert (stage, error) == ("bus", "oversize")


def test_what_a_filter_drops_is_told_with_its_reason() -> None:
    text = HEAD + "stages: [{id: paid, use: filter, with: {pattern: {body: {paid: [true]}}}}]\n" + QUEUE
    ran = run_pipeline(text, [{"body": {"paid": False}}, {"body": {"paid": True}}])
    assert [(d.stage, d.error, d.message.id) for d in ran.dropped] == [("paid", None, "m-1")]
    assert bodies(ran, "out") == [{"paid": True}]


class Split(Stage):
    """Make a message of each element."""

    def process(self, message: Message) -> list[Message]:
        assert isinstance(message.body, list)
        return [message.with_body(each) for each in message.body]


class Judge(Stage):
    """Do with a message what its body says, some of it on the first attempt only."""

    def process(self, message: Message) -> Message | Drop:
        if message.body == "reject":
            raise Reject("it says so")
        if message.body == "later" and message.meta["receive_count"] == 1:
            raise Transient("not yet")
        return Drop("it says so") if message.body == "drop" else message


def test_each_leaf_of_a_split_message_has_its_own_end(pipeline_of: PipelineOf) -> None:
    ran = run_pipeline(pipeline_of(Split(), Judge()), [{"body": ["reject", "ok", "drop", "reject"]}])
    assert [message.id for message in ran.sinks["out"]] == ["m-1/1"]
    assert [ended.message.id for ended in ran.dropped] == ["m-1/2"]
    assert [ended.message.id for ended in ran.dead_letters] == ["m-1/0", "m-1/3"]


def test_a_leaf_that_ends_again_when_its_message_comes_again_is_told_once(pipeline_of: PipelineOf) -> None:
    ran = run_pipeline(pipeline_of(Split(), Judge()), [{"body": ["reject", "later", "drop"]}])
    assert [len(ran.sinks["out"]), len(ran.dropped), len(ran.dead_letters)] == [1, 1, 1]


class Raise(Stage):
    """Fail every message."""

    error: type[Exception]

    def process(self, message: Message) -> Message:
        raise self.error("down")


class Hang(Stage):
    """Never answer."""

    async def process(self, message: Message) -> Message:
        await asyncio.Event().wait()
        return message


class Slow(Stage):
    """Answer after 9 seconds."""

    async def process(self, message: Message) -> Message:
        await asyncio.sleep(9)
        return message


SHORT = Backoff(initial=Duration("1ms"), max=Duration("1ms"))


@pytest.mark.parametrize(
    ("stage", "retry", "error", "reason"),
    [
        (Raise(error=ValueError), Retry(), "bug", "ValueError: down (test_run_pipeline.py:"),
        (Raise(error=ValueError), Retry(attempts=1000, backoff=SHORT), "bug", "ValueError"),
        (Raise(error=ValueError), Retry(attempts=1000), "expired", "ValueError"),
        (Raise(error=Transient), Retry(), "expired", "down"),
        (Raise(error=Transient), Retry(backoff=SHORT), "expired", "down"),
        (Raise(error=Transient), Retry(max_age=Duration("30d")), "expired", "down"),
        (Hang(), Retry(), "expired", "s0 did not answer within 10s"),
    ],
)
def test_what_never_succeeds_ends_as_it_would_after_days_and_at_once(
    pipeline_of: PipelineOf, stage: Stage, retry: Retry, error: str, reason: str
) -> None:
    started = time.perf_counter()
    ran = run_pipeline(pipeline_of(stage, retry=retry), [{"body": 1}])
    where, kind, why = the_dead_letter(ran)
    assert (where, kind) == ("s0", error)
    assert why.startswith(reason)
    assert time.perf_counter() - started < 2  # measured: 0.02 to 0.4 s, of four virtual days


def test_a_pipeline_that_can_never_end_within_its_lease_is_told(pipeline_of: PipelineOf) -> None:
    source = Source(visibility=Visibility(initial=Duration("10s"), limit=Duration("10s")))
    with pytest.raises(RunFailed, match="m-1 has come 59 times and is never settled: its lease ends"):
        run_pipeline(pipeline_of(Slow(), Slow(), Slow(), source=source), [{"body": 1}])


def test_two_runs_are_the_same(pipeline_of: PipelineOf) -> None:
    pipeline = pipeline_of(Split(), Judge(), Slow())
    messages = [{"body": ["reject", "later", "ok"]}, {"body": ["drop"]}, {"body": ["later"]}]
    assert run_pipeline(pipeline, messages) == run_pipeline(pipeline, messages)


# Loops.


async def test_the_async_form_runs_beside_a_loop_and_takes_no_time_there(pipeline_of: PipelineOf) -> None:
    started = time.perf_counter()
    ran = await run_pipeline_async(pipeline_of(Slow()), [{"body": 1}])
    assert bodies(ran, "out") == [1]
    assert time.perf_counter() - started < 2


async def test_the_plain_form_inside_a_loop_says_what_to_write() -> None:
    with pytest.raises(RuntimeError, match="await run_pipeline_async"):
        run_pipeline(HEAD + QUEUE, [])
