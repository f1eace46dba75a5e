"""A sink that is down for a while, with a full queue before it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import Any

from partner import partner
from worker import worker


async def test_a_sink_that_is_down_costs_time_and_no_message(aws: str, ledger: Any, sizes: Any, tell: Any) -> None:
    async with partner() as there:
        there.status = lambda _: 503
        await ledger.feed(sizes.queued, kind="good", count=1, takes=0)
        async with worker(aws, "hooks.yaml", Q=ledger.name, PARTNER=there.url) as one:
            await one.sees("paused")
            await asyncio.sleep(sizes.outage / 2)
            await there.close()
            await asyncio.sleep(sizes.outage / 2)
            assert not there.accepted
            there.status = lambda _: 200
            await there.open()
            began = time.monotonic()
            while len({body["n"] for body in there.accepted}) < sizes.queued or await ledger.left():
                assert time.monotonic() - began < 120, (len(there.accepted), one.said[-5:])
                await asyncio.sleep(0.2)
            took = time.monotonic() - began
            paused = one.events("paused")
    assert not ledger.dead
    receives = Counter(body["receives"] for body in there.accepted)
    assert len(there.accepted) == sizes.queued
    tell(
        f"outage of {sizes.outage} s: {sizes.queued} queued, {len(there.accepted)} delivered in the {took:.1f} s after "
        f"it, {len(ledger.dead)} dead letters, {there.refused} calls in vain answered, "
        f"receipts of a message: {dict(sorted(receives.items()))}, said {len(paused)} time(s)"
    )
