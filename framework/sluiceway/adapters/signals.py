"""SIGTERM and SIGINT, as the platform and the keyboard send them."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

_STOPPING: Final = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def set_by_signals(stop: asyncio.Event) -> Generator[None]:
    """Let SIGTERM and SIGINT set `stop` while the block runs.

    A second signal changes nothing, then or later: once one has come the process is about to leave, and both stay
    ignored after the block. Without one, they do after it what they did before.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only there can signals be received
        return
    loop = asyncio.get_running_loop()
    after = {number: signal.getsignal(number) for number in _STOPPING}

    def came() -> None:
        after.update(dict.fromkeys(_STOPPING, signal.SIG_IGN))
        stop.set()

    for number in _STOPPING:
        loop.add_signal_handler(number, came)
    try:
        yield
    finally:
        for number, handler in after.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)
