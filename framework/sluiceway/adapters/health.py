"""`/healthz` and `/readyz`, on loopback only, and from a thread: an event loop that is blocked could not answer."""

from __future__ import annotations

import io
import socket
import threading
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final, Protocol, cast

import orjson

from sluiceway.core.errors import OutsideError

_GOOD: Final = {"/healthz": {"starting", "running", "draining"}, "/readyz": {"running"}}
"""The states in which each path answers 200."""

_PATIENCE: Final = 2.0
"""Seconds in which a request must have come whole."""

_LONGEST: Final = 8 * 1024
"""Bytes that a request may have."""

_AT_A_TIME: Final = 8
"""Requests that are answered at a time; those beyond are hung up on."""


class Watched(Protocol):
    """What of a worker its health is told by. It is read from another thread than the worker's."""

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

    @property
    def trouble(self) -> str | None:
        """What hangs, as a sentence, when something does."""
        ...


@contextmanager
def serve_health(port: int, workers: Sequence[Watched]) -> Generator[None]:
    """Serve the workers' health on 127.0.0.1 while the block runs.

    `/healthz` answers 200 while every worker runs or drains and none hangs. A dependency that is down is named but no
    failure: restarting the worker would not mend it. `/readyz` answers 200 while every worker receives, too.

    Raises:
        OutsideError: The port is taken.
    """
    try:
        server = _Server(("127.0.0.1", port), workers)
    except OSError as error:
        raise OutsideError(f"the health port {port} cannot be opened on 127.0.0.1: {error.strerror}") from error
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="sluiceway-health", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


class _Server(ThreadingHTTPServer):
    """Answers each request in a thread of its own."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 32

    def __init__(self, address: tuple[str, int], workers: Sequence[Watched]) -> None:
        self.workers = workers
        self._free = threading.BoundedSemaphore(_AT_A_TIME)
        super().__init__(address, _Handler)

    def process_request(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        """Begin to answer a request, or hang up on one too many."""
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(
        self, request: socket.socket | tuple[bytes, socket.socket], client_address: object
    ) -> None:
        """Answer a request."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: whoever asked has hung up."""


class _Handler(BaseHTTPRequestHandler):
    server_version = "sluiceway"
    sys_version = ""

    def handle(self) -> None:
        """Take the head of the request whole, within its limits, and answer it."""
        self.rfile = io.BytesIO(_head(self.connection))
        self.handle_one_request()

    def do_GET(self) -> None:
        """Answer."""
        good = _GOOD.get(self.path.partition("?")[0])
        if good is None:
            self._answer(404, {"error": "only /healthz and /readyz are served here"})
            return
        workers = cast("_Server", self.server).workers
        states = {w.name: {"state": w.state, "down": list(w.down), "trouble": w.trouble} for w in workers}
        well = all(state["state"] in good and state["trouble"] is None for state in states.values())
        self._answer(200 if well else 503, states)

    do_HEAD = do_GET  # noqa: N815 - the name that http.server looks for

    def _answer(self, status: int, body: object) -> None:
        content = orjson.dumps(body)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the overridden method's
        """Log nothing: these requests come every few seconds."""


def _head(connection: socket.socket) -> bytes:
    """Return the head of a request; nothing of one that is too long, or too slow."""
    until = time.monotonic() + _PATIENCE
    head = b""
    while b"\r\n\r\n" not in head:
        connection.settimeout(max(0.001, until - time.monotonic()))
        try:
            piece = connection.recv(_LONGEST)
        except OSError:
            return b""
        head += piece
        if not piece or len(head) > _LONGEST:
            return b""
    return head
