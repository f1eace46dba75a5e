"""The command `sluiceway run` in a process of its own, as a container runs it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from proxy import Cut, Exchange, Proxy, proxy_to

from sluiceway.local.laptop import CREDENTIALS

PIPELINES = Path(__file__).parent / "pipelines"
PATIENCE = 30.0  # seconds for a start or an exit, on a machine with more to do
_COMMAND = [sys.executable, "-W", "error", "-c", "from sluiceway_start import main; main()", "run"]


async def until(condition: Callable[[], bool], patience: float = PATIENCE) -> None:
    """Wait for what other processes do and tell nobody.

    Raises:
        TimeoutError: It did not happen.
    """
    async with asyncio.timeout(patience):
        while not condition():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.02)


class Worker:
    """A worker process, and its own proxy to AWS.

    Attributes:
        proxy: Its way to AWS.
        log: What it has logged so far.
        said: All that came on standard error, line by line.
    """

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy
        self.log: list[dict[str, Any]] = []
        self.said: list[str] = []
        self.process: asyncio.subprocess.Process
        self._line = asyncio.Event()
        self._reading: asyncio.Task[None]

    async def start(self, file: Path, *arguments: str, **environ: str) -> None:
        variables = {**CREDENTIALS, "PATH": os.environ["PATH"], "AWS_ENDPOINT_URL": self.proxy.endpoint, **environ}
        variables["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
        self.process = await asyncio.create_subprocess_exec(
            *_COMMAND, file, *arguments, env=variables, stderr=asyncio.subprocess.PIPE
        )
        self._reading = asyncio.create_task(self._read())

    async def sees(self, event: str, times: int = 1, patience: float = PATIENCE) -> None:
        """Wait until it has logged an event so often."""
        async with asyncio.timeout(patience):
            while len(self.events(event)) < times:
                assert not self._reading.done(), f"it ended before it logged {event!r}: {self.said}"
                self._line.clear()
                await self._line.wait()

    def events(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.log if line["event"] == event]

    @property
    def alive(self) -> bool:
        return self.process.returncode is None

    def send_signal(self, number: int) -> None:
        """Send a signal, unless the process has gone."""
        if self.alive:
            self.process.send_signal(number)

    async def kill(self, _: Exchange | None = None) -> None:
        """End it by SIGKILL; as a fault, at a point of its traffic."""
        self.send_signal(signal.SIGKILL)
        raise Cut

    async def leaves(self, patience: float = PATIENCE) -> int:
        """Wait until the process has ended, and return its exit code."""
        async with asyncio.timeout(patience):
            await self.process.wait()
            await self._reading
        return self.process.returncode if self.process.returncode is not None else -1

    async def _read(self) -> None:
        assert self.process.stderr is not None
        async for raw in self.process.stderr:
            line = raw.decode()
            self.said.append(line)
            if line.startswith("{"):
                self.log.append(json.loads(line))
            self._line.set()
        self._line.set()


@asynccontextmanager
async def worker(aws: str, file: str, *arguments: str, **environ: str) -> AsyncIterator[Worker]:
    """Start a worker on a pipeline file of this folder, and kill it at the end of the block if it is still there."""
    async with proxy_to(aws) as proxy:
        started = Worker(proxy)
        await started.start(PIPELINES / file, *arguments, **environ)
        try:
            yield started
        finally:
            started.send_signal(signal.SIGKILL)
            await started.leaves()
