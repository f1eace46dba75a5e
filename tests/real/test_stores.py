"""What workers keep in a table that all of them share: groups, keys that are done, and accepted legs."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import cycle
from typing import Any

import pytest
from crew import crew
from partner import partner
from proxy import Point
from worker import Worker, until

from sluiceway.adapters.clients import Clients
from sluiceway.core.resource import Resource
from sluiceway.local.resources import create

PARCELS = 5
LARGEST_BATCH = 10
Body = dict[str, Any]

GATHERING = [
    Point("PutItem", "before"),
    Point("PutItem", "after"),
    Point("SendMessageBatch", "before", "-out"),
    Point("SendMessageBatch", "after", "-out"),
    Point("DeleteMessageBatch", "before", "-in"),
    Point("DeleteMessageBatch", "after", "-in"),
]


class Place:
    """The queues and the table of one run.

    Attributes:
        name: What the pipeline file calls `${Q}`.
        arrived: What has come to the sink, in order.
        dead: What was dead-lettered.
    """

    def __init__(self, sqs: Any) -> None:
        self.name = f"stores-{time.time_ns()}"
        self.arrived: list[Body] = []
        self.dead: list[Body] = []
        self._sqs = sqs
        self._urls: dict[str, str] = {}

    async def create(self, clients: Clients) -> None:
        queues = {end: f"{self.name}-{end}" for end in ("in", "out", "dlq")}
        await create([Resource("table", self.name, ()), *(Resource("queue", q, ()) for q in queues.values())], clients)
        for end, queue in queues.items():
            self._urls[end] = (await self._sqs.get_queue_url(QueueName=queue))["QueueUrl"]

    async def send(self, bodies: Sequence[Body]) -> None:
        for start in range(0, len(bodies), LARGEST_BATCH):
            batch = bodies[start : start + LARGEST_BATCH]
            entries = [{"Id": str(place), "MessageBody": json.dumps(body)} for place, body in enumerate(batch)]
            await self._sqs.send_message_batch(QueueUrl=self._urls["in"], Entries=entries)

    async def left(self) -> dict[str, int]:
        """Return how many messages each queue holds, visible or not."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        held: dict[str, int] = {}
        for end, url in self._urls.items():
            found = await self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)
            held[end] = sum(map(int, found["Attributes"].values()))
        return held

    async def settles(self, patience: float = 90) -> None:
        """Wait until the queues are empty; fail when nothing more happens.

        Guardians of groups that another worker has closed are acknowledged last: they look at their group when their
        age has doubled.
        """
        before, since = await self.left(), time.monotonic()
        while any(before.values()):
            if (left := await self.left()) != before:
                before, since = left, time.monotonic()
            if time.monotonic() - since > patience:
                pytest.fail(f"nothing more happens: {len(self.arrived)} have arrived, queued are {left}")
            await asyncio.sleep(0.1)

    async def collect(self, end: str, into: list[Body]) -> None:
        """Take what comes to the sink or the dead-letter queue, for ever."""
        url = self._urls[end]
        while True:
            got = await self._sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
            if messages := got.get("Messages", []):
                into += [json.loads(message["Body"]) for message in messages]
                entries = [{"Id": str(i), "ReceiptHandle": m["ReceiptHandle"]} for i, m in enumerate(messages)]
                await self._sqs.delete_message_batch(QueueUrl=url, Entries=entries)


@asynccontextmanager
async def place_on(aws: str) -> AsyncIterator[Place]:
    """Create the queues and the table of a run, and collect what arrives while the block runs."""
    async with Clients(aws) as clients, asyncio.TaskGroup() as group:
        place = Place(await clients.open("sqs"))
        await place.create(clients)
        ends = (("out", place.arrived), ("dlq", place.dead))
        collecting = [group.create_task(place.collect(end, into)) for end, into in ends]
        try:
            yield place
        finally:
            for task in collecting:
                task.cancel()


async def kill(victim: Worker, point: Point, nth: int) -> None:
    """Kill a worker at a point of its traffic, or where it is when it does not come by."""
    victim.proxy.at(point, victim.kill, nth=nth)
    try:
        async with asyncio.timeout(3):
            await victim.process.wait()
    except TimeoutError:
        victim.send_signal(signal.SIGKILL)
        await victim.process.wait()


@pytest.mark.long
async def test_whoever_is_killed_each_member_of_a_group_in_a_table_ends_in_one_combined_message(
    aws: str, sizes: Any, tell: Any
) -> None:
    chance = random.Random(1)  # noqa: S311 - where to strike, not cryptography
    orders = [f"A-{n}" for n in range(sizes.message_groups)]
    parcels = [{"order": o, "parcel": f"{o}/{n}", "of": PARCELS} for o in orders for n in range(PARCELS)]
    chance.shuffle(parcels)
    kills = max(2, sizes.kills // 10)
    portion = -(-len(parcels) // kills)
    async with place_on(aws) as place, crew(aws, "gather.yaml", 2, Q=place.name) as workers:
        for number, point in zip(range(kills), cycle(GATHERING)):
            victim = await workers.ready()
            await place.send(parcels[number * portion : (number + 1) * portion])
            await kill(victim, point, chance.randint(1, 5))
        await place.settles()
    ids: defaultdict[str, set[str]] = defaultdict(set)
    for combined in place.arrived:
        ids[combined["order"]].add(combined["id"])
        assert combined["parcels"] == [f"{combined['order']}/{n}" for n in range(PARCELS)]
    assert {order: len(of_order) for order, of_order in ids.items()} == dict.fromkeys(orders, 1)
    assert place.dead == []
    tell(
        f"gather in a table: {len(orders)} groups of {PARCELS}, {kills} kills, 0 members missing, "
        f"{len(place.arrived) - len(orders)} combined messages repeated, with the same id"
    )


@pytest.mark.long
async def test_of_what_is_sent_often_each_key_arrives_once_but_for_what_a_killed_worker_held(
    aws: str, sizes: Any, tell: Any
) -> None:
    chance = random.Random(1)  # noqa: S311 - the order in which they are sent, not cryptography
    refunds = [{"refund": f"R-{n}"} for n in range(sizes.message_groups)]
    sent = refunds * 3
    chance.shuffle(sent)
    kills = max(1, sizes.kills // 20)
    portion = -(-len(sent) // kills)
    async with place_on(aws) as place, crew(aws, "once.yaml", 2, Q=place.name) as workers:
        for number in range(kills):
            victim = await workers.ready()
            await place.send(sent[number * portion : (number + 1) * portion])
            await kill(victim, Point("SendMessageBatch", "after", "-out"), chance.randint(1, 3))
        await place.settles()
    arrived = Counter(body["refund"] for body in place.arrived)
    assert set(arrived) == {body["refund"] for body in refunds}
    assert place.dead == []
    repeated = arrived.total() - len(arrived)
    tell(f"once only: {len(sent)} messages with {len(refunds)} keys, {kills} kills, {repeated} repeated")
    assert repeated <= LARGEST_BATCH * kills


async def test_what_one_sink_has_accepted_it_is_not_sent_again_by_another_worker(
    aws: str, sizes: Any, tell: Any
) -> None:
    bodies = [{"n": n} for n in range(sizes.queued)]
    async with place_on(aws) as place, partner() as there:
        there.status = lambda _: 503
        async with crew(aws, "legs.yaml", 2, Q=place.name, PARTNER=there.url) as workers:
            first, second = await workers.ready(), await workers.ready()
            await place.send(bodies)
            await until(lambda: len(place.arrived) >= min(len(bodies), LARGEST_BATCH) and there.refused > 0)
            first.send_signal(signal.SIGTERM)
            await first.leaves()
            there.status = lambda _: 200
            await place.settles()
            assert second.alive
    assert sorted(body["n"] for body in place.arrived) == [body["n"] for body in bodies]
    assert {body["n"] for body in there.accepted} == {body["n"] for body in bodies}
    assert place.dead == []
    tell(
        f"legs in a table: {len(bodies)} messages, {there.refused} calls in vain of one sink, "
        f"{len(place.arrived) - len(bodies)} sent again to the other"
    )
