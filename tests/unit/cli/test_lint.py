"""`sluiceway lint` as people and programs see it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sluiceway.cli import app

GOOD = "version: 1\nname: orders\nsource: {use: memory}\nsinks: [{use: memory}]\n"

FIVE = """\
version: 1
name: shop-orders
source:
  use: sqs
  with: {queue: orders, wait_time: 10}
stages:
  - id: only-paid
    use: filtr
sinks:
  - id: bus
    use: eventbridge
    with: {bus: orders, sorce: shop.orders, detail_type: OrderAccepted}
  - id: bus
    use: memory
errors:
  retry: {attempts: 0}
  dead_letter: {use: sqs, with: {queue: orders-dlq}}
"""


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.chdir(tmp_path)
    return CliRunner()


def write(name: str, content: str | bytes) -> str:
    Path(name).write_bytes(content.encode() if isinstance(content, str) else content)
    return name


def test_a_right_file_is_ok(runner: CliRunner) -> None:
    result = runner.invoke(app, ["lint", write("orders.yaml", GOOD)])
    assert (result.exit_code, result.stdout) == (0, "orders.yaml: ok\n")


def test_five_different_mistakes_are_each_shown_with_line_and_column(runner: CliRunner) -> None:
    result = runner.invoke(app, ["lint", write("orders.yaml", FIVE)])
    lines = result.stdout.splitlines()
    assert [line.partition(" ")[0] for line in lines if line.startswith("orders.yaml:")] == [
        "orders.yaml:5:36:",
        "orders.yaml:8:10:",
        "orders.yaml:12:25:",
        "orders.yaml:13:9:",
        "orders.yaml:16:21:",
    ]
    assert "   = fix: did you mean `source`?" in lines
    assert lines[-1] == "5 errors, 0 warnings"
    assert result.exit_code == 1


def test_an_unknown_component_is_answered_with_the_nearest(runner: CliRunner) -> None:
    result = runner.invoke(app, ["lint", write("orders.yaml", GOOD.replace("[{use: memory", "[{use: memroy"))])
    assert "there is no sink `memroy`" in result.stdout
    assert "did you mean `memory`?" in result.stdout


def test_programs_get_a_list_of_the_same_problems_and_the_same_exit_code(runner: CliRunner) -> None:
    result = runner.invoke(app, ["lint", "--format", "json", write("orders.yaml", FIVE)])
    found = json.loads(result.stdout)
    assert [(p["line"], p["column"]) for p in found] == [(5, 36), (8, 10), (12, 25), (13, 9), (16, 21)]
    assert found[2]["suggestion"] == "source"
    assert found[2]["path"] == "sinks.bus.with.sorce"
    assert result.exit_code == 1
    right = runner.invoke(app, ["lint", "--format", "json", write("right.yaml", GOOD)])
    assert (right.exit_code, json.loads(right.stdout)) == (0, [])


def test_all_files_are_read_and_each_is_answered(runner: CliRunner) -> None:
    names = [write("wrong.yaml", "version: 2\n" + GOOD.partition("\n")[2]), write("right.yaml", GOOD), "gone.yaml"]
    result = runner.invoke(app, ["lint", *names])
    assert "wrong.yaml:1:10: " in result.stdout
    assert "gone.yaml:1:1: error[file] the file cannot be read: no such file or directory" in result.stdout
    assert result.stdout.splitlines()[-2:] == ["2 errors, 0 warnings", "right.yaml: ok"]
    assert result.exit_code == 1


ALIAS_BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{key}: &{key} [{', '.join([f'*{before}'] * 9)}]\n" for before, key in zip("abcdefg", "bcdefgh", strict=True)
)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the file is empty"),
        ("# nothing\n", "the file is empty"),
        (b"\x89PNG\r\n\x1a\n", "not a text file: byte 1 is not UTF-8"),
        (b"version: 1\0", "not a text file: byte 11 is NUL"),
        ("{]", "] stands where a value should begin"),
        ("just text", "the top level must be keys with values"),
        ("a: " + "[" * 5000, "levels"),
        (ALIAS_BOMB, "more than 10,000 values, aliases written out"),
        ("x" * (1024 * 1024 + 1), "the file has more than 1 MiB"),
    ],
    ids=["empty", "comment", "binary", "nul", "no-yaml", "no-mapping", "too-deep", "alias-bomb", "too-large"],
)
def test_a_file_that_is_no_pipeline_is_a_problem_too(runner: CliRunner, content: str | bytes, message: str) -> None:
    result = runner.invoke(app, ["lint", write("orders.yaml", content)])
    assert result.exit_code == 1
    assert message in result.stdout
    assert result.stdout.splitlines()[-1] == "1 error, 0 warnings"


def test_a_folder_is_a_problem_too(runner: CliRunner, tmp_path: Path) -> None:
    result = runner.invoke(app, ["lint", str(tmp_path)])
    assert f"{tmp_path}:1:1: error[file] the file cannot be read: is a directory" in result.stdout
    assert result.exit_code == 1


def test_the_settings_beside_the_file_are_checked_once_for_all_files(runner: CliRunner) -> None:
    write("sluiceway.yaml", "plugin: [acme]\n")
    result = runner.invoke(app, ["lint", write("a.yaml", GOOD), write("b.yaml", GOOD)])
    assert "sluiceway.yaml:1:1: error[unknown-key] plugin: unknown key `plugin`" in result.stdout
    assert result.stdout.splitlines()[-1] == "1 error, 0 warnings"
    assert result.exit_code == 1


def test_the_settings_can_be_checked_alone(runner: CliRunner) -> None:
    result = runner.invoke(app, ["lint", write("sluiceway.yaml", "plugins: []\n")])
    assert (result.exit_code, result.stdout) == (0, "sluiceway.yaml: ok\n")


def test_a_secret_is_shown_neither_as_value_nor_as_line(runner: CliRunner) -> None:
    sink = "{use: http, with: {url: 'https://example.org', headers: {authorization: hunter2}}}"
    result = runner.invoke(app, ["lint", write("orders.yaml", GOOD.replace("[{use: memory}]", f"[{sink}]"))])
    assert result.exit_code == 1
    assert "sinks.0.with.headers.authorization" in result.stdout
    assert "hunter2" not in result.stdout
