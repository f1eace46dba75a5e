"""Real workers on the embedded AWS: in this process, with everything that they log and settle in sight."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import structlog

from sluiceway import app
from sluiceway.adapters.clients import Clients
from sluiceway.adapters.log import configure_logs
from sluiceway.core.message import Message
from sluiceway.core.outcome import DeadLetter, Retry, Verdict
from sluiceway.core.ports import Delivery
from sluiceway.engine.report import Ending, Report
from sluiceway.local.embedded import EmbeddedAws
from sluiceway.local.laptop import CREDENTIALS, create_for, with_short_polls

PATIENCE = 20.0  # seconds for what must happen
NAMES = count(1)
SLUICEWAY = [sys.executable, "-W", "error", "-c", "from sluiceway.cli import main; main()"]


class Seen:
    """What has happened so far; whoever waits for something looks again at each change."""

    def __init__(self) -> None:
        self.verdicts: dict[str, list[Verdict]] = {}
        self.endings: dict[str, list[Ending]] = {}
        self.text = ""
        self._change = asyncio.Event()

    @property
    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]

    def events(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.log if line["event"] == event]

    def report(self) -> Report:
        def ended(delivery: Delivery, _message: Message, ending: Ending) -> None:
            self.endings.setdefault(delivery.message.id, []).append(ending)
            self._change.set()

        def settled(delivery: Delivery, verdict: Verdict) -> None:
            self.verdicts.setdefault(delivery.message.id, []).append(verdict)
            self._change.set()

        return Report(on_ending=ended, on_settled=settled)

    def write(self, text: str) -> None:
        self.text += text
        self._change.set()

    def flush(self) -> None: ...

    def isatty(self) -> bool:
        return False

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition():
                self._change.clear()
                await self._change.wait()


@dataclass
class Letter:
    """A dead letter as it lies in its queue."""

    body: str
    attributes: dict[str, Any]
    facts: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, message: Any) -> Letter:
        attributes = message.get("MessageAttributes", {})
        facts = json.loads(attributes.pop("sluiceway")["StringValue"]) if "sluiceway" in attributes else {}
        return cls(message["Body"], {name: value_of(attribute) for name, attribute in attributes.items()}, facts)


def value_of(attribute: Mapping[str, Any]) -> Any:
    match attribute["DataType"]:
        case "Binary":
            return attribute["BinaryValue"]
        case "Number":
            return Decimal(attribute["StringValue"])
        case _:
            return attribute["StringValue"]


def attribute(value: object) -> dict[str, Any]:
    match value:
        case bytes():
            return {"DataType": "Binary", "BinaryValue": value}
        case str():
            return {"DataType": "String", "StringValue": value}
        case _:
            return {"DataType": "Number", "StringValue": str(value)}


class Queues:
    """A worker's queues. A file names them `${Q}-in`, `${Q}-out` and `${Q}-dlq`; `${Q}` is this worker's own."""

    def __init__(self, sqs: Any, prefix: str) -> None:
        self.sqs = sqs
        self.prefix = prefix

    async def url(self, name: str) -> str:
        return str((await self.sqs.get_queue_url(QueueName=f"{self.prefix}-{name}"))["QueueUrl"])

    async def send(self, body: str, attributes: Mapping[str, object] | None = None, to: str = "in") -> str:
        typed = {name: attribute(value) for name, value in (attributes or {}).items()}
        sent = await self.sqs.send_message(QueueUrl=await self.url(to), MessageBody=body, MessageAttributes=typed)
        return str(sent["MessageId"])

    async def send_all(self, *bodies: str, to: str = "in") -> list[str]:
        """Send at most ten in one call, so that one receive finds them all."""
        entries = [{"Id": str(i), "MessageBody": body} for i, body in enumerate(bodies)]
        sent = await self.sqs.send_message_batch(QueueUrl=await self.url(to), Entries=entries)
        return [entry["MessageId"] for entry in sent["Successful"]]

    async def take(self, name: str, wait: int = 0) -> list[Any]:
        """Take all that lies in a queue; wait so many seconds for the first message."""
        url = await self.url(name)
        taken = await self._receive(url, wait)
        while messages := await self._receive(url):
            taken += messages
        return taken

    async def _receive(self, url: str, wait: int = 0) -> list[Any]:
        got = await self.sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=wait, MessageAttributeNames=["All"]
        )
        messages: list[Any] = got.get("Messages", [])
        for message in messages:
            await self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return messages

    async def left(self, name: str = "in") -> int:
        """Return how many messages a queue has, visible or not."""
        attributes = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = await self.sqs.get_queue_attributes(QueueUrl=await self.url(name), AttributeNames=attributes)
        return sum(int(found["Attributes"][a]) for a in attributes)


class Live(Queues):
    """A worker that runs in this process, and what it does with the messages that are sent to it."""

    def __init__(self, sqs: Any, prefix: str) -> None:
        super().__init__(sqs, prefix)
        self.seen = Seen()
        self.letters: list[Letter] = []
        self.stop = asyncio.Event()
        self.done: asyncio.Task[None]
        self._good = count(1)

    async def settled(self, *ids: str) -> list[Verdict]:
        """Wait until these have ended for good, and return how."""

        def last() -> list[Verdict]:
            verdicts = [self.seen.verdicts.get(i, [Retry(0, "")])[-1] for i in ids]
            return [verdict for verdict in verdicts if not isinstance(verdict, Retry)]

        await self.seen.until(lambda: len(last()) == len(ids))
        return last()

    async def dead(self, message_id: str, body: str | None = None) -> Letter:
        """Wait until a message is dead-lettered and return the letter; one that has no facts is known by its body."""
        (verdict,) = await self.settled(message_id)
        assert isinstance(verdict, DeadLetter), verdict
        self.letters += map(Letter.of, await self.take("dlq"))
        mine = [x for x in self.letters if x.facts.get("id") == message_id or (not x.facts and x.body == body)]
        assert len(mine) == 1, self.letters
        return mine[0]

    async def serves_on(self, good: str = '{{"n": {n}}}', to: str = "in") -> None:
        """Prove that the worker is alive: it delivers a good message, and nothing so far was a bug of its own."""
        message_id = await self.send(good.format(n=next(self._good)), to=to)
        (verdict,) = await self.settled(message_id)
        assert not isinstance(verdict, DeadLetter), verdict
        assert {ending.kind for ending in self.seen.endings[message_id]} == {"accepted"}
        assert "Traceback" not in self.seen.text
        assert '"error": "bug"' not in self.seen.text
        assert not self.done.done()


@asynccontextmanager
async def live(
    aws: EmbeddedAws, folder: Path, *files: str, endpoint: str | None = None, first: Any = None, **variables: str
) -> AsyncIterator[Live]:
    """Run pipeline files; `first` is called before the worker starts, `endpoint` is where it looks for AWS."""
    prefix = f"live-{next(NAMES)}"
    pipelines = []
    for number, text in enumerate(files):
        (folder / f"{number}.yaml").write_text(text)
        pipelines.append(with_short_polls(app.load(folder / f"{number}.yaml", environ={"Q": prefix, **variables})))
    await create_for(pipelines, aws.endpoint)
    async with Clients(aws.endpoint) as clients:
        worker = Live(await clients.open("sqs"), prefix)
        configure_logs(stream=worker.seen, style="json")  # type: ignore[arg-type] # all of a stream that it uses
        if first is not None:
            await first(worker)
        options = app.Options(endpoint or aws.endpoint, reports={p.name: worker.seen.report() for p in pipelines})
        worker.done = asyncio.create_task(app.serve(pipelines, options, worker.stop))
        try:
            await worker.seen.until(lambda: bool(worker.seen.events("started")) or worker.done.done())
            yield worker
        finally:
            worker.stop.set()
            try:
                async with asyncio.timeout(PATIENCE):
                    await worker.done
            finally:
                structlog.reset_defaults()


@pytest.fixture(scope="session")
def run_live(aws: EmbeddedAws) -> Callable[..., Any]:
    """Run pipeline files in this process: `async with run_live(folder, text, …) as worker`."""

    def run(folder: Path, *files: str, **options: Any) -> Any:
        return live(aws, folder, *files, **options)

    return run


class Command:
    """The command `sluiceway`, running; its log lines are read as they come."""

    def __init__(self, process: asyncio.subprocess.Process, queues: Queues) -> None:
        self.process = process
        self.queues = queues
        self.said = ""

    async def see(self, text: str) -> None:
        """Wait until it says something."""
        assert self.process.stderr is not None
        async with asyncio.timeout(PATIENCE):
            while text not in self.said:
                line = (await self.process.stderr.readline()).decode()
                assert line, f"it ended before it said {text!r}: {self.said}"
                self.said += line

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    async def leaves(self) -> int:
        """Wait until it has left by itself, and return its exit code; it never shows a traceback."""
        async with asyncio.timeout(PATIENCE):
            if self.process.stderr is not None:
                self.said += (await self.process.stderr.read()).decode()
            code = await self.process.wait()
        assert "Traceback" not in self.said, self.said
        return code


@pytest.fixture
def run_command(aws: EmbeddedAws, tmp_path: Path) -> Callable[..., Any]:
    """Run a pipeline file by `sluiceway run` in a process of its own: `async with run_command(text, …) as command`.

    It makes what the file names, unless `create` is False or it is given the `queues` of a worker before it. `endpoint`
    is where the worker looks for AWS, `stderr` where its log goes (by default to `said`), `variables` its environment.
    """

    @asynccontextmanager
    async def run(
        text: str,
        *,
        queues: Queues | None = None,
        create: bool = True,
        endpoint: str | None = None,
        stderr: Any = asyncio.subprocess.PIPE,
        **variables: str,
    ) -> AsyncIterator[Command]:
        file = tmp_path / "orders.yaml"
        file.write_text(text)
        prefix = queues.prefix if queues else f"live-{next(NAMES)}"
        environ = {"Q": prefix, "PATH": os.environ["PATH"], **CREDENTIALS, **variables}
        environ["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
        if create and queues is None:
            await create_for([app.load(file, environ=environ)], aws.endpoint)
        async with Clients(aws.endpoint) as clients:
            process = await asyncio.create_subprocess_exec(
                *SLUICEWAY, "run", file, "--endpoint-url", endpoint or aws.endpoint, env=environ, stderr=stderr
            )
            try:
                yield Command(process, Queues(await clients.open("sqs"), prefix))
            finally:
                if process.returncode is None:
                    process.kill()
                await process.wait()

    return run
