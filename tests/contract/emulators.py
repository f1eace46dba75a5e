"""What the tests at the emulators share: a client whose answers are short enough to compare; faults; a reader."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import botocore.session
from aiohttp import web
from botocore.config import Config
from botocore.exceptions import ClientError

from sluiceway.adapters.sqs import SqsSource
from sluiceway.core.outcome import Ack
from sluiceway.core.ports import Delivery
from sluiceway.testing.abilities import When

T = TypeVar("T")

# The service is to judge a request, not the client, and to be asked once.
_CONFIG = Config(parameter_validation=False, retries={"mode": "standard", "max_attempts": 1})


@dataclass
class Emulator:
    """MiniStack or moto; `name` says which."""

    name: str
    endpoint: str
    _clients: dict[str, Any] = field(default_factory=dict[str, Any])

    def client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = botocore.session.get_session().create_client(
                service,
                region_name="eu-west-1",
                endpoint_url=self.endpoint,
                aws_access_key_id="made",
                aws_secret_access_key="up",
                config=_CONFIG,
            )
        return self._clients[service]

    def either(self, *, ministack: T, moto: T) -> T:
        """Return what is expected of this one, where the two differ."""
        return ministack if self.name == "ministack" else moto


def answer(call: Callable[..., Mapping[str, Any]], **request: Any) -> str:
    """Return "ok", the error code, or the codes of the entries of a batch, joined."""
    try:
        answered = call(**request)
    except ClientError as error:
        return str(error.response["Error"]["Code"]).rpartition(".")[2]
    if "Successful" in answered:
        codes = {entry["Id"]: "ok" for entry in answered["Successful"]}
        codes |= {entry["Id"]: entry["Code"] for entry in answered.get("Failed", ())}
        return " ".join(codes[entry_id] for entry_id in sorted(codes))
    if "FailedEntryCount" in answered:
        return " ".join(entry.get("ErrorCode", "ok") for entry in answered["Entries"])
    return "ok"


class Queue:
    """A queue at an emulator."""

    def __init__(self, emulator: Emulator, name: str, *, fifo: bool = False, **attributes: str) -> None:
        self.sqs = emulator.client("sqs")
        self._fifo = fifo
        named, kind = (f"{name}.fifo", {"FifoQueue": "true"}) if fifo else (name, {})
        self.url = self.sqs.create_queue(QueueName=named, Attributes={**kind, **attributes})["QueueUrl"]

    @property
    def arn(self) -> str:
        found = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["QueueArn"])
        return str(found["Attributes"]["QueueArn"])

    def send(self, body: str, group: str = "g", dedup: str | None = None, **more: Any) -> str:
        """Send; to a FIFO queue with the body as deduplication id, unless there is another."""
        ids = {"MessageGroupId": group, "MessageDeduplicationId": dedup or body} if self._fifo else {}
        return answer(self.sqs.send_message, QueueUrl=self.url, MessageBody=body, **ids, **more)

    def send_batch(self, *entries: Mapping[str, Any]) -> str:
        return answer(self.sqs.send_message_batch, QueueUrl=self.url, Entries=entries)

    def receive(self, limit: int = 10, **more: Any) -> list[dict[str, Any]]:
        names = {"MessageSystemAttributeNames": ["All"], "MessageAttributeNames": ["All"]}
        got = self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=limit, **names, **more)
        return list(got.get("Messages", ()))

    def bodies(self, limit: int = 10) -> list[str]:
        return [message["Body"] for message in self.receive(limit)]

    def delete(self, message: Mapping[str, Any]) -> str:
        return answer(self.sqs.delete_message, QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])

    def hold(self, message: Mapping[str, Any], seconds: int) -> str:
        """Change the visibility of a message."""
        handle = message["ReceiptHandle"]
        return answer(
            self.sqs.change_message_visibility, QueueUrl=self.url, ReceiptHandle=handle, VisibilityTimeout=seconds
        )


@contextmanager
def failing(between: Any, actions: tuple[str, ...], when: When) -> Iterator[None]:
    """Answer calls with a 503, before or after the emulator has done what they ask."""

    async def fail(asked: Any, pass_on: Callable[[Any], Awaitable[Any]]) -> web.Response:
        if when == "after":
            await pass_on(asked)
        return web.Response(status=503)

    for action in actions:
        between.instead(action, fail)
    yield
    for action in actions:
        between.instead_no_more(action)


@contextmanager
def refusing(between: Any, action: str, body: str, answer: Callable[[Mapping[str, Any], int], Any]) -> Iterator[None]:
    """Take the entry with this body out of a batch; `answer(done, its place)` says of it that it failed for now."""

    async def refuse(asked: Any, pass_on: Callable[[Any], Awaitable[Any]]) -> Any:
        entries = asked["Entries"]
        (unlucky,) = [place for place, entry in enumerate(entries) if body in entry.values()]
        return answer(await pass_on({**asked, "Entries": entries[:unlucky] + entries[unlucky + 1 :]}), unlucky)

    between.instead(action, refuse)
    yield
    between.instead_no_more(action)


class Reader:
    """Receives all that is in a queue, and keeps it."""

    def __init__(self, context: Any, queue: str) -> None:
        self._context = context
        self._source = SqsSource.model_validate({"queue": queue, "wait_time": "0s"})
        self._read: list[Delivery] = []

    async def all(self) -> list[Delivery]:
        async with self._source.open(self._context) as receiver:
            while received := await receiver.receive(10):
                self._read += received
                await receiver.settle([(each, Ack()) for each in received])
        return self._read
