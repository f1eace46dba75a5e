"""AWS in the process: MiniStack on 127.0.0.1, for `dev`, `demo` and tests."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from http.client import HTTPConnection
from importlib import import_module
from types import TracebackType
from typing import TYPE_CHECKING, ClassVar, Self, cast

from sluiceway.core.errors import OutsideError

if TYPE_CHECKING:
    from hypercorn.typing import ASGIFramework, ASGIReceiveCallable, ASGISendCallable, Scope

_HOST = "127.0.0.1"
_START_TIMEOUT = 20  # seconds; it takes 0.3 on an idle machine


class EmbeddedAws:
    """An AWS of our own, in a thread of its own; a context manager.

    Queues, buses and buckets live in the process and end with it. One runs at a time, because MiniStack keeps its
    state in its modules.

    Args:
        port: The port of 127.0.0.1 to listen on, when it is free; by default any.

    Attributes:
        endpoint: Its URL, for `Clients(endpoint)`.
    """

    # MiniStack reads its port when it is imported and writes it into queue URLs, so a process keeps one for good.
    _port: ClassVar[int] = 0
    _running: ClassVar[bool] = False

    def __init__(self, port: int = 0) -> None:
        self.endpoint = ""
        self._wished = port
        self._exits = ExitStack()

    def __enter__(self) -> Self:
        """Start it and wait until it answers.

        Raises:
            OutsideError: The `local` extra is not installed, or it does not start.
        """
        if EmbeddedAws._running:
            raise OutsideError("the embedded AWS already runs in this process: use that one")
        with ExitStack() as undo:
            listener = undo.enter_context(self._listen())
            used_before, EmbeddedAws._port = EmbeddedAws._port != 0, cast("int", listener.getsockname()[1])
            app = _import_ministack(EmbeddedAws._port)
            undo.callback(_serve_in_thread(app, listener))
            if used_before:
                _forget_everything(EmbeddedAws._port)
            self._exits = undo.pop_all()
        EmbeddedAws._running = True
        self.endpoint = f"http://{_HOST}:{EmbeddedAws._port}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it and wait until its thread has ended."""
        self._exits.close()
        EmbeddedAws._running = False

    def _listen(self) -> socket.socket:
        if EmbeddedAws._port == 0:
            with suppress(OSError):  # it is taken
                return socket.create_server((_HOST, self._wished))
        return socket.create_server((_HOST, EmbeddedAws._port))


def _import_ministack(port: int) -> ASGIFramework:
    os.environ.update(
        # Read at import, or at the first call of a service:
        GATEWAY_PORT=str(port),
        BIND_HOST=_HOST,  # by default it listens on all interfaces
        MINISTACK_HOST=_HOST,
        LOG_LEVEL="ERROR",
        PERSIST_STATE="0",
        S3_PERSIST="0",
    )
    # It configures the root logger when it is imported, unless somebody has. That is for the application to do.
    placeholder = logging.NullHandler()
    logging.root.addHandler(placeholder)
    try:
        ministack = import_module("ministack.app")  # only now: its settings had to be set first
    except ImportError as error:
        raise OutsideError(
            f"the embedded AWS is not installed ({error.name} is missing): pip install 'sluiceway[local]'"
        ) from error
    finally:
        logging.root.removeHandler(placeholder)
    for name in ("ministack", "sqs", "events", "s3", "secretsmanager", "ssm"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return cast("ASGIFramework", ministack.app)


def _serve_in_thread(app: ASGIFramework, listener: socket.socket) -> Callable[[], None]:
    """Serve on a bound socket, in a thread with its own event loop; return how to stop it."""
    from hypercorn.asyncio import serve  # noqa: PLC0415 # pyright: ignore[reportUnknownVariableType] # extra; untyped
    from hypercorn.config import Config  # noqa: PLC0415 - comes with the extra

    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.errorlog = None
    config.keep_alive_timeout = 75  # longer than any client of ours leaves a connection idle
    config.graceful_timeout = 1
    started: Future[Callable[[], object]] = Future()

    async def until_stopped() -> None:
        stopped, loop = asyncio.Event(), asyncio.get_running_loop()
        started.set_result(lambda: loop.call_soon_threadsafe(stopped.set))
        await stopped.wait()

    def run() -> None:
        try:
            # Without its start-up MiniStack serves as well, but starts no scheduler threads, looks for no Docker and
            # runs no scripts: 0.4 s less, and nothing that outlives the `with`.
            asyncio.run(serve(_without_lifespan(app), config, shutdown_trigger=until_stopped))
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits
            if not started.done():
                started.set_exception(error)

    thread = threading.Thread(target=run, name="embedded-aws", daemon=True)
    thread.start()
    stop = started.result(_START_TIMEOUT)

    def stop_and_join() -> None:
        stop()
        thread.join()

    return stop_and_join


def _without_lifespan(app: ASGIFramework) -> ASGIFramework:
    async def requests_only(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] == "lifespan":
            raise NotImplementedError  # how ASGI says that an application has none
        await app(scope, receive, send)

    return requests_only


def _forget_everything(port: int) -> None:
    """Empty what an earlier run in this process has left in MiniStack's modules."""
    connection = HTTPConnection(_HOST, port, timeout=_START_TIMEOUT)
    try:
        connection.request("POST", "/_ministack/reset")
        connection.getresponse().read()
    finally:
        connection.close()
