"""Health is told over HTTP from a thread of its own, whatever the event loop does and whoever asks."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.unit.engine.conftest import RecordedLog

from sluiceway.adapters import health
from sluiceway.adapters.clock import SystemClock
from sluiceway.adapters.health import serve_health
from sluiceway.core.errors import OutsideError
from sluiceway.engine.circuit import Circuit
from sluiceway.engine.dependencies import Dependencies


@dataclass
class Worker:
    name: str = "orders"
    state: str = "running"
    down: list[str] = field(default_factory=list)
    trouble: str | None = None


@pytest.fixture
def worker() -> Worker:
    return Worker()


@pytest.fixture
def port(worker: Worker) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        number = int(free.getsockname()[1])
    with serve_health(number, [worker, Worker("more")]):
        yield number


def ask(port: int, path: str, method: str = "GET") -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        content = answer.read()
        return answer.status, json.loads(content) if content else None
    finally:
        connection.close()


def say(port: int, sent: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(sent)
        said = b""
        while piece := connection.recv(4096):
            said += piece
        return said


def test_each_worker_is_told_by_its_name(worker: Worker, port: int) -> None:
    worker.down = ["bus"]
    fine = {"state": "running", "down": [], "trouble": None}
    assert ask(port, "/healthz") == (200, {"orders": {**fine, "down": ["bus"]}, "more": fine})


@pytest.mark.parametrize(
    ("state", "healthz", "readyz"),
    [("starting", 200, 503), ("running", 200, 200), ("draining", 200, 503), ("stopped", 503, 503)],
)
def test_a_worker_is_ready_while_it_receives_and_healthy_until_it_has_stopped(
    worker: Worker, port: int, state: str, healthz: int, readyz: int
) -> None:
    worker.state = state
    assert ask(port, "/healthz")[0] == healthz
    assert ask(port, "/readyz?verbose")[0] == readyz


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_a_worker_that_hangs_is_neither_and_the_answer_says_why(worker: Worker, port: int, path: str) -> None:
    worker.trouble = "the event loop has made no progress for 60s"
    status, states = ask(port, path)
    assert status == 503
    assert states["orders"]["trouble"] == worker.trouble
    assert states["more"]["trouble"] is None


def test_head_is_answered_without_a_body_and_nothing_else_is_served(port: int) -> None:
    assert ask(port, "/healthz", "HEAD") == (200, None)
    assert ask(port, "/")[0] == 404
    assert say(port, b"POST /healthz HTTP/1.1\r\nContent-Length: 0\r\n\r\n").startswith(b"HTTP/1.0 501 ")


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /healthz HTTP/9\r\n\r\n",
        b"\xff\x00 \r\n\r\n",
        b"x" * 9000,
        b"A: b\r\n" * 2000,
    ],
)
def test_what_is_no_request_gets_an_error_or_nothing_and_harms_nobody(port: int, sent: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        with suppress(ConnectionResetError):  # it may be hung up on before all of it has been read
            assert b"200 OK" not in connection.recv(4096)
    assert ask(port, "/healthz")[0] == 200


def test_who_asks_too_slowly_is_hung_up_on_and_one_too_many_is_not_waited_for(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "_PATIENCE", 0.05)
    slow = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(16)]
    for connection in slow:
        assert connection.recv(1) == b""
        connection.close()
    assert ask(port, "/healthz")[0] == 200


def test_a_port_that_is_taken_is_named(port: int) -> None:
    with pytest.raises(OutsideError, match=f"the health port {port} cannot be opened"), serve_health(port, []):
        pass


def test_dependencies_can_be_asked_for_while_the_event_loop_meets_new_ones() -> None:
    clock, log = SystemClock(), RecordedLog()
    dependencies = Dependencies(clock, log)

    class Met(Circuit):
        @property
        def is_open(self) -> bool:  # what happens when it is asked for
            dependencies.circuit("met just now")
            return True

    dependencies.watched = {"bus": Met("bus", clock, log), "partner": Met("partner", clock, log)}
    assert dependencies.down == ["bus", "partner"]
