"""Every message of a run: what was sent in, and where each was found again."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import pytest

from sluiceway.adapters.clients import Clients

_names = count(1)


class Ledger:
    """The account of a run's queues `NAME-in`, `NAME-out` and `NAME-dlq`.

    One message in ten is unwanted and must be dropped, one in ten is wrong and must be dead-lettered, one in a
    hundred is slow, so that its lease must be renewed.

    Attributes:
        name: What the pipeline file calls `${Q}`.
        slow: Seconds that a slow message takes.
        sent: The bodies that were sent in, by number.
        missing: The numbers that must still arrive at the sink, or at the dead-letter queue.
        misplaced: The numbers that arrived where they do not belong.
        out: How often each number arrived at the sink.
        dead: How often each number arrived at the dead-letter queue.
        receives: How many arrived at the sink after so many receipts.
        tasks: The most tasks that a worker had.
        strange: Dead letters whose body is not what was sent in.
    """

    def __init__(self, sqs: Any, name: str) -> None:
        self.name = name
        self.slow = 2.5
        self.sent: dict[int, dict[str, Any]] = {}
        self.missing: set[int] = set()
        self.misplaced: set[int] = set()
        self.out: Counter[int] = Counter()
        self.dead: Counter[int] = Counter()
        self.receives: Counter[int] = Counter()
        self.tasks = 0
        self.strange: list[str] = []
        self.arrived_at = time.monotonic()
        self.sqs = sqs
        self._urls: dict[str, str] = {}

    async def create(self) -> None:
        for end in ("in", "out", "dlq"):
            self._urls[end] = (await self.sqs.create_queue(QueueName=f"{self.name}-{end}"))["QueueUrl"]

    async def feed(self, number: int, **more: float) -> None:
        """Send so many messages in."""
        bodies = [self._body(n) | more for n in range(len(self.sent), len(self.sent) + number)]
        self.sent.update((body["n"], body) for body in bodies)
        self.missing |= {body["n"] for body in bodies if body["kind"] != "unwanted"}
        for start in range(0, number, 10):
            entries = [{"Id": str(b["n"]), "MessageBody": json.dumps(b)} for b in bodies[start : start + 10]]
            answer = await self.sqs.send_message_batch(QueueUrl=self._urls["in"], Entries=entries)
            assert len(answer["Successful"]) == len(entries), answer

    @property
    def repeated(self) -> int:
        """How many arrivals, at the sink and the dead-letter queue, were not the first of their message."""
        return sum(self.out.values()) - len(self.out) + sum(self.dead.values()) - len(self.dead)

    async def left(self, end: str = "in") -> int:
        """Return how many messages a queue holds, visible or not."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = await self.sqs.get_queue_attributes(QueueUrl=self._urls[end], AttributeNames=names)
        return sum(int(found["Attributes"][name]) for name in names)

    async def settles(self, patience: float = 60) -> None:
        """Wait until every message has arrived and the queue is empty; fail when nothing more happens."""
        self.arrived_at = time.monotonic()
        while (left := await self.left()) or self.missing:
            if time.monotonic() - self.arrived_at > patience:
                pytest.fail(f"{len(self.missing)} missing: {sorted(self.missing)[:20]}; {left} queued")
            await asyncio.sleep(0.2)

    def check(self) -> None:
        """Check that every message came to the one end that it must have."""
        assert not self.missing
        assert not self.misplaced
        assert not self.strange

    async def collect(self, end: str) -> None:
        """Take what arrives at the sink (`out`) or among the dead letters (`dlq`), for ever."""
        url = self._urls[end]
        while True:
            got = await self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
            messages = got.get("Messages", [])
            for message in messages:
                (self._arrived if end == "out" else self._died)(message["Body"])
            if messages:
                self.arrived_at = time.monotonic()
                entries = [{"Id": str(i), "ReceiptHandle": m["ReceiptHandle"]} for i, m in enumerate(messages)]
                await self.sqs.delete_message_batch(QueueUrl=url, Entries=entries)

    def _arrived(self, text: str) -> None:
        body = json.loads(text)
        self._account(body["n"], "good")
        self.out[body["n"]] += 1
        self.receives[body["receives"]] += 1
        self.tasks = max(self.tasks, body["tasks"])

    def _died(self, text: str) -> None:
        body = json.loads(text)
        self._account(body["n"], "wrong")
        self.dead[body["n"]] += 1
        if body != self.sent.get(body["n"]):
            self.strange.append(text)

    def _account(self, n: int, kind: str) -> None:
        self.missing.discard(n)
        if self.sent[n]["kind"] != kind:
            self.misplaced.add(n)

    def _body(self, n: int) -> dict[str, Any]:
        match n % 10:
            case 3:
                return {"n": n, "kind": "unwanted", "count": 1}
            case 7:
                return {"n": n, "kind": "wrong", "count": "three"}
        return {"n": n, "kind": "good", "count": 1, "takes": self.slow if n % 100 == 0 else 0}


@asynccontextmanager
async def ledger_on(aws: str) -> AsyncIterator[Ledger]:
    """Open the account of a run of its own, and collect what arrives while the block runs."""
    async with Clients(aws) as clients:
        ledger = Ledger(await clients.open("sqs"), f"real-{next(_names)}")
        await ledger.create()
        async with asyncio.TaskGroup() as group:
            collecting = [group.create_task(ledger.collect(end)) for end in ("out", "dlq")]
            try:
                yield ledger
            finally:
                for task in collecting:
                    task.cancel()
