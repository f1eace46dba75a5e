"""However many messages wait, a worker holds only its budget of them."""

from __future__ import annotations

import asyncio
from typing import Any

from gauge import after_warm_up, growth, measure
from worker import worker

BOUND = 8.0  # MiB: what an allocator may do to itself; a million messages of half a kilobyte are 500


async def test_memory_stays_flat_whatever_the_queue_holds(aws: str, sizes: Any, tell: Any) -> None:
    async with worker(aws, "endless.yaml", COUNT=str(sizes.flood)) as one:
        await one.sees("started")
        samples = []
        while one.alive:
            try:
                samples.append(measure(one.process.pid))
            except (OSError, KeyError):
                break  # it has left since
            await asyncio.sleep(0.1)
        assert await one.leaves() == 0, one.said[-5:]
        (counts,) = one.events("stopped")
    assert counts["done"] + counts["dead_lettered"] == sizes.flood, counts
    steady = after_warm_up(samples)
    grown, took = growth(steady, "rss"), samples[-1].time - samples[0].time
    tell(
        f"memory: {sizes.flood} messages in {took:.0f} s ({sizes.flood / took:.0f} a second), RSS "
        f"{steady[0].rss:.0f} MiB after warm-up, at most {max(s.rss for s in steady):.0f}, growth {grown:+.1f} MiB"
    )
    assert grown < BOUND
