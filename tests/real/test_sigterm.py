"""Workers that are told to stop: they finish or give back what they hold, and leave in time."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from typing import Any

from crew import crew
from faults import stall, unavailable
from proxy import Point
from worker import Worker, until, worker

LEAVE = 25.0  # seconds: the stop time-out that ECS gives by default, less five


async def test_workers_that_are_told_to_stop_under_load_lose_and_repeat_nothing(
    aws: str, ledger: Any, sizes: Any, tell: Any
) -> None:
    chance, exits = random.Random(1), list[asyncio.Task[float]]()  # noqa: S311 - when to stop, not cryptography
    async with crew(aws, "orders.yaml", 3, Q=ledger.name, VISIBILITY="60s") as workers:
        for _ in range(sizes.drains):
            one = await workers.ready()
            await ledger.feed(100)
            await asyncio.sleep(chance.random() / 2)
            exits.append(asyncio.create_task(stop(one)))
        slowest = max(await asyncio.gather(*exits))
        await ledger.settles()
    ledger.check()
    assert ledger.repeated == 0
    tell(
        f"SIGTERM: {len(exits)} drains under load, {len(ledger.sent)} messages, {len(ledger.missing)} lost, "
        f"{ledger.repeated} repeated, {sum(n for r, n in ledger.receives.items() if r > 1)} given back and delivered "
        f"by another, slowest exit {slowest:.1f} s"
    )


async def stop(one: Worker, signals: int = 1) -> float:
    """Tell a worker to stop, check that it leaves as it should, and return how long that took."""
    began = time.monotonic()
    for _ in range(signals):
        one.send_signal(signal.SIGTERM)
        await asyncio.sleep(0.01 if signals > 1 else 0)
    assert await one.leaves() == 0, one.said
    took = time.monotonic() - began
    assert took < LEAVE
    assert not one.events("not given back"), one.said
    return took


async def test_a_start_is_ended_at_once(aws: str, ledger: Any, tell: Any) -> None:
    async with worker(aws, "orders.yaml", Q=ledger.name) as one:
        one.proxy.at(Point("GetQueueUrl", "before"), stall(60), times=10)
        await until(lambda: one.proxy.calls["GetQueueUrl"] > 0)
        tell(f"SIGTERM while AWS does not answer at start: exit after {await stop(one):.1f} s")
        assert not one.events("started")


async def test_a_worker_that_is_told_to_stop_at_any_time_of_its_start_leaves(
    aws: str, ledger: Any, sizes: Any, tell: Any
) -> None:
    codes = []
    for number in range(sizes.drains // 5 + 1):
        async with worker(aws, "orders.yaml", Q=ledger.name) as one:
            await asyncio.sleep(number / sizes.drains * 5)
            one.send_signal(signal.SIGTERM)
            codes.append(await one.leaves())
            assert not any("Traceback" in line for line in one.said), one.said
    assert set(codes) <= {0, -signal.SIGTERM}  # as Python itself starts, nothing of ours runs yet
    tell(f"SIGTERM during start: {len(codes)} times, {codes.count(0)} left with 0, the others while Python starts")


async def test_a_second_signal_changes_nothing(aws: str, ledger: Any, tell: Any) -> None:
    async with worker(aws, "orders.yaml", Q=ledger.name, VISIBILITY="60s") as one:
        await one.sees("started")
        await ledger.feed(200)
        await asyncio.sleep(0.3)
        took = await stop(one, signals=30)
    async with worker(aws, "orders.yaml", Q=ledger.name):
        await ledger.settles()
    ledger.check()
    assert ledger.repeated == 0
    tell(f"SIGTERM thirty times: {len(ledger.missing)} lost, {ledger.repeated} repeated, exit after {took:.1f} s")


async def test_during_an_outage_of_the_sink_everything_is_given_back(aws: str, ledger: Any, tell: Any) -> None:
    async with worker(aws, "orders.yaml", Q=ledger.name, VISIBILITY="60s") as one:
        await one.sees("started")
        one.proxy.at(Point("SendMessageBatch", "before", "-out"), unavailable, times=10_000)
        await ledger.feed(200)
        await one.sees("paused")
        took = await stop(one)
    assert not ledger.out
    async with worker(aws, "orders.yaml", Q=ledger.name):
        await ledger.settles(patience=30)  # well before a lease of a minute would have ended
    ledger.check()
    assert ledger.repeated == 0
    tell(f"SIGTERM during an outage of the sink: {len(ledger.sent)} messages given back, exit after {took:.1f} s")


async def test_what_a_long_poll_brings_after_the_signal_is_given_back(aws: str, ledger: Any, tell: Any) -> None:
    async with worker(aws, "orders.yaml", Q=ledger.name, VISIBILITY="60s", WAIT="10s") as one:
        await until(lambda: one.proxy.calls["ReceiveMessage"] > 0)
        leaving = asyncio.create_task(stop(one))
        await one.sees("draining")
        await ledger.feed(10)
        took = await leaving
        assert not one.proxy.calls["SendMessageBatch"]
    async with worker(aws, "orders.yaml", Q=ledger.name):
        await ledger.settles(patience=30)
    ledger.check()
    assert ledger.repeated == 0
    assert max(ledger.receives) == 2
    tell(f"SIGTERM during a long poll: {ledger.receives[2]} messages given back, exit after {took:.1f} s")
