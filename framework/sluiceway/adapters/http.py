"""Outgoing HTTP: guarded, bounded, over connections that all components of a worker share."""

from __future__ import annotations

import asyncio
import io
import os
import re
import socket
import ssl
from collections.abc import Mapping
from types import TracebackType
from typing import Final, Self

import aiohttp
from yarl import URL

from sluiceway.adapters.guard import GuardedResolver, GuardedSockets, RefusedAddress, StrictConnector
from sluiceway.core.address import refusal
from sluiceway.core.context import Http, HttpAnswer
from sluiceway.core.errors import MessageError, Reject, Transient
from sluiceway.core.http import OversizeAnswer, is_header_name
from sluiceway.core.url import shown_url, url_problem

CONNECTIONS: Final = 400
"""Connections open at a time, for each of the two sessions: both stay below the usual 1024 file descriptors."""

CONNECTIONS_PER_HOST: Final = 128
"""Of these, connections to one host, so that a slow one leaves some to the others."""

MAX_REDIRECTS: Final = 3
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_GOES_ELSEWHERE: Final = frozenset({"accept", "accept-language", "user-agent"})
_CHUNK: Final = 64 * 1024
_LARGE_BODY: Final = 1024 * 1024
_HEADER_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]*")


class HttpPool:
    """The outgoing connections of one worker; use it as an async context manager.

    Components that may call private addresses have a session of their own: else a connection that one of them
    has opened could be taken from the pool by another, past the guard.
    """

    def __init__(self) -> None:
        self._sessions: dict[bool, aiohttp.ClientSession] = {}

    async def __aenter__(self) -> Self:
        self._sessions = {allow: _session(allow_private=allow) for allow in (False, True)}
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for session in self._sessions.values():
            await session.close()
        self._sessions = {}

    def client(self, *, timeout: float, max_size: int, allow_private: bool = False) -> Http:
        """Return outgoing HTTP with a time-out in seconds and a limit in bytes for each whole answer."""
        return _Client(self._sessions[allow_private], timeout, max_size, allow_private=allow_private)


def _session(*, allow_private: bool) -> aiohttp.ClientSession:
    connector = StrictConnector(
        limit=CONNECTIONS,
        limit_per_host=CONNECTIONS_PER_HOST,
        resolver=GuardedResolver(allow_private=allow_private),
        socket_factory=GuardedSockets(allow_private=allow_private),
    )
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"user-agent": "sluiceway"},
        timeout=aiohttp.ClientTimeout(),  # none of its own: one time-out is over the whole request
        trust_env=False,  # a proxy would resolve and connect in our place, and the guard would see only the proxy
    )


class _Client:
    """Outgoing HTTP for one component."""

    def __init__(self, session: aiohttp.ClientSession, timeout: float, max_size: int, *, allow_private: bool) -> None:
        self._session = session
        self._timeout = timeout
        self._max_size = max_size
        self._allow_private = allow_private

    async def request(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> HttpAnswer:
        """Send one request and return the whole answer, whatever its status.

        Up to three redirects of a GET are followed, each guarded like the first request; to another origin go
        none of the headers that may be secret. No other method is sent twice: its redirect is the answer.

        Raises:
            Transient: The connection was refused or broke off, or the answer did not come in time.
            Reject: The answer is larger than the limit (`OversizeAnswer`), the URL or its address is not one
                that may be called (`refused`), or a header is not valid (`invalid`).
        """
        sent = dict(headers or {})
        _check_headers(sent)
        try:
            async with asyncio.timeout(self._timeout):
                return await self._follow(method, url, sent, body)
        except TimeoutError as error:
            raise Transient(f"{shown_url(url)} did not answer within {self._timeout:g}s") from error

    async def _follow(self, method: str, url: str, headers: dict[str, str], body: bytes | None) -> HttpAnswer:
        for _ in range(MAX_REDIRECTS + 1):
            self._check(url)
            # `encoded`: what a template has percent-encoded must arrive so; %2E%2E must not become `..`.
            here = URL(url, encoded=True)
            answer = await self._once(method, here, headers, body)
            location = answer.headers.get("location")
            if method != "GET" or answer.status not in _REDIRECTS or location is None:
                return answer
            there = _joined(here, location)
            if there.origin() != here.origin():
                headers = {name: value for name, value in headers.items() if name.lower() in _GOES_ELSEWHERE}
            url = str(there)
        raise Reject(f"{shown_url(url)} redirected more than {MAX_REDIRECTS} times", error="refused")

    def _check(self, url: str) -> None:
        if problem := url_problem(url, allow_private=self._allow_private):
            raise Reject(f"{ascii(shown_url(url))[1:-1]} is refused: {problem}", error="refused")

    async def _once(self, method: str, url: URL, headers: dict[str, str], body: bytes | None) -> HttpAnswer:
        # aiohttp warns of large bodies that are given as bytes.
        data = io.BytesIO(body) if body is not None and len(body) > _LARGE_BODY else body
        try:
            async with self._session.request(
                method, url, headers=headers, data=data, allow_redirects=False
            ) as response:
                return await self._read(response)
        except (aiohttp.ClientError, OSError) as error:
            if isinstance(error, TimeoutError):
                raise
            raise self._translated(error, shown_url(str(url))) from error

    async def _read(self, response: aiohttp.ClientResponse) -> HttpAnswer:
        body = bytearray()
        # In chunks, which aiohttp decompresses one by one: a small answer that unpacks to gigabytes is never held.
        async for chunk in response.content.iter_chunked(_CHUNK):
            body += chunk
            if len(body) > self._max_size:
                response.close()
                answer = HttpAnswer(response.status, _lower(response), bytes(body[: self._max_size]))
                raise OversizeAnswer(
                    f"{shown_url(str(response.url))} answered with more than {int(self._max_size)} bytes", answer
                )
        return HttpAnswer(response.status, _lower(response), bytes(body))

    def _translated(self, error: Exception, where: str) -> MessageError:
        cause = getattr(error, "os_error", None)
        if isinstance(cause, RefusedAddress):
            return Reject(f"{where} is refused: {refusal(allow_private=self._allow_private)}", error="refused")
        if isinstance(error, aiohttp.InvalidURL):
            return Reject(f"{where} is refused: its host is not valid", error="refused")
        return Transient(f"{where} {_failure(error)}{_detail(error)}")


def _failure(error: Exception) -> str:
    match error:
        case aiohttp.ClientConnectorDNSError():
            return "has a name that could not be resolved"
        case aiohttp.ClientSSLError():
            return "could not be connected to by TLS"
        case aiohttp.ClientConnectorError():
            return "could not be connected to"
        case aiohttp.ClientResponseError():
            return "gave an answer that is not HTTP"
        case aiohttp.ClientPayloadError():
            return "broke off its answer, or packed it wrongly"
        case _:
            return "closed the connection before it answered"


def _detail(error: Exception) -> str:
    cause = getattr(error, "certificate_error", None) or getattr(error, "os_error", None)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f": {cause.verify_message}"
    if isinstance(cause, ssl.SSLError | socket.gaierror):
        return f": {cause.strerror}"
    # asyncio puts the address in place of the system's own words.
    return f": {os.strerror(cause.errno)}" if isinstance(cause, OSError) and cause.errno else ""


def _joined(here: URL, location: str) -> URL:
    try:
        there = here.join(URL(location))
        there.origin()
        str(there)  # yarl reads host and port late
    except ValueError as error:
        raise Reject(f"{shown_url(str(here))} redirected to what is no URL", error="refused") from error
    return there


def _lower(response: aiohttp.ClientResponse) -> dict[str, str]:
    """Return the headers with names in lower case; those that came several times are joined (RFC 9110 §5.3)."""
    joined: dict[str, str] = {}
    for name, value in response.headers.items():
        lower = name.lower()
        joined[lower] = f"{joined[lower]}, {value}" if lower in joined else value
    return joined


def _check_headers(headers: Mapping[str, str]) -> None:
    for name, value in headers.items():
        if not is_header_name(name):
            raise Reject(f"{name[:64]!r} is not the name of an HTTP header")
        if not _HEADER_VALUE.fullmatch(value):
            raise Reject(f"the header {name} holds a line break or another control character")
