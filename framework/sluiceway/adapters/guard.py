"""Outgoing HTTP connects to allowed addresses only, so that no message or answer can point a worker at its own network.

The check is made on the address of each connection, not on a name, so that a name that resolves to one address
when it is looked at and to another when it is connected to gains nothing.
"""

from __future__ import annotations

import socket
from typing import Any

import aiohttp
from aiohttp.abc import ResolveResult
from aiohttp.connector import Connection
from aiohttp.tracing import Trace

from sluiceway.core.address import is_allowed


class RefusedAddress(OSError):
    """No address of a host is one that may be connected to. An OSError, because aiohttp then closes what it opened."""


class GuardedResolver(aiohttp.ThreadedResolver):
    """Resolve names and leave out the addresses that may not be connected to."""

    def __init__(self, *, allow_private: bool) -> None:
        super().__init__()
        self._allow_private = allow_private

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of a name that may be connected to.

        Raises:
            RefusedAddress: There is none.
        """
        found = await super().resolve(host, port, family)
        allowed = [one for one in found if is_allowed(one["host"], allow_private=self._allow_private)]
        if not allowed:
            raise RefusedAddress
        return allowed


class GuardedSockets:
    """Make the sockets of a connector. A host that is itself an address never meets the resolver, but comes by here."""

    def __init__(self, *, allow_private: bool) -> None:
        self._allow_private = allow_private

    def __call__(self, target: tuple[Any, ...]) -> socket.socket:
        """Return a socket for one `getaddrinfo` result.

        Raises:
            RefusedAddress: Its address may not be connected to.
        """
        family, kind, protocol, _, address = target
        if not is_allowed(address[0], allow_private=self._allow_private):
            raise RefusedAddress
        return socket.socket(family, kind, protocol)


class StrictConnector(aiohttp.TCPConnector):
    """Connections on which no request gets what was not said in answer to it."""

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's own name
    ) -> Connection:
        """Return a connection, from the pool or new.

        Raises:
            aiohttp.ServerDisconnectedError: The server has spoken on it unasked. aiohttp would take that for the
                answer to this request, and from then on each answer for that to the next.
        """
        connection = await super().connect(req, traces, timeout)
        if connection.protocol is not None and connection.protocol.should_close:
            connection.close()
            raise aiohttp.ServerDisconnectedError
        return connection
