"""How a worker leaves: what is unfinished when its time is up is cancelled and given back."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence

from sluiceway.core.outcome import Retry
from sluiceway.core.ports import Delivery, Receiver
from sluiceway.core.spec import GIVE_BACK, LEAVE
from sluiceway.engine.lease import Keeper
from sluiceway.engine.ledger import Ledger
from sluiceway.engine.surroundings import Log


def time_to_finish(stop_timeout: float) -> float:
    """Return for how many seconds of the platform's stop time-out what is held may go on.

    That is all but the last ones, and never less than a poll may take that was under way when the stop came.
    """
    return _room(stop_timeout) - time_to_give_back(stop_timeout)


def time_to_give_back(stop_timeout: float) -> float:
    """Return for how many seconds, after these, what is unfinished is cancelled and given back."""
    return min(GIVE_BACK, _room(stop_timeout) / 2)


def _room(stop_timeout: float) -> float:
    """Return when to have left. A platform that gives next to no time gets what can still be given back."""
    return max(2.0, stop_timeout - LEAVE)


async def cancel(tasks: Collection[asyncio.Task[None]], patience: float) -> None:
    """Cancel what is under way. A stage may take its time over that; the messages go back without it."""
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=patience)


async def give_back_held(ledger: Ledger, keeper: Keeper, receiver: Receiver, log: Log, patience: float) -> None:
    """Give back every delivery that is not settled, within so many seconds."""
    held = [owner for owner in ledger.owners.values() if not owner.lost]
    await ledger.legs.remember(held, patience=patience / 3)
    for owner in held:
        keeper.release(owner)
    await give_back([owner.delivery for owner in held], receiver, log, patience * 2 / 3)


async def give_back(
    deliveries: Sequence[Delivery], receiver: Receiver, log: Log, patience: float = GIVE_BACK / 2
) -> None:
    """Let the source hand these out again at once. What it does not take back comes when its lease ends."""
    if not deliveries:
        return
    results: Sequence[Exception | None]
    try:
        async with asyncio.timeout(patience):
            results = await receiver.settle([(delivery, Retry(0, "the worker stops")) for delivery in deliveries])
    except Exception as error:  # noqa: BLE001 - whatever the source raises, the worker has to leave
        results = [error] * len(deliveries)
    if failed := [result for result in results if result is not None]:
        reason = str(failed[0]) or type(failed[0]).__name__
        log.warning("not given back", messages=len(failed), reason=reason, consequence="they come when leases end")
