"""FIFO queues: whatever fails and whoever is killed, no message of a group overtakes another."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import time
from collections import defaultdict
from typing import Any

from crew import crew
from partner import Partner, partner
from worker import until

from sluiceway.adapters.clients import Clients

AHEAD = 400  # messages: as much as waits in the queue at a time
Body = dict[str, Any]


class Queues:
    """The queues of a run: two FIFO ones, and one for dead letters."""

    def __init__(self, sqs: Any, name: str) -> None:
        self.name = name
        self.delivered: list[Body] = []
        self._sqs = sqs
        self._urls: dict[str, str] = {}

    async def create(self) -> None:
        for end in ("in", "out"):
            made = await self._sqs.create_queue(QueueName=f"{self.name}-{end}.fifo", Attributes={"FifoQueue": "true"})
            self._urls[end] = made["QueueUrl"]
        self._urls["dlq"] = (await self._sqs.create_queue(QueueName=f"{self.name}-dlq"))["QueueUrl"]

    async def send(self, bodies: list[Body]) -> None:
        entries = [
            {
                "Id": str(i),
                "MessageBody": json.dumps(body),
                "MessageGroupId": body["group"],
                "MessageDeduplicationId": f"{body['group']}-{body['n']}",
            }
            for i, body in enumerate(bodies)
        ]
        await self._sqs.send_message_batch(QueueUrl=self._urls["in"], Entries=entries)

    async def left(self, end: str) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = await self._sqs.get_queue_attributes(QueueUrl=self._urls[end], AttributeNames=names)
        return sum(int(found["Attributes"][name]) for name in names)

    async def collect(self) -> None:
        """Take what arrives at the queue that is a sink, in its order, for ever."""
        url = self._urls["out"]
        while True:
            got = await self._sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
            if messages := got.get("Messages", []):
                self.delivered += [json.loads(message["Body"]) for message in messages]
                entries = [{"Id": str(i), "ReceiptHandle": m["ReceiptHandle"]} for i, m in enumerate(messages)]
                await self._sqs.delete_message_batch(QueueUrl=url, Entries=entries)


async def test_no_message_of_a_group_overtakes_another(aws: str, sizes: Any, tell: Any) -> None:
    groups = [f"g{number}" for number in range(sizes.message_groups)]
    bodies = [{"n": n, "group": name} for n in range(sizes.ordered // len(groups)) for name in groups]
    async with Clients(aws) as clients, partner() as there:
        queues = Queues(await clients.open("sqs"), f"ordered-{time.time_ns()}")
        await queues.create()
        there.status = now_and_then()
        environ = {"Q": queues.name, "PARTNER": there.url}
        async with asyncio.TaskGroup() as group, crew(aws, "fifo.yaml", 3, **environ) as workers:
            collecting = group.create_task(queues.collect())
            killing = group.create_task(kill_some(workers, there, len(bodies), sizes.kills // 10))
            for start in range(0, len(bodies), 10):
                await until(lambda sent=start: sent - len(there.accepted) < AHEAD)
                await queues.send(bodies[start : start + 10])
            kills = await killing
            began = time.monotonic()
            while await queues.left("in") or await queues.left("out"):
                assert time.monotonic() - began < 120, f"{await queues.left('in')} left"
                await asyncio.sleep(0.2)
            collecting.cancel()
        dead = await queues.left("dlq")
    wanted = {key(body) for body in bodies}
    assert {key(body) for body in there.accepted} == wanted == {key(body) for body in queues.delivered}
    assert dead == 0
    backwards = inversions(there.accepted), inversions(queues.delivered)
    tell(
        f"FIFO: {len(groups)} groups, {len(bodies)} messages, {kills} kills, {there.refused} failures of an HTTP "
        f"sink; inversions: {backwards[0]} there, {backwards[1]} at the FIFO queue; "
        f"repeated: {len(there.accepted) - len(wanted)} and {len(queues.delivered) - len(wanted)}"
    )
    assert backwards == (0, 0)


def now_and_then() -> Any:
    """Fail for one call in fifty."""
    chance = random.Random(1)  # noqa: S311 - when to fail, not cryptography
    return lambda _: 503 if chance.random() < 0.02 else 200


async def kill_some(workers: Any, there: Partner, messages: int, kills: int) -> int:
    """Kill workers, spread over the time in which the messages arrive."""
    for number in range(kills):
        one = await workers.ready()
        await until(lambda due=messages * number / kills: len(there.accepted) >= due, 120)
        one.send_signal(signal.SIGKILL)
        await one.process.wait()
    return kills


def key(body: Body) -> tuple[str, int]:
    return body["group"], body["n"]


def inversions(arrived: list[Body]) -> int:
    """Return how often a message arrived after a later one of its group. A repeat of the latest is none."""
    latest: defaultdict[str, int] = defaultdict(int)
    found = 0
    for body in arrived:
        found += body["n"] < latest[body["group"]]
        latest[body["group"]] = max(latest[body["group"]], body["n"])
    return found
