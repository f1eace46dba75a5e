"""`sluiceway explain`: what it tells of messages that go on, end early, part, wait and fail."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from sluiceway.cli import app

ORDERS = """
version: 1
name: orders
plugins: [./stages.py]
source: {use: sqs, with: {queue: orders}}
stages:
  - id: only-paid
    use: filter
    with: {pattern: {body: {status: [paid]}}}
  - {id: volume, use: ./stages.py:volume}
  - id: for-some
    use: ./stages.py:shout
    routes: [loud]
  - id: add-customer
    use: enrich.http
    with: {url: "https://customers.internal/{id}", params: {id: {jmes: body.no}}, into: customer}
  - id: our-words
    use: translate
    with:
      map:
        name: {jmes: body.customer.name}
        channel: {jmes: body.chan, enum: {W: web}, on_unknown: reject}
        password: {jmes: body.password, optional: true}
  - id: parts
    use: ./stages.py:maybe_split
  - {id: by-hand, use: ./stages.py:shout}
sinks:
  - {id: bus, use: eventbridge, with: {bus: b, source: shop, detail_type: Ordered}}
  - id: partner
    use: http
    with:
      url: https://partner.example/hooks
      headers: {authorization: {secret: "env:TOKEN"}}
      sign: {standard_webhooks: {secret: "env:KEY"}}
errors: {dead_letter: {use: sqs, with: {queue: orders-dlq}}}
tests:
  - name: a paid order
    given: {body: {no: 7, status: paid, chan: W}}
    mock: {add-customer: {name: Ada}}
    expect: {bus: 1, partner: 1}
"""

STAGES = """
from sluiceway import Message, stage

@stage(routes=["loud", "quiet"])
def volume(message: Message) -> Message:
    return message.to("quiet")

@stage
def shout(message: Message) -> Message:
    return message

@stage
def maybe_split(message: Message) -> Message | list[Message]:
    return [message, message] if message.body.get("channel") == "web" and "twice" in message.headers else message
"""


@pytest.fixture
def explain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    (tmp_path / "orders.yaml").write_text(ORDERS)
    (tmp_path / "stages.py").write_text(STAGES)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KEY", "whsec_" + "A" * 32)

    def run(message: object, *options: str, mock: object = None, file: str = "orders.yaml") -> Result:
        given = ["--message", json.dumps(message)] if message is not None else []
        answers = ["--mock", f"add-customer={json.dumps(mock)}"] if mock is not None else []
        return CliRunner().invoke(app, ["explain", file, *given, *answers, *options])

    return run


def paid(**fields: object) -> dict[str, object]:
    return {"no": 7, "status": "paid", "chan": "W", **fields}


def test_a_message_that_reaches_two_sinks_shows_each_change_and_what_each_sink_gets(explain: Any) -> None:
    result = explain(paid(), mock={"name": "Ada"})
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert [line.split()[:2] for line in lines if line[:1].isalpha()][:5] == [
        ["only-paid", "passed"],
        ["volume", "changed"],
        ["for-some", "passed"],
        ["add-customer", "changed"],
        ["our-words", "changed"],
    ]
    assert "for-some      passed by   it takes the route loud" in lines
    assert '+ body.customer: {"name": "Ada"}' in result.stdout
    assert '+ body.channel: "web"' in result.stdout
    assert '~ routes: [] → ["quiet"]' in result.stdout
    assert "→ bus (eventbridge) m-1, 41 bytes" in lines
    assert '    Detail: {"name":"Ada","channel":"web"}' in lines
    assert "    request: POST https://partner.example/hooks" in lines
    assert '"authorization": "***"' in result.stdout


def test_a_message_that_is_filtered_shows_where_and_no_sink(explain: Any) -> None:
    result = explain(paid(status="open"))
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0].startswith("only-paid     DROPPED")
    assert "dropped at only-paid: no pattern matched" in result.stdout
    assert "→" not in result.stdout
    assert "our-words" not in result.stdout


def test_a_message_that_is_rejected_shows_the_reason_and_where_it_goes(explain: Any) -> None:
    result = explain(paid(chan="?"), mock={"name": "Ada"})
    assert result.exit_code == 0
    assert "our-words     REJECTED    invalid: channel" in result.stdout
    assert "dead-lettered to sqs, from our-words: invalid: channel" in result.stdout


def test_a_call_without_a_mock_is_named_with_what_to_do(explain: Any) -> None:
    result = explain(paid())
    assert result.exit_code == 1
    assert "not finished: stage add-customer calls out and the test has no mock for it" in result.stdout
    assert "GET https://customers.internal/7" in result.stdout
    assert "--mock STAGE=JSON" in result.stdout


def test_what_may_be_a_secret_is_not_shown(explain: Any) -> None:
    result = explain(paid(password="hunter2"), mock={"name": "Ada"})
    assert "hunter2" not in result.stdout
    assert '"password":"***"' in result.stdout.replace('": "', '":"')
    as_json = explain(paid(password="hunter2"), "--format", "json", mock={"name": "Ada"})
    assert "hunter2" not in as_json.stdout


@pytest.mark.parametrize("options", [(), ("--format", "json")])
def test_what_may_be_a_secret_is_not_shown_where_a_message_ends(
    explain: Any, tmp_path: Path, options: tuple[str, ...]
) -> None:
    chosen = ORDERS.replace("jmes: body.chan, enum", "jmes: body.password, enum")
    (tmp_path / "secret.yaml").write_text(chosen)
    result = explain(paid(password="hunter2"), *options, mock={"name": "Ada"}, file="secret.yaml")
    assert result.exit_code == 0, result.output
    assert "our-words" in result.stdout
    assert "hunter2" not in result.stdout


def test_parts_of_a_message_are_named(explain: Any) -> None:
    result = explain(paid(), "--header", "twice=yes", mock={"name": "Ada"})
    assert "parts         split       [m-1] to 2 messages" in result.stdout
    assert "by-hand       passed      [m-1/1]" in result.stdout


def test_a_call_that_fails_for_a_moment_is_told_with_the_times(explain: Any) -> None:
    result = explain(paid(), mock=[{"status": 503}, {"status": 503}, {"name": "Ada"}])
    assert "add-customer  FAILED      https://customers.internal/7 answered 503 (2 times)" in result.stdout
    assert "→ bus" in result.stdout


def test_json_has_steps_with_lines_sinks_and_ends(explain: Any) -> None:
    told = json.loads(explain(paid(), "--format", "json", mock={"name": "Ada"}).stdout)
    assert [(step["stage"], step["word"]) for step in told["steps"]][:2] == [
        ("only-paid", "passed"),
        ("volume", "changed"),
    ]
    assert told["steps"][0]["line"] == 7
    assert told["passed_by"] == ["for-some"]
    assert {sink["sink"]: sink["parts"].get("DetailType") for sink in told["sinks"]} == {
        "bus": "Ordered",
        "partner": None,
    }
    dropped = json.loads(explain(paid(status="open"), "--format", "json").stdout)["dropped"]
    assert dropped == [{"stage": "only-paid", "error": None, "reason": "no pattern matched", "message": "m-1"}]


def test_a_test_of_the_file_is_explained_with_its_mocks(explain: Any) -> None:
    result = explain(None, "--test", "a paid order")
    assert result.exit_code == 0
    assert "→ partner" in result.stdout


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--test", "a payed order"), "did you mean 'a paid order'?"),
        ((), "give either --message, or --test"),
        (("--test", "a paid order", "--mock", "add-custmer=1"), "did you mean add-customer?"),
        (("--test", "a paid order", "--mock", "add-customer={"), "the mock of add-customer must be JSON"),
        (("--message", "{", "--mock", "add-customer=1"), "is not valid JSON"),
        (("--message", "1", "--header", "x"), "is not of the form name=value"),
    ],
)
def test_what_is_given_wrongly_is_said(explain: Any, options: tuple[str, ...], said: str) -> None:
    result = explain(None, *options)
    assert result.exit_code in (1, 2)
    assert said in " ".join(result.stderr.replace("│", " ").split())


def test_a_body_that_is_no_json_is_rejected_as_the_worker_would(explain: Any, tmp_path: Path) -> None:
    (tmp_path / "m.txt").write_bytes(b"\xff\x00")
    result = explain(None, "--message", "m.txt")
    assert result.exit_code == 0, result.output
    assert "only-paid     REJECTED    invalid: " in result.stdout


def test_a_wrong_file_gives_its_problems(explain: Any, tmp_path: Path) -> None:
    (tmp_path / "wrong.yaml").write_text(ORDERS.replace("use: filter", "use: filtr"))
    result = explain({}, file="wrong.yaml")
    assert result.exit_code == 1
    assert "did you mean `filter`?" in result.stderr
