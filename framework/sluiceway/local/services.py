"""The demo's neighbours: a customer service that is asked and a partner that is told, on 127.0.0.1."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

_TOLERANCE: Final = 300
"""Seconds by which a webhook's timestamp may differ, as the Standard Webhooks specification recommends."""


class CustomerService:
    """Answers `GET /v1/customers/{id}` to whoever has the token.

    Args:
        token: The bearer token.
        known: The customers, by id.
        hesitates_for: The customer for whom the first request is answered with 503.

    Attributes:
        hesitated: Whether it has answered so.
    """

    def __init__(self, token: str, known: Mapping[str, Mapping[str, str]], hesitates_for: str) -> None:
        self.hesitated = False
        self._token = token
        self._known = known
        self._hesitates_for = hesitates_for

    def app(self) -> web.Application:
        """Return the service as an application."""
        app = web.Application()
        app.router.add_get("/v1/customers/{id}", self._answer)
        return app

    async def _answer(self, request: web.Request) -> web.Response:
        if request.headers.get("authorization") != f"Bearer {self._token}":
            return web.Response(status=401)
        customer = request.match_info["id"]
        if customer == self._hesitates_for and not self.hesitated:
            self.hesitated = True
            return web.Response(status=503)
        found = self._known.get(customer)
        return web.json_response(found) if found else web.Response(status=404)


class Partner:
    """Takes webhooks that are signed by Standard Webhooks, and refuses all others.

    Args:
        key: The shared key.

    Attributes:
        received: The bodies, by `webhook-id`.
    """

    def __init__(self, key: bytes) -> None:
        self.received: dict[str, list[bytes]] = {}
        self._key = key

    def app(self) -> web.Application:
        """Return the endpoint as an application."""
        app = web.Application()
        app.router.add_post("/hooks", self._take)
        return app

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        if not self._is_signed(request.headers, body):
            return web.Response(status=401)
        self.received.setdefault(request.headers["webhook-id"], []).append(body)
        return web.Response(status=204)

    def _is_signed(self, headers: Mapping[str, str], body: bytes) -> bool:
        at = headers.get("webhook-timestamp", "")
        if not at.isdecimal() or abs(time.time() - int(at)) > _TOLERANCE:
            return False
        signed = f"{headers.get('webhook-id', '')}.{at}.".encode() + body
        right = "v1," + base64.b64encode(hmac.digest(self._key, signed, hashlib.sha256)).decode()
        return any(hmac.compare_digest(right, given) for given in headers.get("webhook-signature", "").split())


@asynccontextmanager
async def serving(app: web.Application) -> AsyncGenerator[str]:
    """Serve an application on a free port of 127.0.0.1 and yield its URL."""
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()
