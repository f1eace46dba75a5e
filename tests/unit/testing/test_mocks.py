"""Mocks: what a stage that calls out is answered in a run, and what happens when there is no answer."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from sluiceway import JSON, Context, Message, Process, Secret, Stage
from sluiceway.testing import Ran, RunFailed, run_pipeline

if TYPE_CHECKING:
    from tests.unit.testing.conftest import PipelineOf

HEAD = """
version: 1
name: orders
source: {use: sqs, with: {queue: orders}}
errors: {dead_letter: {use: sqs, with: {queue: orders-dlq}}}
"""
QUEUE = "sinks: [{id: out, use: sqs, with: {queue: out}}]\n"
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


def bodies(ran: Ran) -> list[JSON]:
    return [message.body for message in ran.sinks["out"]]


def the_dead_letter(ran: Ran) -> tuple[str, str | None, str]:
    assert not any(ran.sinks.values())
    (ended,) = ran.dead_letters
    return ended.stage, ended.error, ended.reason


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
    assert bodies(enrich(mock)) == [{"id": 7, "customer": customer}]


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
    assert bodies(ran) == [{"a": 10}]


@pytest.mark.parametrize(("mock", "error"), [({"missing": True}, "missing"), ({"status": 500}, "expired")])
def test_a_bucket_can_fail(mock: object, error: str) -> None:
    stage, kind, _ = the_dead_letter(run_pipeline(HEAD + RESTORE + QUEUE, [CLAIM], {"fetch": mock}))
    assert (stage, kind) == ("fetch", error)


def test_an_object_is_put_unless_the_mock_says_otherwise() -> None:
    text = HEAD + "stages: [{id: park, use: claim_check.store, with: {bucket: b, always: true}}]\n" + QUEUE
    ran = run_pipeline(text, [{"body": {"a": 1}}], {"park": [{"status": 503}, True]})
    assert [list(body) for body in bodies(ran) if isinstance(body, dict)] == [["claim"]]


def test_a_call_without_a_mock_fails_the_run_by_name() -> None:
    sentence = r"stage ask calls out and the test has no mock for it \(GET https://customers.internal/7\)"
    with pytest.raises(RunFailed, match=sentence):
        run_pipeline(HEAD + ENRICH + QUEUE, [{"body": {"id": 7}}])


def test_a_call_beyond_the_last_answer_fails_the_run() -> None:
    with pytest.raises(RunFailed, match="the mock of stage ask has 1 answer, and this is call 2"):
        enrich([{"status": 503}])


def test_a_stage_cannot_hide_that_it_had_no_mock(pipeline_of: PipelineOf) -> None:
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
    with pytest.raises(ValueError, match="there is no stage out to mock; the stages are ask"):
        run_pipeline(HEAD + ENRICH + QUEUE, [], {"out": 1})


def test_a_secret_is_a_placeholder(pipeline_of: PipelineOf) -> None:
    class Show(Stage):
        @asynccontextmanager
        async def open(self, context: Context) -> AsyncGenerator[Process]:
            token = await context.secret(Secret("env:NOT_SET", "Bearer "))

            def process(message: Message) -> Message:
                context.count("shown")
                return message.with_body(token)

            yield process

    assert bodies(run_pipeline(pipeline_of(Show()), [{"body": 1}])) == ["Bearer test-secret"]


def test_what_was_retried_before_the_answers_ran_out_is_said_too(pipeline_of: PipelineOf) -> None:
    class Buggy(Stage):
        @asynccontextmanager
        async def open(self, context: Context) -> AsyncGenerator[Process]:
            http = context.http(timeout=1, max_size=10)

            async def process(message: Message) -> Message:
                answer = await http.request("GET", "https://elsewhere.example/")
                return message.with_body({"name": answer.headers["naem"]})

            yield process

    with pytest.raises(RunFailed) as caught:
        run_pipeline(pipeline_of(Buggy()), [{"body": 1}], {"s0": [1, 2]})
    used_up, before = str(caught.value).splitlines()
    assert used_up.startswith("the mock of stage s0 has 2 answers, and this is call 3 (GET https://elsewhere")
    assert before.startswith("before that, message m-1 failed in s0 and came again: KeyError: 'naem' (test_mocks.py:")
