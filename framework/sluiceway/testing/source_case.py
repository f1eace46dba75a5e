"""What the checks of the suite for sources share: the case, and how they send, receive and settle."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from sluiceway.core.errors import LeaseLost, SourceExhausted, Transient
from sluiceway.core.outcome import Ack, Retry
from sluiceway.core.ports import Delivery, Receiver
from sluiceway.testing.abilities import When, needed

Call: TypeAlias = Literal["receive", "settle", "extend"]
Settled: TypeAlias = Transient | LeaseLost | None


@dataclass(frozen=True, slots=True)
class SourceCase:
    """An open source to be checked, and what its place can do.

    Attributes:
        receiver: What the source's `open` yields, over an empty place. It waits for nothing, or less than `wait`.
        send: Puts a message there: its body, its headers, and its group (empty where the source is not ordered).
        wait: Seconds after which a receive that goes on is taken for one that gives nothing.
        other: Another receiver of the same place; None where there can be none.
        lease: Seconds for which a receipt is held, more than 2; None where the source never takes a message back.
        elapse: Lets so many seconds pass for the place; None where its time cannot be moved.
        ordered: The source is ordered, by groups.
        failing: Makes the calls of one kind fail; None where they cannot be made to.
    """

    receiver: Receiver
    send: Callable[[bytes, Mapping[str, str], str], Awaitable[object]]
    wait: float = 1.0
    other: Receiver | None = None
    lease: float | None = None
    elapse: Callable[[float], Awaitable[object]] | None = None
    ordered: bool = False
    failing: Callable[[Call, When], AbstractContextManager[object]] | None = None


Check: TypeAlias = Callable[[SourceCase], Coroutine[object, object, None]]
"""Raises AssertionError when a source breaks the rule in its name."""

TRIES: Final = 20
"""Receives after which what has not come is taken for lost: one may give fewer than there are, or none."""


def leases(case: SourceCase) -> tuple[float, Callable[[float], Awaitable[object]]]:
    """Return the length of a lease, and what lets time pass."""
    return needed(case.lease, "lease"), needed(case.elapse, "elapse")


def given_back(delay: float) -> Retry:
    """Return the verdict that gives a message back."""
    return Retry(delay, "the suite gives it back")


async def put(case: SourceCase, messages: int, *, first: int = 0) -> None:
    """Send messages, each of its own group where there are groups."""
    for number in range(first, first + messages):
        await case.send(b'{"n": %d}' % number, {}, f"group-{number}" if case.ordered else "")


async def poll(case: SourceCase, limit: int, receiver: Receiver | None = None) -> list[Delivery]:
    """Return what one receive gives."""
    try:
        async with asyncio.timeout(case.wait):
            return list(await (receiver or case.receiver).receive(limit))
    except (TimeoutError, SourceExhausted):
        return []


async def receive(case: SourceCase, messages: int, receiver: Receiver | None = None) -> list[Delivery]:
    """Receive until so many have come: one receive may give fewer than there are, or none."""
    received: list[Delivery] = []
    for _ in range(TRIES):
        received += await poll(case, messages - len(received), receiver)
        if len(received) >= messages:
            break
    assert len(received) == messages, f"of {messages} expected messages came {len(received)}"
    return received


async def nothing_comes(case: SourceCase) -> None:
    """Assert that no receiver gets anything."""
    for receiver in (case.receiver, case.other or case.receiver):
        came = await poll(case, 10, receiver)
        assert came == [], f"{len(came)} came, and none was due"


async def settle(case: SourceCase, *settlements: tuple[Delivery, Ack | Retry]) -> list[Settled]:
    """Return one result each; a call that raises Transient as a whole has failed for each."""
    results: list[Settled]
    try:
        results = list(await case.receiver.settle(settlements))
    except Transient as error:
        results = [error] * len(settlements)
    assert len(results) == len(settlements), f"{len(results)} results for {len(settlements)} settlements"
    return results


async def extend(case: SourceCase, *held: Delivery, seconds: float) -> list[Settled]:
    """Extend in a thread, as the lease keeper does."""
    results = list(await asyncio.to_thread(case.receiver.extend, [each.receipt for each in held], seconds))
    assert len(results) == len(held), f"{len(results)} results for {len(held)} receipts"
    return results


def is_the_same(again: Delivery, delivery: Delivery) -> None:
    """Assert that a message came again: unchanged, counted, under another receipt."""
    assert (again.message.id, again.raw) == (delivery.message.id, delivery.raw)
    assert dict(again.message.headers) == dict(delivery.message.headers)
    assert again.receive_count > delivery.receive_count, "a receipt that does not count"
    assert again.receipt != delivery.receipt, "the receipt of the first time"
