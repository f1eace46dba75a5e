"""Every way in which a connection to AWS can fail, at every call under load: all is delivered, nothing is given up."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest
from faults import garbage, half_close, nonsense, reset, server_error, slow, stall, throttle, unavailable
from proxy import Point
from worker import worker

OPERATIONS = [
    ("ReceiveMessage", ""),
    ("SendMessageBatch", "-out"),
    ("SendMessageBatch", "-dlq"),
    ("DeleteMessageBatch", ""),
    ("ChangeMessageVisibilityBatch", ""),
]
POINTS = [Point(operation, when, queue) for operation, queue in OPERATIONS for when in ("before", "after")]


async def test_whatever_breaks_on_the_way_to_aws_everything_is_delivered(
    aws: str, ledger: Any, sizes: Any, tell: Any
) -> None:
    """A fault strikes twice in a row: a call that is tried again at once meets it again."""
    kinds = [reset, half_close, stall(sizes.stall), slow(3), garbage, nonsense, throttle, server_error, unavailable]
    async with AsyncExitStack() as stack:
        pair = [
            await stack.enter_async_context(worker(aws, "orders.yaml", Q=ledger.name, VISIBILITY="15s"))
            for _ in range(2)
        ]
        for one in pair:
            await one.sees("started")
        for turn in range(sizes.rounds):  # in as many rounds as there are kinds, each strikes at every point
            for one in pair:
                for place, point in enumerate(POINTS):
                    one.proxy.at(point, kinds[(place + turn) % len(kinds)], times=2)
            await until_all_have_struck(pair, ledger)
        await ledger.settles()
        lost = sum(len(one.events("lease lost")) for one in pair)
        assert all(one.alive for one in pair), [one.said for one in pair]
    ledger.check()
    tell(
        f"faults: {sum(one.proxy.struck.total() for one in pair)} of {len(kinds)} kinds at {len(POINTS)} points; "
        f"{len(ledger.sent)} messages, {len(ledger.missing)} missing, {len(ledger.misplaced)} dead-lettered wrongly, "
        f"{ledger.repeated} repeated, {lost} leases lost"
    )


@pytest.mark.long
async def test_a_renewal_that_hangs_and_hangs_again_when_it_is_retried_costs_no_lease(
    aws: str, ledger: Any, tell: Any
) -> None:
    async with worker(aws, "orders.yaml", Q=ledger.name, VISIBILITY="12s") as one:
        await one.sees("started")
        one.proxy.at(Point("ChangeMessageVisibilityBatch", "before"), stall(60), times=2)
        await ledger.feed(1, kind="good", count=1, takes=20)
        await ledger.settles()
        assert not one.proxy.pending
        assert not one.events("lease lost")
    ledger.check()
    assert set(ledger.receives) == {1}
    tell("a renewal that hangs, with its retry, with a lease of 12 s: 0 leases lost")


async def until_all_have_struck(pair: Any, ledger: Any) -> None:
    """Feed until every order is carried out; slow messages make leases be renewed."""
    async with asyncio.timeout(120):
        while any(one.proxy.pending for one in pair):
            if len(ledger.missing) < 100:
                await ledger.feed(40)
                await ledger.feed(2, kind="good", count=1, takes=6)
            await asyncio.sleep(0.2)
