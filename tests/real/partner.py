"""A partner who is called by HTTP: up, failing, or gone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

Judge = Callable[[dict[str, Any]], int]


class Partner:
    """An HTTP server on a port of its own.

    Attributes:
        url: Where it is, up or not.
        accepted: The bodies that it has taken, in order.
        refused: How many calls it has answered with a failure.
        status: What it answers, given the body.
    """

    def __init__(self) -> None:
        self.url = ""
        self.accepted: list[dict[str, Any]] = []
        self.refused = 0
        self.status: Judge = lambda _: 200
        self._port = 0
        self._runner: web.AppRunner

    async def open(self) -> None:
        """Listen, at the same port each time."""
        app = web.Application()
        app.router.add_post("/", self._take)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True)
        await site.start()
        self._port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self._port}/"

    async def close(self) -> None:
        """Refuse connections."""
        await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.json()
        status = self.status(body)
        if status == 200:
            self.accepted.append(body)
        else:
            self.refused += 1
        return web.Response(status=status)


@asynccontextmanager
async def partner() -> AsyncIterator[Partner]:
    """Run a partner while the block runs."""
    made = Partner()
    await made.open()
    try:
        yield made
    finally:
        await made.close()
