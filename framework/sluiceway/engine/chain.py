"""The chain of stages: batches of (message, owner) in, what is left of them out.

Runs of pure stages are fused to one step that takes a whole batch without a task, a queue or a time-out per message.
A stage with I/O is a step of its own, in which a batch runs on a few slots that pull from one iterator: a semaphore or
a gather for each message would cost twice as much.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterator, Sequence
from itertools import groupby
from typing import TypeAlias, cast

from sluiceway.core.component import Process
from sluiceway.core.errors import Transient
from sluiceway.core.message import Message
from sluiceway.core.outcome import Drop, Result
from sluiceway.core.spec import StageSpec
from sluiceway.engine.ledger import Ledger, Owner
from sluiceway.engine.report import Ending

Item: TypeAlias = tuple[Message, Owner]

LOST = Ending("lost", "source", "the lease was lost")


def is_async(process: Process, stage: StageSpec) -> bool:
    """Tell whether a stage does I/O, by what its `open` yielded.

    Raises:
        TypeError: It is nothing of which that can be told: a generator, a lambda, or an object without a plain
            `__call__`. Python calls a coroutine function from these unnoticed, and the message would be lost.
    """
    call: object = process if inspect.isroutine(process) else getattr(process, "__call__", None)  # noqa: B004 - its kind is asked, not whether it can be called
    while hasattr(call, "func"):
        call = call.func
    name = getattr(call, "__name__", "")
    if not inspect.isroutine(call) or name == "<lambda>":
        raise TypeError(f"stage {stage.id}: process must be a def or an async def, not {process!r}")
    if inspect.isgeneratorfunction(call) or inspect.isasyncgenfunction(call):
        raise TypeError(f"stage {stage.id}: process is a generator; return a list of messages instead of yielding them")
    return inspect.iscoroutinefunction(call)


class Chain:
    """The stages of one pipeline, opened."""

    def __init__(self, stages: Sequence[tuple[StageSpec, Process]], ledger: Ledger) -> None:
        self._steps: list[_Inline | _Concurrent] = []
        marked = [(spec, process, is_async(process, spec) or spec.component.blocking) for spec, process in stages]
        for concurrent, run in groupby(marked, key=lambda stage: stage[2]):
            if concurrent:
                self._steps += [_Concurrent(spec, process, ledger) for spec, process, _ in run]
            else:
                self._steps.append(_Inline([(spec, process) for spec, process, _ in run], ledger))

    async def run(self, items: list[Item]) -> list[Item]:
        """Return what reaches the sinks; everything else has ended with its owner."""
        for step in self._steps:
            items = step.run(items) if isinstance(step, _Inline) else await step.run(items)
            if not items:
                break
        return items


class _Inline:
    """A run of pure stages."""

    def __init__(self, stages: Sequence[tuple[StageSpec, Process]], ledger: Ledger) -> None:
        self._stages = [(spec.id, process, frozenset(spec.routes)) for spec, process in stages]
        self._ledger = ledger

    def run(self, items: list[Item]) -> list[Item]:
        out: list[Item] = []
        for message, owner in items:
            if owner.lost:
                owner.end(message, LOST)
            else:
                self._walk(message, owner, 0, out)
        return out

    def _walk(self, message: Message, owner: Owner, start: int, out: list[Item]) -> None:
        for place in range(start, len(self._stages)):
            where, process, routes = self._stages[place]
            if routes and routes.isdisjoint(message.routes):
                continue
            try:
                result = process(message)
                children = None if isinstance(result, Message) else spread(message, owner, where, result)
            except Exception as error:  # noqa: BLE001 - whatever a stage raises, its message must not be lost
                self._ledger.failed(owner, where, message, error)
                return
            if children is None:
                message = _same_id(cast("Message", result), message)
                continue
            for child in children:
                self._walk(child, owner, place + 1, out)
            return
        out.append((message, owner))


class _Concurrent:
    """One stage with I/O, or one that blocks and is called in a thread."""

    def __init__(self, spec: StageSpec, process: Process, ledger: Ledger) -> None:
        self._where = spec.id
        self._timeout = spec.timeout
        self._routes = frozenset(spec.routes)
        self._concurrency = spec.concurrency
        self._busy = 0
        self._permits = asyncio.Semaphore(spec.concurrency)
        self._ledger = ledger
        self._process: Callable[[Message], Awaitable[Result]] = (
            _in_thread(process) if spec.component.blocking else cast("Callable[[Message], Awaitable[Result]]", process)
        )

    async def run(self, items: list[Item]) -> list[Item]:
        results: list[list[Item]] = [[] for _ in items]
        todo = enumerate(items)
        # Only the first slot may have to wait for a permit, so no batch waits for a slot that it does not need.
        slots = min(len(items), max(1, self._concurrency - self._busy))
        self._busy += slots
        try:
            if slots == 1:
                await self._slot(todo, results)
            else:
                await asyncio.gather(*(self._slot(todo, results) for _ in range(slots)))
        finally:
            self._busy -= slots
        return [item for result in results for item in result]

    async def _slot(self, todo: Iterator[tuple[int, Item]], results: list[list[Item]]) -> None:
        async with self._permits:
            for place, (message, owner) in todo:
                results[place] = await self._call(message, owner)

    async def _call(self, message: Message, owner: Owner) -> list[Item]:
        if owner.lost:
            owner.end(message, LOST)
            return []
        if self._routes and self._routes.isdisjoint(message.routes):
            return [(message, owner)]
        try:
            result = await self._timed(message)
            if isinstance(result, Message):
                children: Sequence[Message] = (_same_id(result, message),)
            else:
                children = spread(message, owner, self._where, result)
        except Exception as error:  # noqa: BLE001 - whatever a stage raises, its message must not be lost
            self._ledger.failed(owner, self._where, message, error)
            return []
        self._ledger.dependencies.served(self._where)
        return [(child, owner) for child in children]

    async def _timed(self, message: Message) -> Result:
        try:
            async with asyncio.timeout(self._timeout) as limit:
                return await self._process(message)
        except TimeoutError as error:
            if limit.expired():
                raise Transient(f"{self._where} did not answer within {self._timeout:g}s") from error
            raise


def spread(message: Message, owner: Owner, where: str, result: object) -> Sequence[Message]:
    """Return the children that a stage made of a message, with their ids; a Drop has none and ends it.

    Raises:
        TypeError: The stage returned something else. That is its bug, never a drop.
    """
    if isinstance(result, list | tuple):
        made = cast("Sequence[object]", result)
        children = [child for child in made if isinstance(child, Message)]
        if len(children) != len(made):
            raise TypeError(f"{where} returned a list with something in it that is no message")
        if children:
            owner.fork(len(children))
            return [child.evolve(id=f"{message.id}/{index}") for index, child in enumerate(children)]
        result = Drop("made no message of it")
    if isinstance(result, Drop):
        owner.end(message, Ending("dropped", where, result.reason))
        return ()
    if inspect.iscoroutine(result):
        result.close()
    raise TypeError(f"{where} returned {type(result).__name__}, not a Message, a list of them or a Drop")


def _same_id(result: Message, message: Message) -> Message:
    return result if result.id == message.id else result.evolve(id=message.id)


def _in_thread(process: Process) -> Callable[[Message], Awaitable[Result]]:
    def call(message: Message) -> Awaitable[Result]:
        return asyncio.to_thread(cast("Callable[[Message], Result]", process), message)

    return call
