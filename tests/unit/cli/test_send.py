from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from click.testing import Result
from typer.testing import CliRunner

from sluiceway.cli import app
from sluiceway.local.embedded import EmbeddedAws

Send = Callable[..., Result]

PIPELINE = """
version: 1
name: orders
source: {use: sqs, with: {queue: QUEUE}}
sinks: [{use: memory}]
errors: {dead_letter: {use: sqs, with: {queue: orders-dlq}}}
"""


class Queue:
    """A queue on the embedded AWS, and a pipeline file that reads it."""

    def __init__(self, endpoint: str, name: str, folder: Path) -> None:
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
        self.endpoint = endpoint
        self.sqs: Any = boto3.client("sqs", endpoint_url=endpoint, **keys)
        attributes = {"FifoQueue": "true"} if name.endswith(".fifo") else {}
        self.url = self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        self.file = folder / "orders.yaml"
        self.file.write_text(PIPELINE.replace("QUEUE", name))

    def send(self, *arguments: str | Path, stdin: str | bytes | None = None) -> Result:
        command = ["send", str(self.file), "--endpoint-url", self.endpoint, *map(str, arguments)]
        return CliRunner().invoke(app, command, input=stdin)

    def messages(self) -> list[dict[str, Any]]:
        answer = self.sqs.receive_message(
            QueueUrl=self.url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], AttributeNames=["All"]
        )
        return list(answer.get("Messages", []))

    def bodies(self) -> list[str]:
        return [message["Body"] for message in self.messages()]


@pytest.fixture
def queue(aws: EmbeddedAws, name: str, tmp_path: Path) -> Queue:
    return Queue(aws.endpoint, name, tmp_path)


def test_json_text_is_sent_byte_for_byte_and_its_id_is_printed(queue: Queue) -> None:
    result = queue.send('{"a":  1.50 }')
    (message,) = queue.messages()
    assert message["Body"] == '{"a":  1.50 }'
    assert (result.exit_code, result.stdout) == (0, f"{message['MessageId']}\n")


def test_a_file_is_sent_as_it_is_whatever_it_holds(queue: Queue, tmp_path: Path) -> None:
    (tmp_path / "order.txt").write_text("{oops\n")
    assert queue.send(tmp_path / "order.txt").exit_code == 0
    assert queue.bodies() == ["{oops\n"]


@pytest.mark.parametrize("ending", ["ndjson", "jsonl"])
def test_each_line_of_a_file_of_lines_is_a_message(queue: Queue, tmp_path: Path, ending: str) -> None:
    file = tmp_path / f"orders.{ending}"
    file.write_text('{"a": 1}\n\n{"a": 2}\r\n{"a": 3}')
    assert len(queue.send(file).stdout.split()) == 3
    assert sorted(queue.bodies()) == ['{"a": 1}', '{"a": 2}', '{"a": 3}']


def test_a_dash_is_standard_input(queue: Queue) -> None:
    assert queue.send("-", stdin="from a pipe").exit_code == 0
    assert queue.bodies() == ["from a pipe"]


def test_body_and_headers_in_a_message_mean_nothing(queue: Queue) -> None:
    queue.send('{"body": 1, "headers": {"a": "b"}}')
    (message,) = queue.messages()
    assert message["Body"] == '{"body": 1, "headers": {"a": "b"}}'
    assert "MessageAttributes" not in message


def test_headers_go_along_with_every_message(queue: Queue) -> None:
    queue.send("1", "2", "--header", "Trace=a=b", "--header", "kind=order")
    for message in queue.messages():
        attributes = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
        assert attributes == {"Trace": "a=b", "kind": "order"}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"x" * (1024 * 1024 - 7), "order.txt has 1,048,577 bytes with its headers; SQS takes 1,048,576"),
        (b"", "order.txt is empty"),
        (b"\xff", "order.txt is not UTF-8 (byte 0)"),
        (b"\x00", "order.txt has the character U+0000 at offset 0"),
    ],
)
def test_what_sqs_would_refuse_is_refused_before_anything_is_sent(
    queue: Queue, tmp_path: Path, content: bytes, reason: str
) -> None:
    (tmp_path / "order.txt").write_bytes(content)
    header = () if content == b"" else ("--header", "a=b")
    result = queue.send("1", tmp_path / "order.txt", *header)
    assert result.exit_code == 1
    assert reason in result.stderr.replace(f"{tmp_path}/", "")
    assert queue.bodies() == []


def test_text_that_is_neither_json_nor_a_file_is_explained(queue: Queue) -> None:
    assert "oops.json cannot be read: No such file" in queue.send("oops.json").stderr
    broken = queue.send('{"a": ')
    assert broken.exit_code == 1
    assert '{"a":  is not valid JSON: ' in broken.stderr


def test_a_source_that_is_no_queue_cannot_be_sent_to(queue: Queue) -> None:
    queue.file.write_text("version: 1\nname: orders\nsource: {use: memory}\nsinks: [{use: memory}]\n")
    result = queue.send("1")
    assert result.exit_code == 1
    assert "is `memory`: only a queue (`sqs`) can be sent to" in result.stderr


def test_a_queue_that_does_not_exist_is_something_outside(queue: Queue) -> None:
    queue.file.write_text(PIPELINE.replace("QUEUE", "nowhere"))
    result = queue.send("1")
    assert result.exit_code == 3
    assert "queue nowhere" in result.stderr


def test_a_wrong_pipeline_file_is_shown_with_its_problems(queue: Queue) -> None:
    queue.file.write_text(PIPELINE.replace("use: sqs", "use: sqz"))
    result = queue.send("1")
    assert result.exit_code == 1
    assert "did you mean `sqs`?" in result.stderr


@pytest.mark.parametrize("header", ["name", "name=", "=value", "a b=c", "aws.x=1"])
def test_a_header_that_sqs_does_not_take_is_a_mistake_of_usage(queue: Queue, header: str) -> None:
    assert queue.send("1", "--header", header).exit_code == 2


def test_more_headers_than_sqs_takes_are_a_mistake_of_usage(queue: Queue) -> None:
    headers = [part for number in range(11) for part in ("--header", f"h{number}=x")]
    assert queue.send("1", *headers).exit_code == 2


@pytest.mark.parametrize(("options", "group"), [([], "send"), (["--group", "acme"], "acme")])
def test_a_fifo_queue_gets_every_message_in_one_group_equal_ones_too(
    aws: EmbeddedAws, name: str, tmp_path: Path, options: list[str], group: str
) -> None:
    queue = Queue(aws.endpoint, f"{name}.fifo", tmp_path)
    assert queue.send(*options, "1", "2", "1").exit_code == 0
    got = queue.messages()
    assert [message["Body"] for message in got] == ["1", "2", "1"]
    assert {message["Attributes"]["MessageGroupId"] for message in got} == {group}


@pytest.mark.parametrize("group", ["", "a b", "é", "x" * 129])
def test_a_group_that_sqs_does_not_take_is_a_mistake_of_usage(
    aws: EmbeddedAws, name: str, tmp_path: Path, group: str
) -> None:
    queue = Queue(aws.endpoint, f"{name}.fifo", tmp_path)
    assert queue.send("--group", group, "1").exit_code == 2
    assert queue.messages() == []


def test_a_standard_queue_takes_no_group(queue: Queue) -> None:
    result = queue.send("--group", "acme", "1")
    assert (result.exit_code, queue.messages()) == (2, [])
    assert "standard queue" in result.output
