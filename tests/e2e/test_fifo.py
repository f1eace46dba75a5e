"""A FIFO queue through a real worker on the embedded AWS: every group arrives in its order."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

PIPELINE = """
version: 1
name: ordered
plugins: [./stages.py]
source: {use: sqs, with: {queue: "${Q}-in.fifo"}}
stages: [{id: moody, use: "./stages.py:moody"}]
sinks: [{id: out, use: sqs, with: {queue: "${Q}-out.fifo"}}]
errors: {retry: {backoff: {initial: 1ms}}, dead_letter: {use: sqs, with: {queue: "${Q}-dlq.fifo"}}}
"""
STAGES = '''
import asyncio
from sluiceway import Message, Reject, Transient, stage

failed = set()

@stage
async def moody(message: Message) -> Message:
    """Fail every fourth message once, reject one of six, and take some time."""
    n = message.body["n"]
    await asyncio.sleep(0.002 * (n % 3))
    if n % 6 == 5:
        raise Reject("wrong")
    if n % 4 == 3 and message.id not in failed:
        failed.add(message.id)
        raise Transient("moody")
    return message
'''


async def fill(worker: Any, groups: int, each: int) -> None:
    url = await worker.url("in.fifo")
    for n in range(each):
        entries = [
            {
                "Id": str(g),
                "MessageBody": json.dumps({"n": n, "g": g}),
                "MessageGroupId": f"g{g}",
                "MessageDeduplicationId": f"{g}-{n}",
            }
            for g in range(groups)
        ]
        await worker.sqs.send_message_batch(QueueUrl=url, Entries=entries)


async def everything_in(worker: Any, queue: str) -> dict[str, list[int]]:
    """Take all of a FIFO queue, by group."""
    url = await worker.url(queue)
    found: dict[str, list[int]] = defaultdict(list)
    while messages := (
        await worker.sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["MessageGroupId"]
        )
    ).get("Messages", []):
        for message in messages:
            found[message["Attributes"]["MessageGroupId"]].append(json.loads(message["Body"])["n"])
            await worker.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return found


async def test_every_group_arrives_in_its_order_whatever_fails(run_live: Any, tmp_path: Path) -> None:
    (tmp_path / "stages.py").write_text(STAGES)

    async def first(worker: Any) -> None:
        await fill(worker, groups=6, each=8)

    async with run_live(tmp_path, PIPELINE, first=first) as worker:
        await worker.seen.until(lambda: sum(_is_final(v) for v in worker.seen.verdicts.values()) == 48)
        assert await worker.left("in.fifo") == 0
        out, dead = await everything_in(worker, "out.fifo"), await everything_in(worker, "dlq.fifo")
    assert dict(out) == {f"g{g}": [n for n in range(8) if n != 5] for g in range(6)}
    assert dict(dead) == {f"g{g}": [5] for g in range(6)}


def _is_final(verdicts: list[Any]) -> bool:
    return type(verdicts[-1]).__name__ != "Retry"
