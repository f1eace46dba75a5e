"""The wire between workers and services: latency, faults and outages. What was sent arrives, whoever dies meanwhile."""

# ruff: noqa: S311 - chance, not secrecy

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from random import Random
from typing import Any, TypeVar

from sluiceway.core.errors import Transient
from sluiceway.testing.faults import AfterEffect, raise_after

from .book import Book
from .scenario import Fault, operation

T = TypeVar("T")

PATIENCE = 5.0
"""Seconds after which a client of a queue gives a call up; those of stages and sinks have their own time-outs."""


class Wire:
    """Carries calls.

    A call arrives and has its effect even if its worker is killed or has given up, as requests under way do.
    """

    def __init__(self, book: Book) -> None:
        self._book = book
        self._scenario = book.scenario
        self._loop = asyncio.get_running_loop()
        self._context = copy_context()
        self._random = Random(f"wire {book.scenario.seed}")
        self._calls: Counter[str] = Counter()
        self._faults = {(fault.of, fault.call): fault for fault in self._scenario.faults if not fault.message}
        self._entries = {(f.of, f.message, f.call): f for f in self._scenario.faults if f.message}

    def fault(self, of: str) -> Fault | None:
        """Count a call, and return what is to go wrong with it."""
        self._calls[of] += 1
        fault = self._faults.get((of, self._calls[of]))
        if fault is None or self._book.now >= self._scenario.quiet_at:
            return None
        self._count(fault)
        return fault

    def entry_fault(self, of: str, message: str, times: int) -> Fault | None:
        """Return what is to go wrong with one entry."""
        fault = self._entries.get((of, message, times))
        if fault is None or self._book.now >= self._scenario.quiet_at:
            return None
        self._count(fault)
        return fault

    def _count(self, fault: Fault) -> None:
        self._book.counts[f"fault: {operation(fault.of)}: {fault.kind}"] += 1
        self._book.note("fault", fault.kind, (fault.of, fault.message or fault.call))

    def is_down(self, of: str) -> bool:
        """Tell whether there is an outage."""
        now = self._book.now
        down = any(outage.of == of and outage.start <= now < outage.end for outage in self._scenario.outages)
        if down:
            self._book.counts[f"fault: {operation(of)}: outage"] += 1
        return down

    def shuffle(self, items: list[Any]) -> None:
        """Put these in another order."""
        self._random.shuffle(items)

    async def call(self, of: str, effect: Callable[[], Awaitable[T]], *, down: str = "", patient: bool = True) -> T:
        """Make a call and return its answer.

        Args:
            of: What is called, as faults name it.
            effect: What the call does, once it has arrived.
            down: Whose outages hit it; by default those of `of`.
            patient: The caller has a time-out of its own.
        """
        answer: asyncio.Future[T] = self._loop.create_future()
        self._loop.create_task(self._serve(of, effect, answer, down or of), context=self._context)
        if not patient:
            self._loop.call_later(PATIENCE, self._give_up, of, answer, context=self._context)
        return await answer

    @staticmethod
    def _give_up(of: str, answer: asyncio.Future[T]) -> None:
        if not answer.done():
            answer.set_exception(Transient(f"{of} did not answer"))

    async def _serve(self, of: str, effect: Callable[[], Awaitable[T]], answer: asyncio.Future[T], down: str) -> None:
        fault = self.fault(of)
        kind = fault.kind if fault else ""
        await self._travel(slow=kind == "slow before")
        error: BaseException | None = None
        try:
            self._raise_before(kind, of, down)
            result = await effect()
            raise_after(AfterEffect(Transient(f"the answer of {of} was lost")) if kind == "after" else None)
        except Exception as raised:  # noqa: BLE001 - it is the caller's
            error = raised
        await self._travel(slow=kind == "slow after")
        if answer.done():
            return
        if error is None:
            answer.set_result(result)
        else:
            answer.set_exception(error)

    def _raise_before(self, kind: str, of: str, down: str) -> None:
        if kind in ("before", "throttled") or self.is_down(down):
            raise Transient(f"{of} says no", retry_after=3 if kind == "throttled" else None)
        if kind == "bug":
            raise ValueError(f"{of} has a bug")

    async def _travel(self, *, slow: bool) -> None:
        latency = self._random.random() * self._scenario.latency
        if slow:
            latency += self._random.uniform(1, 15)
        if latency:
            await asyncio.sleep(latency)
