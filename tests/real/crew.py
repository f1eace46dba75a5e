"""Workers that compete for one queue."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from worker import Worker, worker


class Crew:
    """Keeps places filled: whoever leaves is replaced while the others work, as a start costs a second.

    Args:
        aws: The URL of the emulator.
        file: The pipeline file.
        environ: What the file and the worker find in their environment.
    """

    def __init__(self, aws: str, file: str, **environ: str) -> None:
        self._aws = aws
        self._file = file
        self._environ = environ
        self._ready: asyncio.Queue[Worker] = asyncio.Queue()

    async def ready(self) -> Worker:
        """Return a worker that has started and that nobody was given yet."""
        return await self._ready.get()

    async def fill(self) -> None:
        """Keep one place filled, for ever."""
        while True:
            async with worker(self._aws, self._file, **self._environ) as one:
                await one.sees("started")
                self._ready.put_nowait(one)
                await one.process.wait()


@asynccontextmanager
async def crew(aws: str, file: str, size: int, **environ: str) -> AsyncIterator[Crew]:
    """Keep so many workers at work while the block runs."""
    made = Crew(aws, file, **environ)
    async with asyncio.TaskGroup() as group:
        places = [group.create_task(made.fill()) for _ in range(size)]
        try:
            yield made
        finally:
            for place in places:
                place.cancel()
