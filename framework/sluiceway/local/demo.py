"""The demo: one pipeline file, a shop that sends orders, and everything around them, on an emulated AWS."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sluiceway import app
from sluiceway.adapters.clients import Clients
from sluiceway.core.errors import OutsideError
from sluiceway.core.message import Message
from sluiceway.core.outcome import Retry, Verdict
from sluiceway.core.ports import Delivery
from sluiceway.core.spec import Pipeline
from sluiceway.engine.report import Ending, Report
from sluiceway.local.account import Account, Found, account
from sluiceway.local.laptop import create_for, only_emulator, with_short_polls
from sluiceway.local.readback import events_in, letters_in, queued_in, tap
from sluiceway.local.services import CustomerService, Partner, serving
from sluiceway.local.shop import CUSTOMERS, HESITATES_FOR, ORDERS, Order, open_shop

QUEUE, BUCKET, BUS, DEAD_LETTERS = "shop-orders", "shop-order-bodies", "orders", "shop-orders-dlq"

LONGEST: Final = 30.0
"""Seconds after which the demo gives up on messages that do not end; it takes two."""

_TOKEN = "a-token-of-the-demo"  # noqa: S105 - shared by the demo with itself
_KEY = b"a signing key of the demo, no secret"

Say = Callable[[str], None]
"""Hears what happens next, a sentence each."""

Progress = Callable[[int, int], None]
"""Hears how many messages have ended, of how many that were sent."""


@dataclass(slots=True)
class Story:
    """What happened.

    Attributes:
        account: Message by message, and what is wrong.
        queued: Messages still in the queue.
        seconds: From the first order to the last one's end.
        drift: How often each unknown field was counted.
    """

    account: Account
    queued: int
    seconds: float
    drift: Mapping[str, int]


@dataclass(slots=True)
class _Watch:
    """Listens to the worker: what became of each message, and when all have ended."""

    progress: Progress
    endings: dict[str, list[Ending]] = field(default_factory=dict[str, list[Ending]])
    ended: set[str] = field(default_factory=set[str])
    all_ended: asyncio.Event = field(default_factory=asyncio.Event)

    def on_ending(self, delivery: Delivery, _message: Message, ending: Ending) -> None:
        self.endings.setdefault(delivery.message.id, []).append(ending)

    def on_settled(self, delivery: Delivery, verdict: Verdict) -> None:
        if isinstance(verdict, Retry):
            return
        self.ended.add(delivery.message.id)
        self.progress(len(self.ended), len(ORDERS))
        if len(self.ended) == len(ORDERS):
            self.all_ended.set()


def pipeline_file() -> Path:
    """Return the file that the demo runs: the one in the wheel, or in a checkout the one in `pipelines/`.

    Raises:
        OutsideError: It is in neither place.
    """
    here = Path(__file__)
    places = (here.with_name("pipelines"), here.parents[3] / "pipelines")
    for place in places:
        if (file := place / "shop-orders.yaml").is_file():
            return file
    raise OutsideError(f"the demo's pipeline file is not in {' or '.join(map(str, places))}: install sluiceway again")


async def tell(file: Path, endpoint: str, say: Say, progress: Progress) -> Story:
    """Run the demo against an emulator that has nothing of it yet.

    Args:
        file: The pipeline file.
        endpoint: The emulator's URL.
        say: Hears each step.
        progress: Hears how far the worker is.

    Raises:
        OutsideError: The emulator fails, or the `local` extra is not installed.
        KeyboardInterrupt: A signal stopped the worker; it has drained.
    """
    customers = CustomerService(_TOKEN, CUSTOMERS, HESITATES_FOR)
    partner = Partner(_KEY)
    key = "whsec_" + base64.b64encode(_KEY).decode()
    async with AsyncExitStack() as stack:
        stack.enter_context(only_emulator(endpoint, CUSTOMERS_TOKEN=_TOKEN, DEMO_PARTNER_KEY=key))
        customers_url = await stack.enter_async_context(serving(customers.app()))
        partner_url = await stack.enter_async_context(serving(partner.app()))
        say(f"customer service at {customers_url}, partner at {partner_url}/hooks")
        pipeline = app.load(file, environ=_variables(customers_url, f"{partner_url}/hooks"))
        await create_for([pipeline], endpoint)
        clients = await stack.enter_async_context(Clients(endpoint))
        caught = await tap(clients, BUS)
        say(f"queues {QUEUE} and {DEAD_LETTERS}, bus {BUS}, bucket {BUCKET}; a rule on the bus, to read it back")

        report, watch = Report(), _Watch(progress)
        report.on_ending, report.on_settled = watch.on_ending, watch.on_settled
        started = time.monotonic()
        sent = await _run(pipeline, endpoint, report, watch, say)
        seconds = time.monotonic() - started

        say("reading back: the bus, the partner, the dead letters")
        sqs = await clients.open("sqs")
        events, letters = await events_in(sqs, caught), await letters_in(sqs, DEAD_LETTERS)
        found = Found(events, partner.received, letters, watch.endings, await queued_in(sqs, QUEUE))
    sinks = ", ".join(sink.id for sink in pipeline.sinks)
    return Story(account(sent, found, sinks=sinks, dead_letters=DEAD_LETTERS), found.queued, seconds, _drift(report))


async def _run(
    pipeline: Pipeline, endpoint: str, report: Report, watch: _Watch, say: Say
) -> Sequence[tuple[str, Order]]:
    """Run the worker while the shop sends, until every message has ended; then let it drain, as SIGTERM would."""
    stop = asyncio.Event()
    options = app.Options(endpoint=endpoint, reports={pipeline.name: report})
    with open_shop(QUEUE, BUCKET) as shop:
        worker = asyncio.create_task(app.serve([with_short_polls(pipeline)], options, stop))
        try:
            say(f"the worker runs, and the shop sends {len(ORDERS)} messages: boto3, and the SQS extended client")
            sent = [(await asyncio.to_thread(shop.send, order), order) for order in ORDERS]
            ended = asyncio.create_task(watch.all_ended.wait())
            await asyncio.wait({worker, ended}, timeout=LONGEST, return_when=asyncio.FIRST_COMPLETED)
            ended.cancel()
            if stop.is_set():  # not by us
                await worker
                raise KeyboardInterrupt
        finally:
            stop.set()
            await worker
    return sent


def _variables(customers: str, partner: str) -> Mapping[str, str]:
    """Return what `${…}` in the pipeline file stands for; in production a container's environment says it."""
    return {
        "ORDERS_QUEUE": QUEUE,
        "ORDERS_BUCKET": BUCKET,
        "ORDERS_BUS": BUS,
        "ORDERS_DLQ": DEAD_LETTERS,
        "CUSTOMERS_URL": customers,
        "PARTNER_URL": partner,
        "PARTNER_SECRET": "env:DEMO_PARTNER_KEY",
        "ALLOW_PRIVATE": "true",
    }


def _drift(report: Report) -> Mapping[str, int]:
    return {dict(labels)["path"]: number for (name, labels), number in report.counts.items() if name == "unknown_field"}
