"""`sluiceway lint --format github`: annotations that GitHub Actions shows beside the lines."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from sluiceway.cli import app
from sluiceway.config.github import render_github
from sluiceway.core.problem import Problem

WRONG = """\
version: 1
name: orders
source: {use: memory, schema: order.json}
stages:
  - {id: only-paid, use: filter, with: {pattern: {body: {statsu: [paid]}}}}
sinks: [{use: memry}]
"""


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.chdir(tmp_path)
    Path("order.json").write_text('{"properties": {"status": {}}}')
    return CliRunner()


def test_each_problem_is_a_workflow_command_with_its_place(runner: CliRunner) -> None:
    Path("orders.yaml").write_text(WRONG)
    result = runner.invoke(app, ["lint", "--format", "github", "orders.yaml"])
    assert result.stdout == (
        "::warning file=orders.yaml,line=5,endLine=5,col=58,endColumn=63,title=unknown-path::"
        "stages.only-paid.with.pattern.body.statsu: nothing that is known of `body` names `statsu` (fix: status)\n"
        "::error file=orders.yaml,line=6,endLine=6,col=15,endColumn=19,title=unknown-component::"
        "sinks.0.use: there is no sink `memry` (fix: memory)\n"
    )
    assert result.exit_code == 1


def test_warnings_alone_are_no_error(runner: CliRunner) -> None:
    Path("orders.yaml").write_text(WRONG.replace("memry", "memory"))
    result = runner.invoke(app, ["lint", "--format", "github", "orders.yaml"])
    assert (result.exit_code, result.stdout.count("::warning ")) == (0, 1)


def test_a_right_file_says_nothing(runner: CliRunner) -> None:
    Path("orders.yaml").write_text(WRONG.replace("memry", "memory").replace("statsu", "status"))
    result = runner.invoke(app, ["lint", "--format", "github", "orders.yaml"])
    assert (result.exit_code, result.stdout) == (0, "")


def test_what_would_end_a_command_or_a_property_is_escaped() -> None:
    problem = Problem("a,b:100%.yaml", 1, 2, "stages.0", "50% of\n::error::that\r", "invalid", length=3)
    assert render_github([problem]) == (
        "::error file=a%2Cb%3A100%25.yaml,line=1,endLine=1,col=2,endColumn=4,title=invalid::"
        "stages.0: 50%25 of\\n::error::that\\r"
    )


def test_a_long_message_is_cut() -> None:
    assert len(render_github([Problem("a.yaml", 1, 1, "x" * 1000, "y" * 10_000)])) < 1000
