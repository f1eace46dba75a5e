"""How a worker leaves: what is unfinished when its time is up is cancelled and given back."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from typing import Final

from sluiceway.core.outcome import Retry
from sluiceway.core.ports import Delivery, Receiver
from sluiceway.core.spec import LEAVE
from sluiceway.engine.lease import Keeper
from sluiceway.engine.ledger import Ledger
from sluiceway.engine.surroundings import Log

_GIVE_BACK: Final = 4.0
"""Seconds before the worker leaves in which what cannot be finished is cancelled and given back."""


def time_to_finish(stop_timeout: float) -> float:
    """Return for how many seconds of the platform's stop time-out what is held may go on."""
    return max(1, stop_timeout - LEAVE - _GIVE_BACK)


async def cancel(tasks: Collection[asyncio.Task[None]]) -> None:
    """Cancel what is under way. A stage may take its time over that; the messages go back without it."""
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=_GIVE_BACK / 4)


async def give_back_held(ledger: Ledger, keeper: Keeper, receiver: Receiver, log: Log) -> None:
    """Give back every delivery that is not settled."""
    held = [owner for owner in ledger.owners.values() if not owner.lost]
    await ledger.legs.remember(held, patience=_GIVE_BACK / 4)
    for owner in held:
        keeper.release(owner)
    await give_back([owner.delivery for owner in held], receiver, log)


async def give_back(deliveries: Sequence[Delivery], receiver: Receiver, log: Log) -> None:
    """Let the source hand these out again at once. What it does not take back comes when its lease ends."""
    if not deliveries:
        return
    results: Sequence[Exception | None]
    try:
        async with asyncio.timeout(_GIVE_BACK / 2):
            results = await receiver.settle([(delivery, Retry(0, "the worker stops")) for delivery in deliveries])
    except Exception as error:  # noqa: BLE001 - whatever the source raises, the worker has to leave
        results = [error] * len(deliveries)
    if failed := [result for result in results if result is not None]:
        reason = str(failed[0]) or type(failed[0]).__name__
        log.warning("not given back", messages=len(failed), reason=reason, consequence="they come when leases end")
