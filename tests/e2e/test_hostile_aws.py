"""AWS that refuses parts, loses queues and keeps false claims: nothing is lost, nothing is sent twice."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from sluiceway.adapters.clients import Clients
from sluiceway.core.outcome import Ack, DeadLetter

TO_BUS = """
version: 1
name: to-bus
source: {use: sqs, with: {queue: "${Q}-in"}}
sinks: [{id: bus, use: eventbridge, with: {bus: "${Q}-bus", source: shop, detail_type: Order}}]
errors: {retry: {backoff: {initial: 1ms}}, dead_letter: {use: sqs, with: {queue: "${Q}-dlq"}}}
"""
CLAIMS = """
version: 1
name: claims
source: {use: sqs, with: {queue: "${Q}-in"}}
stages: [{id: fetch, use: claim_check.restore, with: {buckets: ["${Q}-bodies"]}}]
sinks: [{id: out, use: sqs, with: {queue: "${Q}-out"}}]
errors: {dead_letter: {use: sqs, with: {queue: "${Q}-dlq"}}}
"""
BODIES = [json.dumps({"n": n}) for n in range(10)]


class FussyBus:
    """Refuses some entries, the first time it sees them; what it takes goes on to the real bus."""

    def __init__(self, code: str, *refused: str) -> None:
        self.code = code
        self.refused = set(refused)
        self.batches: list[list[str]] = []
        self.taken: Counter[str] = Counter()

    async def put(self, asked: Any, pass_on: Any) -> Any:
        entries = asked["Entries"]
        self.batches.append([entry["Detail"] for entry in entries])
        bad = {entry["Detail"] for entry in entries} & self.refused
        self.refused -= bad
        good = [entry for entry in entries if entry["Detail"] not in bad]
        self.taken.update(entry["Detail"] for entry in good)
        answers = iter((await pass_on({"Entries": good}))["Entries"] if good else [])
        failed = {"ErrorCode": self.code, "ErrorMessage": "told to"}
        results = [failed if entry["Detail"] in bad else next(answers) for entry in entries]
        return {"FailedEntryCount": len(bad), "Entries": results}


async def test_two_of_ten_events_that_fail_are_sent_again_alone(run_live: Any, tmp_path: Path, between: Any) -> None:
    bus = FussyBus("ThrottlingException", BODIES[3], BODIES[7])
    between.instead("PutEvents", bus.put)

    async def ten(worker: Any) -> None:
        worker.ids = await worker.send_all(*BODIES)

    async with run_live(tmp_path, TO_BUS, endpoint=between.endpoint, first=ten) as worker:
        assert all(isinstance(verdict, Ack) for verdict in await worker.settled(*worker.ids))
        first, *again = bus.batches
        assert sorted(first) == BODIES
        assert sorted(detail for batch in again for detail in batch) == [BODIES[3], BODIES[7]]
        assert bus.taken == Counter(BODIES)
        assert await worker.left() == 0
        await worker.serves_on()


async def test_two_of_ten_events_that_are_refused_are_dead_lettered_and_eight_are_not_sent_again(
    run_live: Any, tmp_path: Path, between: Any
) -> None:
    bus = FussyBus("MalformedDetail", BODIES[0], BODIES[9])
    between.instead("PutEvents", bus.put)

    async def ten(worker: Any) -> None:
        worker.ids = await worker.send_all(*BODIES)

    async with run_live(tmp_path, TO_BUS, endpoint=between.endpoint, first=ten) as worker:
        verdicts = await worker.settled(*worker.ids)
        assert [isinstance(verdict, DeadLetter) for verdict in verdicts] == [True, *[False] * 8, True]
        letter = await worker.dead(worker.ids[9])
        assert (letter.body, letter.facts["stage"], letter.facts["error"]) == (BODIES[9], "bus", "refused")
        assert "EventBridge answered MalformedDetail: told to" in letter.facts["reason"]
        assert len(bus.batches) == 1
        assert bus.taken == Counter(BODIES[1:9])
        await worker.serves_on()


async def test_an_answer_that_is_not_the_bus_s_sends_the_event_again(
    run_live: Any, tmp_path: Path, between: Any
) -> None:
    answers = [web.Response(text="<html>sign in</html>"), web.Response(body=b"\xff")]

    async def put(asked: Any, pass_on: Any) -> Any:
        return answers.pop() if answers else await pass_on(asked)

    between.instead("PutEvents", put)
    async with run_live(tmp_path, TO_BUS, endpoint=between.endpoint) as worker:
        await worker.serves_on()
        assert answers == []


async def test_an_object_that_came_in_base64_is_a_detail_in_json(run_live: Any, tmp_path: Path, between: Any) -> None:
    wrapped = TO_BUS.replace('-in"', '-in", format: base64')
    async with run_live(tmp_path, wrapped, endpoint=between.endpoint) as worker:
        await worker.settled(await worker.send(base64.b64encode(b'{"n": 1}').decode()))
    (detail,) = [
        entry["Detail"] for action, asked in between.calls if action == "PutEvents" for entry in asked["Entries"]
    ]
    assert json.loads(detail) == {"n": 1}


async def test_a_queue_that_does_not_answer_is_asked_again(run_live: Any, tmp_path: Path, between: Any) -> None:
    answers = [web.Response(body=b"\x00\xff no json")]

    async def receive(asked: Any, pass_on: Any) -> Any:
        return answers.pop() if answers else await pass_on(asked)

    between.instead("ReceiveMessage", receive)
    async with run_live(tmp_path, TO_BUS, endpoint=between.endpoint) as worker:
        await worker.serves_on()
        assert answers == []
        (said,) = worker.seen.events("source does not answer")
        assert said["reason"].startswith(f"queue {worker.prefix}-in: ")


async def test_a_delete_that_fails_is_tried_again_and_nothing_is_sent_twice(
    run_live: Any, tmp_path: Path, between: Any
) -> None:
    failed: list[str] = []

    async def delete(asked: Any, pass_on: Any) -> Any:
        if failed:
            return await pass_on(asked)
        failed.extend(entry["Id"] for entry in asked["Entries"])
        said = [{"Id": i, "Code": "InternalError", "Message": "told to", "SenderFault": False} for i in failed]
        return {"Successful": [], "Failed": said}

    between.instead("DeleteMessageBatch", delete)
    async with run_live(tmp_path, TO_BUS, endpoint=between.endpoint) as worker:
        assert isinstance((await worker.settled(await worker.send(BODIES[0])))[0], Ack)
        assert failed
        assert await worker.left() == 0
    put = [entry for action, asked in between.calls if action == "PutEvents" for entry in asked["Entries"]]
    assert [entry["Detail"] for entry in put] == [BODIES[0]]


async def test_while_the_dead_letter_queue_is_gone_nothing_is_deleted_and_it_goes_on_when_it_is_back(
    run_live: Any, tmp_path: Path
) -> None:
    async with run_live(tmp_path, TO_BUS) as worker:
        await worker.sqs.delete_queue(QueueUrl=await worker.url("dlq"))
        ids = await worker.send_all("[]", "[1]", "[2]", "[3]", "[4]")
        await worker.seen.until(lambda: bool(worker.seen.events("paused")))
        (said,) = worker.seen.events("paused")
        assert said["dependency"] == "dead_letter"
        assert f"queue {worker.prefix}-dlq does not exist: create it" in said["reason"]
        assert await worker.left() == 5
        assert not worker.seen.verdicts
        await worker.sqs.create_queue(QueueName=f"{worker.prefix}-dlq")
        assert all(isinstance(verdict, DeadLetter) for verdict in await worker.settled(*ids))
        assert sorted([letter["Body"] for letter in await worker.take("dlq")]) == ["[1]", "[2]", "[3]", "[4]", "[]"]
        assert await worker.left() == 0
        await worker.serves_on()


@pytest.fixture
async def shelf(run_live: Any, aws: Any, tmp_path: Path) -> AsyncIterator[Any]:
    """A worker that restores claims, and the S3 client that its bucket is filled with."""
    async with run_live(tmp_path, CLAIMS) as worker, Clients(aws.endpoint) as clients:
        yield worker, await clients.open("s3")


def extended(bucket: str, key: str) -> str:
    return json.dumps(["software.amazon.payloadoffloading.PayloadS3Pointer", {"s3BucketName": bucket, "s3Key": key}])


async def test_a_claim_that_cannot_be_honoured_is_dead_lettered_with_its_pointer(shelf: Any) -> None:
    worker, s3 = shelf
    bucket = f"{worker.prefix}-bodies"
    await s3.put_object(Bucket=bucket, Key="changed", Body=b'{"n": 1000}')
    await s3.put_object(Bucket=bucket, Key="broken", Body=b"{")
    own = json.dumps({"claim": {"bucket": bucket, "key": "changed", "sha256": "0" * 64, "size": 11}})
    for body, header, error, reason in (
        (extended("somebody-elses", "k"), {"ExtendedPayloadSize": 9}, "refused", "lies in bucket somebody-elses"),
        (extended(bucket, "gone"), {"ExtendedPayloadSize": 9}, "missing", "gone"),
        (extended(bucket, "changed"), {"ExtendedPayloadSize": 9}, "invalid", "has 11 bytes, and the claim says 9"),
        (extended(bucket, "changed"), {"SQSLargePayloadSize": 10**12}, "oversize", "max_size is 64MiB"),
        (extended(bucket, "../" * 400), {"ExtendedPayloadSize": 9}, "invalid", "keys in S3 have 1 to 1024"),
        (extended(bucket, "changed"), {"ExtendedPayloadSize": "-1"}, "invalid", "not a number of bytes"),
        (own, {"sluiceway-claim": "1"}, "invalid", "is not what was stored: its SHA-256 differs"),
    ):
        letter = await worker.dead(await worker.send(body, header))
        assert letter.body == body
        assert letter.attributes == header
        assert (letter.facts["stage"], letter.facts["error"]) == ("fetch", error), letter
        assert reason in letter.facts["reason"]
    await worker.serves_on()


async def test_a_bucket_that_vanishes_keeps_its_messages_queued(shelf: Any) -> None:
    worker, s3 = shelf
    bucket = f"{worker.prefix}-bodies"
    await s3.delete_bucket(Bucket=bucket)
    message_id = await worker.send(extended(bucket, "k"), {"ExtendedPayloadSize": 2})
    await worker.seen.until(lambda: message_id in worker.seen.verdicts)
    assert not isinstance(worker.seen.verdicts[message_id][0], Ack | DeadLetter)
    await s3.create_bucket(Bucket=bucket)
    await s3.put_object(Bucket=bucket, Key="k", Body=b"{}")
    assert isinstance((await worker.settled(message_id))[0], Ack)
    await worker.serves_on()
