"""`sluiceway run`, on memory."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sluiceway.cli import app
from sluiceway.cli.summary import print_summary
from sluiceway.core.message import Message
from sluiceway.core.outcome import Ack, DeadLetter, Facts, Retry
from sluiceway.core.ports import Delivery
from sluiceway.engine.report import Ending, Report

FILE = """\
version: 1
name: orders
source: {use: memory, with: {messages: [{body: {total: 1}}, {body: {total: 0}}]}}
stages: [{use: filter, with: {pattern: {body: {total: [1]}}}}]
sinks: [{use: memory}]
"""


def test_a_run_ends_when_its_source_is_exhausted_and_logs_what_it_did(tmp_path: Path) -> None:
    file = tmp_path / "orders.yaml"
    file.write_text(FILE)
    result = CliRunner().invoke(app, ["run", str(file)])
    assert result.exit_code == 0
    assert '"event": "stopped"' in result.stderr
    assert '"received": 2' in result.stderr
    assert '"not_settled": 0' in result.stderr
    assert '"dropped": {"filter: no pattern matched": 1}' in result.stderr
    assert result.stdout == ""


def test_a_wrong_file_does_not_run(tmp_path: Path) -> None:
    file = tmp_path / "orders.yaml"
    file.write_text(FILE.replace("sinks", "sink"))
    result = CliRunner().invoke(app, ["run", str(file), "--log-format", "text"])
    assert result.exit_code == 1
    assert "orders.yaml:5:1: error[unknown-key]" in result.stderr
    assert result.stderr.splitlines()[-1] == "1 error, 0 warnings"


def test_a_file_that_is_given_twice_is_told_apart_from_a_name_that_is(tmp_path: Path) -> None:
    file, other = tmp_path / "orders.yaml", tmp_path / "other.yaml"
    file.write_text(FILE)
    other.write_text(FILE)
    twice = CliRunner().invoke(app, ["run", str(file), str(file), "--log-format", "text"])
    assert (twice.exit_code, "this file is given twice" in twice.stderr) == (1, True)
    same_name = CliRunner().invoke(app, ["run", str(file), str(other), "--log-format", "text"])
    assert f"the name `orders` is taken already, by {file}" in same_name.stderr


def without_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of two files that need three secrets, none of which is there."""
    for name in ("TOKEN_A", "TOKEN_B"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    http = "url: 'https://h.example', headers: {x-key: {secret: 'env:TOKEN_A'}, x-token: {secret: 'env:TOKEN_B'}}"
    text = FILE.replace("sinks: [{use: memory}]", f"sinks: [{{id: partner, use: http, with: {{{http}}}}}]")
    Path("a.yaml").write_text(text)
    Path("b.yaml").write_text(text.replace("name: orders", "name: more").replace("TOKEN_B", "TOKEN_A"))
    return ["a.yaml", "b.yaml"]


def test_secrets_that_are_not_there_stop_the_start_all_of_every_file_named_with_their_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = without_secrets(tmp_path, monkeypatch)
    result = CliRunner().invoke(app, ["run", *files, "--log-format", "text"])
    assert result.exit_code == 3
    key, token = ("sinks.partner.with.headers.x-key", "sinks.partner.with.headers.x-token")
    assert result.stderr.splitlines() == [
        f"sluiceway: error: a.yaml: {key}, b.yaml: {key}, b.yaml: {token}: {not_set('TOKEN_A')}",
        f"sluiceway: error: a.yaml: {token}: {not_set('TOKEN_B')}",
    ]


def not_set(name: str) -> str:
    return f"secret env:{name} is not set: set the environment variable {name}"


def test_where_logs_are_json_the_error_that_ends_a_run_is_a_line_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = CliRunner().invoke(app, ["run", *without_secrets(tmp_path, monkeypatch)])
    assert result.exit_code == 3
    (line,) = map(json.loads, result.stderr.splitlines())
    assert (line["event"], line["level"], line["exit_code"]) == ("failed", "error", 3)
    assert [reason.rpartition(": secret ")[2][:12] for reason in line["reasons"]] == ["env:TOKEN_A ", "env:TOKEN_B "]


def test_a_wrong_file_is_shown_as_lint_shows_it_even_where_logs_are_json(tmp_path: Path) -> None:
    file = tmp_path / "orders.yaml"
    file.write_text(FILE.replace("sinks", "sink").replace("use: filter", "use: filtr"))
    result = CliRunner().invoke(app, ["run", str(file)])
    assert result.exit_code == 1
    assert result.stderr.startswith(f"{file}:4:16: error[unknown-component] stages.0.use: ")
    assert f"{file}:5:1: error[unknown-key] sink: " in result.stderr


def test_a_secret_that_is_no_signing_key_is_named_with_its_component(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN_A", "short")
    file = tmp_path / "a.yaml"
    http = "url: 'https://h.example', sign: {standard_webhooks: {secret: 'env:TOKEN_A'}}"
    file.write_text(FILE.replace("sinks: [{use: memory}]", f"sinks: [{{id: partner, use: http, with: {{{http}}}}}]"))
    result = CliRunner().invoke(app, ["run", str(file), "--log-format", "text"])
    assert result.exit_code == 3
    assert result.stderr.startswith(f"sluiceway: error: {file}: sinks.partner: env:TOKEN_A holds no Standard Webhooks")


def test_a_stage_that_opens_what_is_no_function_is_a_mistake_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "stages.py").write_text(
        "from contextlib import asynccontextmanager\nfrom sluiceway import Stage\n\n"
        "class Odd(Stage):\n    @asynccontextmanager\n    async def open(self, context):\n"
        "        yield lambda message: message\n"
    )
    file = tmp_path / "orders.yaml"
    file.write_text(
        "version: 1\nname: orders\nplugins: [./stages.py]\nsource: {use: memory}\n"
        "stages: [{id: odd, use: './stages.py:Odd'}]\nsinks: [{use: memory}]\n"
    )
    result = CliRunner().invoke(app, ["run", str(file), "--log-format", "text"])
    assert result.exit_code == 1
    assert "orders.yaml:1:1: error[invalid] stages.odd: process must be a def or an async def" in result.stderr


def test_the_sums_of_the_closing_table_can_be_checked(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report(received=5)
    message = Message(id="m")
    delivery = Delivery(message, "r", b"")
    facts = Facts("orders", "as-agreed", "invalid", "", 1, (), "m", "")
    for verdict in (Ack(), Ack(), DeadLetter(facts), Retry(1, "")):
        report.done(delivery, verdict)
    for ending in (
        Ending("accepted", "bus"),
        Ending("dropped", "only-paid", "no pattern matched"),
        Ending("rejected", "as-agreed", "body.x is 3", "invalid"),
    ):
        report.ended(delivery, message, ending)
    print_summary({"orders": report})
    assert capsys.readouterr().out.splitlines() == [
        "orders         messages  where      why",
        "done                  2",
        "dead-lettered         1",
        "given back            1",
        "not settled           1             its lease was lost, or the worker was stopped",
        "total                 5             received",
        "  accepted            1  bus",
        "  dropped             1  only-paid  no pattern matched",
        "  rejected            1  as-agreed  invalid",
    ]
