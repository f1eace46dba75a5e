"""SIGTERM and SIGINT, as the platform and the keyboard send them."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def set_by_signals(stop: asyncio.Event) -> Generator[None]:
    """Let SIGTERM and SIGINT set `stop` while the block runs. A second signal changes nothing."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only there can signals be received
        return
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    for number in before:
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)
