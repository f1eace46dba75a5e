"""Tests in files beside the pipeline, when a test begins, and what tests cover."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from sluiceway.cli import app

ORDERS = """version: 1
name: orders
plugins: [./stages.py]
source: {use: sqs, with: {queue: orders}}
stages:
  - {id: sort, use: "./stages.py:Sort", with: {high: 100}}
  - {id: never, use: "./stages.py:stamp", routes: [low]}
sinks:
  - {id: out, use: sqs, with: {queue: out}, routes: [high]}
  - {id: other, use: sqs, with: {queue: other}, routes: [low]}
errors: {dead_letter: {use: sqs, with: {queue: orders-dlq}}}
"""
STAGES = """
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from sluiceway import Context, Decision, Message, Process, Stage, stage

class Sort(Stage):
    high: int

    def labels(self): return ["high", "low"]
    def branches(self): return [("high",), ("high", "not")]
    def decisions(self, message):
        is_high = message.body >= self.high
        return [Decision(("high",), "is it high?", is_high), Decision(("high", "not"), "or not?", not is_high)]
    def process(self, message: Message) -> Message:
        return message.to("high" if message.body >= self.high else "low")

class Now(Stage):
    @asynccontextmanager
    async def open(self, context: Context) -> AsyncGenerator[Process]:
        def process(message: Message) -> Message:
            return message.with_body([context.clock.now(), context.random.randrange(1000)])
        yield process

@stage
def stamp(message: Message) -> Message:
    return message
"""
GOOD = """tests:
  - name: what is high goes out
    given: {body: 100}
    expect: {out: [{body: 100, routes: [high]}]}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "orders.yaml").write_text(ORDERS)
    (tmp_path / "orders.test.yaml").write_text(GOOD)
    (tmp_path / "stages.py").write_text(STAGES)
    return tmp_path


def command(*arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments])


@pytest.mark.parametrize("given", [["orders.yaml"], ["orders.test.yaml"], ["orders.yaml", "orders.test.yaml"]])
@pytest.mark.usefixtures("folder")
def test_tests_beside_a_pipeline_are_run_once_whichever_file_is_named(given: list[str]) -> None:
    result = command("test", *given)
    assert result.output.splitlines() == ["ok     orders.test.yaml: what is high goes out", "1 passed, 0 failed"]


def test_tests_in_the_file_and_in_several_beside_it_all_run(folder: Path) -> None:
    (folder / "orders.yaml").write_text(ORDERS + GOOD)
    (folder / "orders.more.test.yaml").write_text(GOOD)
    (folder / "ordersx.test.yaml").write_text("nonsense")
    assert command("test", "orders.yaml").output.splitlines() == [
        "ok     orders.yaml: what is high goes out",
        "ok     orders.more.test.yaml: what is high goes out",
        "ok     orders.test.yaml: what is high goes out",
        "3 passed, 0 failed",
    ]


def test_a_failure_points_into_the_file_of_the_test(folder: Path) -> None:
    (folder / "orders.test.yaml").write_text(GOOD.replace("[high]}]", "[low]}]"))
    result = command("test", "orders.yaml")
    assert result.exit_code == 1
    assert "  orders.test.yaml:4:14: out: 0 of 1 message came as expected" in result.output
    assert 'routes.0: expected "low", got "high"' in result.output


@pytest.mark.parametrize("verb", ["test", "lint"])
@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            GOOD.replace("out:", "outt:"),
            "orders.test.yaml:4:14: error[unknown-id] tests.0.expect.outt: there is no sink",
        ),
        (GOOD.replace("given", "givn"), "orders.test.yaml:3:5: error[unknown-key]"),
        ("tests: [", "orders.test.yaml:"),
        (GOOD + "stages: []\n", "orders.test.yaml:5:1: error[unknown-key] stages"),
    ],
)
def test_what_is_wrong_in_it_is_said_with_its_place(folder: Path, verb: str, text: str, said: str) -> None:
    (folder / "orders.test.yaml").write_text(text)
    result = command(verb, "orders.yaml")
    assert result.exit_code == 1
    assert said in result.output


def test_a_test_may_say_when_it_begins_and_with_which_chance(folder: Path) -> None:
    text = ORDERS.replace('{id: sort, use: "./stages.py:Sort", with: {high: 100}}', '{id: now, use: "./stages.py:Now"}')
    plain = text.replace(", routes: [low]", "").replace(", routes: [high]", "")
    expect = "expect: {other: 1, out: [{body: [%s, %d]}]}"
    tests = "tests:\n" + "".join(
        f"  - {{name: t, {start}given: {{}}, {expect % answer}}}\n"
        for start, answer in [
            ("", ("1767225600.0", 864)),
            ("now: '2027-05-01T12:00:00+02:00', ", ("1809165600.0", 864)),
            ("now: '2027-05-01T12:00', seed: 7, ", ("1809172800.0", 331)),
        ]
    )
    (folder / "orders.yaml").write_text(plain)
    (folder / "orders.test.yaml").write_text(tests)
    result = command("test", "orders.yaml")
    assert result.exit_code == 0, result.output


@pytest.mark.usefixtures("folder")
def test_coverage_names_what_no_test_reaches() -> None:
    lines = command("test", "--coverage", "orders.yaml").output.splitlines()
    assert lines[1:-1] == [
        "orders.yaml: coverage: stages 1/2, branches 1/2, routes 1/2, sinks 1/2",
        "  orders.yaml:6:48: not reached: branch sort: high.not",
        "  orders.yaml:6:5: not reached: route sort: low",
        "  orders.yaml:7:5: not reached: stage never",
        "  orders.yaml:10:5: not reached: sink other",
    ]


def test_all_tests_of_a_pipeline_cover_it_together(folder: Path) -> None:
    low = GOOD.replace("100", "1").replace("high", "low").replace("out:", "other:")
    (folder / "orders.low.test.yaml").write_text(low)
    lines = command("test", "--coverage", "orders.yaml").output.splitlines()
    assert lines[-2:] == [
        "orders.yaml: coverage: stages 2/2, branches 2/2, routes 2/2, sinks 2/2",
        "2 passed, 0 failed",
    ]


@pytest.mark.usefixtures("folder")
def test_coverage_as_json_has_each_point() -> None:
    points = json.loads(command("test", "--coverage", "--format", "json", "orders.yaml").output)["coverage"]
    assert {(p["kind"], p["where"], *p["place"]) for p in points if not p["reached"]} == {
        ("branch", "sort", "high", "not"),
        ("route", "sort", "low"),
        ("stage", "never"),
        ("sink", "other"),
    }
    assert points[0] == {
        "file": "orders.yaml",
        "line": 6,
        "column": 5,
        "kind": "stage",
        "where": "sort",
        "place": [],
        "reached": True,
    }
