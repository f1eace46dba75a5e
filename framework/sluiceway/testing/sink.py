"""A sink and a dead-letter queue that keep what they accept and fail as they are told."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Generic, TypeAlias, TypeVar

from sluiceway.core.errors import MessageError
from sluiceway.core.message import Message
from sluiceway.core.outcome import Facts
from sluiceway.core.ports import Delivery
from sluiceway.testing.faults import AfterEffect, CallFaults, Fault, fault_of, raise_after, raise_before

T = TypeVar("T")

EntryFaults: TypeAlias = Callable[[T, int], Fault]
"""The fault of one entry, from the entry and from how often it has been sent, this time included."""


class _Strict(Generic[T]):
    """Judges batches entry by entry.

    Attributes:
        accepted: What was accepted, in order.
        calls: Every call, as the ids that were in it.
    """

    def __init__(
        self,
        *,
        calls: CallFaults = (),
        entries: EntryFaults[T] | None = None,
        takes: float | Callable[[int], float] = 0,
    ) -> None:
        self.accepted: list[T] = []
        self.calls: list[tuple[str, ...]] = []
        self._call_faults = calls
        self._entry_faults = entries
        self._takes = takes
        self._seen: Counter[str] = Counter()

    async def _judge(self, entries: Sequence[tuple[str, T]]) -> list[MessageError | None]:
        self.calls.append(tuple(name for name, _ in entries))
        call = len(self.calls)
        await asyncio.sleep(self._takes(call) if callable(self._takes) else self._takes)
        fault = fault_of(self._call_faults, call)
        raise_before(fault)
        results = [self._take(name, entry) for name, entry in entries]
        raise_after(fault)
        return results

    def _take(self, name: str, entry: T) -> MessageError | None:
        self._seen[name] += 1
        fault = self._entry_faults(entry, self._seen[name]) if self._entry_faults else None
        if fault is None or isinstance(fault, AfterEffect):
            self.accepted.append(entry)
        error = fault.error if isinstance(fault, AfterEffect) else fault
        if error is not None and not isinstance(error, MessageError):
            raise TypeError(f"a sink's result for one entry must be a MessageError, not {error!r}")
        return error


class StrictSink(_Strict[Message]):
    """A sink; `send` is what a real one's `open` yields.

    Args:
        calls: Faults of whole calls.
        entries: Faults of single messages: `lambda message, times: Transient("throttled") if times == 1 else None`.
        takes: Seconds that each call takes, or a function of the call's number from 1.
    """

    async def send(self, messages: Sequence[Message]) -> Sequence[MessageError | None]:
        """Judge a batch."""
        return await self._judge([(message.id, message) for message in messages])


class StrictDeadLetters(_Strict[tuple[Delivery, Facts]]):
    """A dead-letter queue; `bury` is what a real one's `open_dead_letters` yields. Arguments as for `StrictSink`."""

    async def bury(self, letters: Sequence[tuple[Delivery, Facts]]) -> Sequence[MessageError | None]:
        """Judge a batch of dead letters."""
        return await self._judge([(delivery.message.id, (delivery, facts)) for delivery, facts in letters])

    @property
    def facts(self) -> list[Facts]:
        """The facts of what was accepted, in order."""
        return [facts for _, facts in self.accepted]
