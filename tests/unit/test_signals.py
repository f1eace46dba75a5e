"""SIGTERM and SIGINT stop a worker; once one has come, neither can spoil how it leaves."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator

import pytest

from sluiceway.adapters.signals import set_by_signals

BOTH = (signal.SIGTERM, signal.SIGINT)


def handlers() -> list[object]:
    return [signal.getsignal(number) for number in BOTH]


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in BOTH}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", BOTH)
async def test_a_signal_stops_and_another_one_changes_nothing_then_or_later(number: int) -> None:
    stop = asyncio.Event()
    with set_by_signals(stop):
        for _ in range(2):
            os.kill(os.getpid(), number)
            await asyncio.wait_for(stop.wait(), 10)
    for late in BOTH:
        os.kill(os.getpid(), late)
    assert handlers() == [signal.SIG_IGN, signal.SIG_IGN]


async def test_without_a_signal_both_do_afterwards_what_they_did_before() -> None:
    before = handlers()
    with set_by_signals(asyncio.Event()):
        assert handlers() != before
    assert handlers() == before


async def test_in_another_thread_there_are_no_signals_to_hear() -> None:
    before = handlers()

    async def run() -> None:
        with set_by_signals(asyncio.Event()):
            assert handlers() == before

    await asyncio.to_thread(asyncio.run, run())
