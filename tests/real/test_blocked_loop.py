"""A stage that blocks the event loop: for a while, which must cost nothing, and for good."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from worker import worker


async def test_a_loop_that_is_blocked_for_longer_than_a_lease_repeats_nothing(
    aws: str, ledger: Any, sizes: Any, tell: Any
) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(2):  # one that is blocked, and one that would get what it loses
            one = await stack.enter_async_context(
                worker(aws, "blocked.yaml", Q=ledger.name, VISIBILITY=f"{sizes.lease}s")
            )
            await one.sees("started")
        await ledger.feed(10, kind="good", count=1, takes=0, blocks=0)
        await ledger.feed(1, kind="good", count=1, takes=0, blocks=sizes.block)
        await ledger.feed(9, kind="good", count=1, takes=0, blocks=0)
        began = time.monotonic()
        await ledger.settles(patience=sizes.block + 20)
        took = time.monotonic() - began
    ledger.check()
    assert ledger.repeated == 0
    assert set(ledger.receives) == {1}
    assert took > sizes.block
    tell(
        f"event loop blocked for {sizes.block} s with leases of {sizes.lease} s: "
        f"{ledger.repeated} repeats, receipts of a message: {dict(ledger.receives)}"
    )


async def test_a_loop_that_is_blocked_for_good_loses_its_leases_and_its_process(
    aws: str, ledger: Any, sizes: Any, free_port: int, tell: Any
) -> None:
    environ = {"Q": ledger.name, "VISIBILITY": f"{sizes.lease}s", "STALL": f"{sizes.hang}s"}
    async with worker(aws, "blocked.yaml", "--health-port", str(free_port), **environ) as stuck:
        await stuck.sees("started")
        await turns(free_port, 200)
        await ledger.feed(1, kind="good", count=1, takes=0, blocks=3600)
        began = time.monotonic()
        await turns(free_port, 503)
        red = time.monotonic() - began
        async with worker(aws, "blocked.yaml", **environ):
            code = await stuck.leaves(patience=120)
            left = time.monotonic() - began
            await ledger.settles(patience=60)
            took = time.monotonic() - began
    ledger.check()
    assert code == 4, stuck.said
    assert set(ledger.receives) == {2}
    assert ledger.repeated == 0
    tell(
        f"event loop blocked for good: health red after {red:.0f} s, exit with {code} after {left:.0f} s, "
        f"delivered by another after {took:.0f} s"
    )


async def turns(port: int, status: int) -> None:
    """Wait until /healthz answers so."""
    async with asyncio.timeout(90):
        while await health(port) != status:  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.2)


async def health(port: int) -> int:
    """Return what /healthz answers, 0 when nothing does."""

    def ask() -> int:
        try:
            with urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2) as answer:
                return int(answer.status)
        except HTTPError as error:
            with error:
                return error.code
        except (URLError, OSError):
            return 0

    return await asyncio.to_thread(ask)
