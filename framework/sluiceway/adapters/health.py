"""`/healthz` and `/readyz`, on loopback only."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

from aiohttp import web

from sluiceway.core.errors import OutsideError


class Watched(Protocol):
    """What of a worker its health is told by."""

    @property
    def name(self) -> str:
        """The pipeline's name."""
        ...

    @property
    def state(self) -> str:
        """What the worker does: `starting`, `running`, `draining` or `stopped`."""
        ...

    @property
    def down(self) -> Sequence[str]:
        """The dependencies that serve nobody at the moment."""
        ...


@asynccontextmanager
async def serve_health(port: int, workers: Sequence[Watched]) -> AsyncGenerator[None]:
    """Serve the workers' health on 127.0.0.1 while the block runs.

    `/healthz` answers 200 while every worker runs or drains: that the event loop answers at all is the proof of life.
    A dependency that is down is named but no failure: restarting the worker would not mend it. `/readyz` answers 200
    while every worker receives.

    Raises:
        OutsideError: The port is taken.
    """

    def answer(good: set[str]) -> web.Response:
        states = {worker.name: {"state": worker.state, "down": list(worker.down)} for worker in workers}
        healthy = all(worker.state in good for worker in workers)
        return web.json_response(states, status=200 if healthy else 503)

    async def healthz(_: web.Request) -> web.Response:
        return answer({"starting", "running", "draining"})

    async def readyz(_: web.Request) -> web.Response:
        return answer({"running"})

    server = web.Application()
    server.router.add_get("/healthz", healthz)
    server.router.add_get("/readyz", readyz)
    runner = web.AppRunner(server, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
    except OSError as error:
        await runner.cleanup()
        raise OutsideError(f"the health port {port} cannot be opened on 127.0.0.1: {error.strerror}") from error
    try:
        yield
    finally:
        await runner.cleanup()
