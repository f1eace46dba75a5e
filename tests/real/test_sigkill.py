"""Workers that are killed, at every point that matters: nothing is lost."""

from __future__ import annotations

import asyncio
import random
import signal
from collections import Counter
from itertools import cycle
from typing import Any

from crew import crew
from proxy import Point
from worker import Worker

POINTS = [
    Point("ReceiveMessage", "before"),
    Point("ReceiveMessage", "after"),
    Point("SendMessageBatch", "before", "-out"),
    Point("SendMessageBatch", "after", "-out"),
    Point("DeleteMessageBatch", "before"),
    Point("DeleteMessageBatch", "after"),
    Point("ChangeMessageVisibilityBatch", "before"),
    Point("ChangeMessageVisibilityBatch", "after"),
    Point("SendMessageBatch", "before", "-dlq"),
    Point("SendMessageBatch", "after", "-dlq"),
    None,  # at random
]


async def test_workers_that_are_killed_lose_nothing(aws: str, ledger: Any, sizes: Any, tell: Any) -> None:
    chance, struck = random.Random(1), Counter[str]()  # noqa: S311 - where to strike, not cryptography
    portion = -(-sizes.messages // sizes.kills)
    async with crew(aws, "orders.yaml", 3, Q=ledger.name) as workers:  # two that compete, and one that starts
        for _, point in zip(range(sizes.kills), cycle(POINTS)):
            victim = await workers.ready()
            await ledger.feed(portion)
            struck[await strike(victim, point, chance)] += 1
        await ledger.settles()
    ledger.check()
    arrivals = ledger.out.total() + ledger.dead.total()
    tell(
        f"SIGKILL: {struck.total()} kills ({struck['at random']} at random, the others at {len(struck) - 1} points), "
        f"{len(ledger.sent)} messages, {len(ledger.missing)} missing, {ledger.repeated} of {arrivals} arrivals "
        f"repeated ({ledger.repeated / arrivals:.1%}), most receipts of one {max(ledger.receives)}"
    )


async def strike(victim: Worker, point: Point | None, chance: random.Random) -> str:
    """Kill a worker at a point, or at random when there is none or it does not come by; return where."""
    if point is not None:
        victim.proxy.at(point, victim.kill, nth=chance.randint(1, 3))
    try:
        async with asyncio.timeout(4 if point else chance.random()):
            await victim.process.wait()
    except TimeoutError:
        victim.send_signal(signal.SIGKILL)
        await victim.process.wait()
        return "at random"
    assert victim.process.returncode == -signal.SIGKILL, victim.said
    return str(point)
