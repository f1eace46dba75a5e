"""`pipelines/shop-refunds.yaml` on the emulators: two workers, one table, and a shop that repeats itself."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from sluiceway.adapters.check import resources
from sluiceway.adapters.clients import Clients
from sluiceway.app import Options, load, serve
from sluiceway.core.spec import Pipeline
from sluiceway.core.units import Duration
from sluiceway.engine.report import Report
from sluiceway.local.resources import create

FILE = Path(__file__).parents[2] / "pipelines" / "shop-refunds.yaml"
REFUNDS = 20


@pytest.fixture
def pipeline(name: str) -> Pipeline:
    names = {key: f"{name}-{key.lower()}" for key in ("REFUNDS_QUEUE", "RECORDS_TABLE", "BUS", "LEDGER_QUEUE")}
    loaded = load(FILE, environ={**names, "REFUNDS_DLQ": f"{name}-dlq"})
    impatient = loaded.source.component.model_copy(update={"wait_time": Duration("1s")})
    return replace(loaded, source=replace(loaded.source, component=impatient))


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110 - what is waited for is a number in a report
            await asyncio.sleep(0.02)


async def send(sqs: Any, url: str) -> None:
    for number in range(REFUNDS):
        body = orjson.dumps({"refund_no": f"R-{number}", "order_no": "A-1", "amount": number}).decode()
        await sqs.send_message(QueueUrl=url, MessageBody=body)


async def drained(sqs: Any, queue: str) -> list[Any]:
    url = (await sqs.get_queue_url(QueueName=queue))["QueueUrl"]
    bodies: list[Any] = []
    while found := (await sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)).get("Messages"):
        bodies += [orjson.loads(message["Body"]) for message in found]
    return bodies


async def test_each_refund_is_paid_out_once_however_often_the_shop_says_so(
    endpoint: str, name: str, pipeline: Pipeline
) -> None:
    reports = [Report(), Report()]
    stop = asyncio.Event()
    async with Clients(endpoint) as clients:
        await create(resources(pipeline), clients)
        sqs = await clients.open("sqs")
        url = (await sqs.get_queue_url(QueueName=f"{name}-refunds_queue"))["QueueUrl"]
        workers = [
            asyncio.create_task(serve([pipeline], Options(endpoint, reports={pipeline.name: report}), stop))
            for report in reports
        ]
        await send(sqs, url)
        await until(lambda: sum(report.settled["Ack"] for report in reports) == REFUNDS)
        await send(sqs, url)
        await send(sqs, url)
        await until(lambda: sum(report.settled["Ack"] for report in reports) == 3 * REFUNDS)
        stop.set()
        await asyncio.gather(*workers)
        paid = Counter(refund["refundId"] for refund in await drained(sqs, f"{name}-ledger_queue"))
    assert paid == {f"R-{number}": 1 for number in range(REFUNDS)}
    assert sum(count for report in reports for (what, _), count in report.counts.items() if what == "repeat") == 40
