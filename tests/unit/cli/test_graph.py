"""`sluiceway graph`: pipelines as Mermaid."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sluiceway.cli import app

FIRST = """
version: 1
name: first "one"
source: {use: sqs, with: {queue: in}}
stages:
  - {id: ours, use: filter, with: {pattern: {body: {kind: [a]}}}}
  - {use: idempotent_receiver, id: once, with: {key: {jmes: id}, store: {dynamodb: seen}}}
sinks:
  - {id: out, use: sqs, with: {queue: between}}
errors: {dead_letter: {use: sqs, with: {queue: in-dlq}}}
"""
SECOND = """
version: 1
name: second
source: {use: sqs, with: {queue: between}}
sinks:
  - {id: partner, use: http, with: {url: https://partner.example}}
errors: {dead_letter: {use: sqs, with: {queue: in-dlq}}}
"""
ROUTED = """
version: 1
name: routed
plugins: [./stages.py]
source: {use: memory}
stages:
  - {id: sort, use: "./stages.py:sort"}
  - {id: only-a, use: "./stages.py:same", routes: [a]}
sinks:
  - {id: one, use: memory, routes: [a]}
  - {id: two, use: memory, routes: [a, b]}
"""
STAGES = """
from sluiceway import Message, stage

@stage(routes=["a", "b"])
def sort(message: Message) -> Message:
    return message.to("a")

@stage
def same(message: Message) -> Message:
    return message
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "stages.py").write_text(STAGES)
    for name, text in (("first", FIRST), ("second", SECOND), ("routed", ROUTED)):
        (tmp_path / f"{name}.yaml").write_text(text.replace('first "one"', "first"))
    return tmp_path


def graph(*files: str) -> list[str]:
    result = CliRunner().invoke(app, ["graph", *files])
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()


@pytest.mark.usefixtures("folder")
def test_stages_stand_in_a_row_between_source_and_sinks() -> None:
    lines = graph("first.yaml")
    assert lines[0] == "flowchart LR"
    assert '  subgraph p0["first"]' in lines
    assert '    p0_s0["ours<br/><i>filter</i>"]' in lines
    assert '  x0[("sqs<br/><b>in</b>")]' in lines
    assert [line for line in lines if "-->" in line] == ["  x0 --> p0_s0", "  p0_s0 --> p0_s1", "  p0_s1 --> x1"]
    assert "  p0 -. dead letters .-> x2" in lines


@pytest.mark.usefixtures("folder")
def test_a_queue_between_two_pipelines_is_one_node() -> None:
    lines = graph("first.yaml", "second.yaml")
    assert sum("<b>between</b>" in line for line in lines) == 1
    assert "  x1 --> x3" in lines, "no stage lies between"
    assert "  p1 -. dead letters .-> x2" in lines


@pytest.mark.usefixtures("folder")
def test_routes_label_the_way_and_what_is_not_on_them_passes_by() -> None:
    lines = graph("routed.yaml")
    edges = [line.strip() for line in lines if "-->" in line]
    assert edges == [
        "x0 --> p0_s0",
        'p0_s0 -->|"a"| p0_s1',
        'p0_s0 -->|"a"| x1',
        'p0_s1 -->|"a"| x1',
        'p0_s0 -->|"a or b"| x2',
        'p0_s1 -->|"a or b"| x2',
    ]
    assert any(re.search(r"p0_s0\{.*\}$", line) for line in lines), "where messages part stands a rhombus"


def test_no_text_of_a_file_becomes_syntax_of_the_chart(folder: Path) -> None:
    hostile = ROUTED.replace("[a]", "['a\"]<script>']").replace(
        'id: sort, use: "./stages.py:sort"', "use: ./odd.py:odd"
    )
    (folder / "hostile.yaml").write_text(hostile.replace("[a, b]", "['a\"]<script>']").replace("./stages", "./odd"))
    odd = STAGES.replace('"a", "b"', "'a\"]<script>'").replace("def sort", "def odd")
    (folder / "odd.py").write_text(odd)
    text = "\n".join(graph("hostile.yaml"))
    assert '-->|"a#quot;]&lt;script&gt;"|' in text
    assert "<script>" not in text


def test_a_wrong_file_gives_its_problems(folder: Path) -> None:
    (folder / "wrong.yaml").write_text("version: 2\n")
    result = CliRunner().invoke(app, ["graph", "wrong.yaml"])
    assert result.exit_code == 1
    assert "wrong.yaml:1:10" in result.stderr
