"""`sluiceway test`: what it prints, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from sluiceway.cli import app

FILE = """version: 1
name: orders
source: {use: sqs, with: {queue: orders}}
sinks:
  - {id: out, use: sqs, with: {queue: out}}
errors: {dead_letter: {use: sqs, with: {queue: orders-dlq}}}
"""
PASSES = """tests:
  - name: an order passes
    given: {body: {id: 7}}
    expect: {out: [{body: {id: 7}}]}
"""
FAILS = """  - name: an order fails
    given: {body: {id: 7, chan: W}}
    expect:
      out:
        - body: {id: 8, chan: W}
      dropped: 1
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.yaml").write_text(FILE + PASSES)
    (tmp_path / "bad.yaml").write_text(FILE + PASSES + FAILS)
    (tmp_path / "none.yaml").write_text(FILE)
    (tmp_path / "broken.yaml").write_text(FILE.replace("queue: orders}", "queu: orders}"))
    return tmp_path


def run_test(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["test", *arguments])


@pytest.mark.usefixtures("folder")
def test_a_test_is_a_line_and_all_passing_is_success() -> None:
    result = run_test("good.yaml")
    assert result.output.splitlines() == ["ok     good.yaml: an order passes", "1 passed, 0 failed"]
    assert result.exit_code == 0


@pytest.mark.usefixtures("folder")
def test_a_failure_shows_its_difference_at_what_was_expected() -> None:
    result = run_test("bad.yaml")
    assert result.output.splitlines() == [
        "ok     bad.yaml: an order passes",
        "FAILED bad.yaml: an order fails",
        "  bad.yaml:14:7: out: 0 of 1 message came as expected",
        "    what was expected is nearest to m-1: 1 of 2 values equal",
        "      body.id: expected 8, got 7",
        "  bad.yaml:16:7: dropped: expected 1 message, 0 came",
        "1 passed, 1 failed",
    ]
    assert result.exit_code == 1


def test_an_output_that_is_not_named_fails_at_expect(folder: Path) -> None:
    (folder / "good.yaml").write_text(FILE + PASSES.replace("{out: [{body: {id: 7}}]}", "{}"))
    assert "\n  good.yaml:10:5: out: expected to be empty\n" in run_test("good.yaml").output


@pytest.mark.usefixtures("folder")
def test_a_file_without_tests_says_so() -> None:
    result = run_test("none.yaml")
    assert result.output.splitlines() == ["none.yaml: no tests", "0 passed, 0 failed"]
    assert result.exit_code == 0


@pytest.mark.usefixtures("folder")
def test_a_file_that_is_wrong_shows_its_problems_and_the_others_still_run() -> None:
    result = run_test("broken.yaml", "good.yaml")
    assert "broken.yaml:3:27: error[unknown-key] source.with.queu" in result.output
    assert result.output.splitlines()[-2:] == [
        "ok     good.yaml: an order passes",
        "1 passed, 0 failed, 1 file not run",
    ]
    assert result.exit_code == 1


@pytest.mark.usefixtures("folder")
def test_programs_get_every_test_and_every_problem_as_json() -> None:
    result = run_test("bad.yaml", "broken.yaml", "--format", "json")
    answer = json.loads(result.output)
    assert answer["tests"][0] == {
        "file": "bad.yaml",
        "line": 8,
        "column": 5,
        "name": "an order passes",
        "passed": True,
        "failures": [],
    }
    assert answer["tests"][1]["failures"][1] == {
        "line": 16,
        "column": 7,
        "output": "dropped",
        "message": "expected 1 message, 0 came",
    }
    assert {problem["file"] for problem in answer["problems"]} == {"broken.yaml"}
    assert result.exit_code == 1


def test_a_name_of_several_lines_stays_on_one(folder: Path) -> None:
    (folder / "good.yaml").write_text(FILE + PASSES.replace("an order passes", '"an order\\n\\e[2J passes"'))
    assert run_test("good.yaml").output.splitlines()[0] == "ok     good.yaml: an order \\x1b[2J passes"


@pytest.mark.usefixtures("folder")
def test_a_terminal_with_colours_gets_marks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sluiceway.cli.test.in_color", lambda _: True)
    lines = run_test("bad.yaml").output.splitlines()
    assert lines[:2] == ["✓ bad.yaml: an order passes", "✗ bad.yaml: an order fails"]


STAGES = """
import sys
from contextlib import asynccontextmanager

from sluiceway import Message, Reject, Stage, stage


@stage
def check(message: Message) -> Message:
    if message.body == "leave":
        sys.exit(3)
    raise Reject("the order \x1b[2J has no total, and the reason of that is " + "long " * 50 + "and ends here")


class Leaves(Stage):
    @asynccontextmanager
    async def open(self, context):
        sys.exit(3)
        yield self.process
"""


def beside_stages(folder: Path, use: str, body: str) -> str:
    (folder / "stages.py").write_text(STAGES)
    stages = f"plugins: [./stages.py]\nstages: [{{id: check, use: './stages.py:{use}'}}]\n"
    (folder / "order.yaml").write_text(FILE + stages + PASSES.replace("{id: 7}}\n", f"{body}}}\n", 1))
    return run_test("order.yaml").output


def test_stage_error_and_reason_of_a_dead_letter_are_shown_whole_and_its_body_is_cut(folder: Path) -> None:
    output = beside_stages(folder, "check", "x" * 500)
    assert '"stage": "check", "error": "invalid", "reason": "the order \\u001b[2J has no total' in output
    assert 'and ends here", "id": "m-1", "body": "xxx' in output
    assert "… (382 characters more)" in output


def test_a_stage_that_exits_is_a_bug_and_ends_nothing(folder: Path) -> None:
    output = beside_stages(folder, "check", "leave")
    assert '"error": "bug", "reason": "RuntimeError: check raised SystemExit(3) (stages.py:11 in check)"' in output
    assert output.endswith("0 passed, 1 failed\n")


def test_a_stage_that_exits_while_it_is_opened_fails_the_test(folder: Path) -> None:
    output = beside_stages(folder, "Leaves", "1")
    assert "the pipeline cannot run: SystemExit: 3" in output
    assert output.endswith("0 passed, 1 failed\n")
