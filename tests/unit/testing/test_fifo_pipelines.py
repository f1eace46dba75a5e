"""A pipeline with a FIFO source, run in memory: order, groups and `on_failure` are production's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sluiceway import Message, Stage
from sluiceway.adapters.sqs import SqsSource
from sluiceway.core.spec import Retry
from sluiceway.core.units import Duration
from sluiceway.testing import run_pipeline, run_tests

if TYPE_CHECKING:
    from tests.unit.testing.conftest import PipelineOf

FILE = """
version: 1
name: orders
source: {use: sqs, with: {queue: orders.fifo}}
stages: [{id: ask, use: enrich.http, with: {url: "https://customers.internal/", into: customer}}]
sinks: [{id: out, use: sqs, with: {queue: out.fifo}}]
errors: {dead_letter: {use: sqs, with: {queue: orders-dlq}}}
tests:
"""
GIVEN = "given: [{body: {n: 1}}, {body: {n: 2}}, {body: {n: 3}}], mock: {ask: [{status: 503}, {a: 1}, {a: 1}, {a: 1}]}"


@pytest.mark.parametrize(
    ("expected", "said"),
    [
        ("[{body: {n: 1}}, {body: {n: 2}}, {body: {n: 3}}]", []),
        ("3", []),
        (
            "[{body: {n: 1}}, {body: {n: 3}}, {body: {n: 2}}]",
            ["all came, but not in this order: number 2 is not m-2 (came: m-1, m-2, m-3)"],
        ),
    ],
)
def test_a_list_is_expected_in_order_whatever_was_tried_again(expected: str, said: list[str]) -> None:
    (result,) = run_tests(f"{FILE}  - {{name: t, {GIVEN}, expect: {{out: {expected}}}}}\n")
    assert [failure.text for failure in result.failures] == said


def test_between_groups_there_is_no_order() -> None:
    given = "given: [{body: {n: 1}, meta: {group: a}}, {body: {n: 2}, meta: {group: b}}], mock: {ask: {a: 1}}"
    (result,) = run_tests(
        f"{FILE}  - {{name: t, {given}, expect: {{out: [{{body: {{n: 2}}}}, {{body: {{n: 1}}}}]}}}}\n"
    )
    assert result.passed


def test_each_group_arrives_in_order_and_keeps_its_name() -> None:
    given = [{"body": {"n": n}, "meta": {"group": "ab"[n % 2]}} for n in range(30)]
    ran = run_pipeline(FILE.replace("tests:", ""), given, {"ask": [{"status": 503}, *[{"a": 1}] * 30]})
    for group, start in (("a", 0), ("b", 1)):
        mine = [message for message in ran.sinks["out"] if message.meta["group"] == group]
        assert [message.id for message in mine] == [f"m-{n + 1}" for n in range(start, 30, 2)]


class Broken(Stage):
    """Has a bug that message m-1 meets."""

    def process(self, message: Message) -> Message:
        if message.id == "m-1":
            raise ValueError("a bug")
        return message


@pytest.mark.parametrize(("on_failure", "error"), [("block", "expired"), ("dead_letter", "bug")])
def test_on_failure_says_how_long_a_message_holds_up_its_group(
    on_failure: str, error: str, pipeline_of: PipelineOf
) -> None:
    source = SqsSource.model_validate({"queue": "orders.fifo", "on_failure": on_failure})
    retry = Retry(attempts=3, max_age=Duration("1h"))
    ran = run_pipeline(pipeline_of(Broken(), source=source, retry=retry), [{"body": n} for n in range(12)])
    assert [(dead.message.id, dead.error) for dead in ran.dead_letters] == [("m-1", error)]
    assert [message.id for message in ran.sinks["out"]] == [f"m-{n + 2}" for n in range(11)]
