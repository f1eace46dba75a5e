"""`run_pipeline`: where messages end, as in production and without the outside."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ClassVar

import pytest

from sluiceway import JSON, Context, Drop, Message, Reject, Secret, Stage, Transient
from sluiceway.adapters.memory import MemorySink
from sluiceway.core.component import Process, Source, Visibility
from sluiceway.core.errors import InvalidPipeline
from sluiceway.core.spec import Backoff, Pipeline, Retry, SinkSpec, SourceSpec, StageSpec
from sluiceway.core.units import Duration
from sluiceway.testing import Ran, RunFailed, run_pipeline, run_pipeline_async

HEAD = """
version: 1
name: orders
source: {use: sqs, with: {queue: orders}}
errors: {dead_letter: {use: sqs, with: {queue: orders-dlq}}}
"""
BUS = "sinks: [{id: bus, use: eventbridge, with: {bus: orders, source: shop, detail_type: Order}}]\n"
QUEUE = "sinks: [{id: out, use: sqs, with: {queue: out, forward: [Trace]}}]\n"
ENRICH = """
stages:
  - id: ask
    use: enrich.http
    with: {url: "https://customers.internal/{id}", params: {id: {jmes: body.id}}, into: customer}
"""
RESTORE = "stages: [{id: fetch, use: claim_check.restore, with: {buckets: [bodies]}}]\n"
CLAIM = {
    "headers": {"ExtendedPayloadSize": "9"},
    "body": [
        "software.amazon.payloadoffloading.PayloadS3Pointer",
        {"s3BucketName": "bodies", "s3Key": "k"},
    ],
}


def pipeline_of(*stages: Stage, retry: Retry | None = None, source: Source | None = None) -> Pipeline:
    return Pipeline(
        name="made",
        source=SourceSpec("sqs", source or Source()),
        stages=tuple(StageSpec(f"s{place}", "made", stage) for place, stage in enumerate(stages)),
        sinks=(SinkSpec("out", "memory", MemorySink()),),
        retry=retry or Retry(),
    )


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


def test_the_message_says_where_it_comes_from() -> None:
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


def test_each_leaf_of_a_split_message_has_its_own_end() -> None:
    ran = run_pipeline(pipeline_of(Split(), Judge()), [{"body": ["reject", "ok", "drop", "reject"]}])
    assert [message.id for message in ran.sinks["out"]] == ["m-1/1"]
    assert [ended.message.id for ended in ran.dropped] == ["m-1/2"]
    assert [ended.message.id for ended in ran.dead_letters] == ["m-1/0", "m-1/3"]


def test_a_leaf_that_ends_again_when_its_message_comes_again_is_told_once() -> None:
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
    stage: Stage, retry: Retry, error: str, reason: str
) -> None:
    started = time.perf_counter()
    ran = run_pipeline(pipeline_of(stage, retry=retry), [{"body": 1}])
    where, kind, why = the_dead_letter(ran)
    assert (where, kind) == ("s0", error)
    assert why.startswith(reason)
    assert time.perf_counter() - started < 2  # measured: 0.02 to 0.4 s, of four virtual days


def test_a_pipeline_that_can_never_end_within_its_lease_is_told() -> None:
    source = Source(visibility=Visibility(initial=Duration("10s"), limit=Duration("10s")))
    with pytest.raises(RunFailed, match="m-1 has come 59 times and is never settled: its lease ends"):
        run_pipeline(pipeline_of(Slow(), Slow(), Slow(), source=source), [{"body": 1}])


def test_two_runs_are_the_same() -> None:
    pipeline = pipeline_of(Split(), Judge(), Slow())
    messages = [{"body": ["reject", "later", "ok"]}, {"body": ["drop"]}, {"body": ["later"]}]
    assert run_pipeline(pipeline, messages) == run_pipeline(pipeline, messages)


# Mocks.


def enrich(mock: object) -> Ran:
    return run_pipeline(HEAD + ENRICH + QUEUE, [{"body": {"id": 7}}], {"ask": mock})


@pytest.mark.parametrize(
    ("mock", "customer"),
    [
        ({"name": "Ada"}, {"name": "Ada"}),
        ("Ada", "Ada"),
        ([{"status": 503}, {"name": "Ada"}], {"name": "Ada"}),
        ([[1, 2]], [1, 2]),
        ({"status": 200, "body": {"status": 503}}, {"status": 503}),
        ({"status": 200, "body": '{"raw": 1.0}', "headers": {"Content-Type": "application/json"}}, {"raw": 1.0}),
        ({"status": "open"}, {"status": "open"}),
        ({"status": 503, "name": "Ada"}, {"status": 503, "name": "Ada"}),
        ({"missing": False}, {"missing": False}),
    ],
)
def test_a_mock_answers_an_http_call(mock: object, customer: JSON) -> None:
    assert bodies(enrich(mock), "out") == [{"id": 7, "customer": customer}]


@pytest.mark.parametrize(
    ("mock", "error", "reason"),
    [
        ({"missing": True}, "missing", "https://customers.internal/7 answered 404"),
        ({"status": 403, "headers": {"content-type": "text/plain"}, "body": "no"}, "refused", "answered 403: no"),
        ({"status": 200, "headers": {"content-type": "text/html"}, "body": "<p>"}, "invalid", "text/html, not JSON"),
        ({"status": 503}, "expired", "answered 503"),
        ({"a": "x" * 1024 * 1024}, "oversize", "answered with more than 1048576 bytes"),
    ],
)
def test_an_answer_that_is_an_error_is_treated_as_one(mock: object, error: str, reason: str) -> None:
    stage, kind, why = the_dead_letter(enrich(mock))
    assert (stage, kind) == ("ask", error)
    assert reason in why


@pytest.mark.parametrize("content", ['{"a": 10}', {"a": 10}, b'{"a": 10}'])
def test_a_mock_is_the_object_in_the_bucket(content: object) -> None:
    claim = CLAIM | {"headers": {"ExtendedPayloadSize": "8" if isinstance(content, dict) else "9"}}
    ran = run_pipeline(HEAD + RESTORE + QUEUE, [claim], {"fetch": content})
    assert bodies(ran, "out") == [{"a": 10}]


@pytest.mark.parametrize(("mock", "error"), [({"missing": True}, "missing"), ({"status": 500}, "expired")])
def test_a_bucket_can_fail(mock: object, error: str) -> None:
    stage, kind, _ = the_dead_letter(run_pipeline(HEAD + RESTORE + QUEUE, [CLAIM], {"fetch": mock}))
    assert (stage, kind) == ("fetch", error)


def test_an_object_is_put_unless_the_mock_says_otherwise() -> None:
    text = HEAD + "stages: [{id: park, use: claim_check.store, with: {bucket: b, always: true}}]\n" + QUEUE
    ran = run_pipeline(text, [{"body": {"a": 1}}], {"park": [{"status": 503}, True]})
    assert [list(body) for body in bodies(ran, "out") if isinstance(body, dict)] == [["claim"]]


def test_a_call_without_a_mock_fails_the_run_by_name() -> None:
    sentence = r"stage ask calls out and the test has no mock for it \(GET https://customers.internal/7\)"
    with pytest.raises(RunFailed, match=sentence):
        run_pipeline(HEAD + ENRICH + QUEUE, [{"body": {"id": 7}}])


def test_a_call_beyond_the_last_answer_fails_the_run() -> None:
    with pytest.raises(RunFailed, match="the mock of stage ask has 1 answer, and this is call 2"):
        enrich([{"status": 503}])


def test_a_stage_cannot_hide_that_it_had_no_mock() -> None:
    class Forgiving(Stage):
        @asynccontextmanager
        async def open(self, context: Context) -> AsyncGenerator[Process]:
            http = context.http(timeout=1, max_size=10)

            async def process(message: Message) -> Message:
                try:
                    await http.request("GET", "https://elsewhere.example/")
                except Exception:  # noqa: BLE001 - what is tested
                    return message
                return message

            yield process

    with pytest.raises(RunFailed, match="stage s0 calls out"):
        run_pipeline(pipeline_of(Forgiving()), [{"body": 1}])


def test_a_mock_that_is_never_asked_is_no_failure() -> None:
    text = HEAD + ENRICH.replace("stages:", "stages:\n  - {use: filter, with: {pattern: {body: {a: [1]}}}}") + QUEUE
    assert len(run_pipeline(text, [{"body": {}}], {"ask": []}).dropped) == 1


def test_a_mock_for_no_stage_is_refused() -> None:
    with pytest.raises(ValueError, match="there is no stage bus to mock; the stages are ask"):
        run_pipeline(HEAD + ENRICH + BUS, [], {"bus": 1})


def test_a_secret_is_a_placeholder() -> None:
    class Show(Stage):
        @asynccontextmanager
        async def open(self, context: Context) -> AsyncGenerator[Process]:
            token = await context.secret(Secret("env:NOT_SET", "Bearer "))

            def process(message: Message) -> Message:
                context.count("shown")
                return message.with_body(token)

            yield process

    assert bodies(run_pipeline(pipeline_of(Show()), [{"body": 1}]), "out") == ["Bearer test-secret"]


# Bodies are not changed in place.


class Mutate(Stage):
    """Change the body in place."""

    def process(self, message: Message) -> Message:
        assert isinstance(message.body, dict)
        message.body["new"] = True
        return message


class MutateLater(Mutate):
    """The same with I/O."""

    async def process(self, message: Message) -> Message:  # type: ignore[override] # the engine asks which it is
        await asyncio.sleep(1)
        return super().process(message)


class MutateInThread(Mutate):
    """The same, blocking."""

    blocking: ClassVar[bool] = True


@pytest.mark.parametrize("stage", [Mutate(), MutateLater(), MutateInThread()])
def test_a_stage_that_changes_a_body_in_place_fails_the_check_by_name(stage: Stage) -> None:
    pipeline = pipeline_of(Judge(), stage)
    with pytest.raises(RunFailed, match="stage s1 has changed the body of message m-1 in place"):
        run_pipeline(pipeline, [{"body": {}}], check_mutation=True)
    assert bodies(run_pipeline(pipeline, [{"body": {}}]), "out") == [{"new": True}]


def test_the_check_leaves_well_behaved_stages_alone() -> None:
    pipeline = pipeline_of(Split(), Judge(), Slow())
    messages = [{"body": ["reject", "later", "ok"]}]
    assert run_pipeline(pipeline, messages, check_mutation=True) == run_pipeline(pipeline, messages)
    _, error, _ = the_dead_letter(run_pipeline(pipeline, [{"body": b"{"}], check_mutation=True))
    assert error == "invalid"


# Loops.


async def test_the_async_form_runs_beside_a_loop_and_takes_no_time_there() -> None:
    started = time.perf_counter()
    ran = await run_pipeline_async(pipeline_of(Slow()), [{"body": 1}])
    assert bodies(ran, "out") == [1]
    assert time.perf_counter() - started < 2


async def test_the_plain_form_inside_a_loop_says_what_to_write() -> None:
    with pytest.raises(RuntimeError, match="await run_pipeline_async"):
        run_pipeline(HEAD + QUEUE, [])
