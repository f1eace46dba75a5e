"""The chain of stages: batches of (message, owner) in, what is left of them out.

Runs of pure stages are fused to one step that takes a whole batch without a task, a queue or a time-out per message.
A stage with I/O is a step of its own, in which a few tasks pull the messages of all batches from one queue: a task, a
semaphore or a gather for each message would cost twice as much.
"""

from __future__ import annotations

import asyncio
import inspect
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from typing import TypeAlias, cast

from sluiceway.core.message import Message
from sluiceway.core.outcome import Claimed, Defer, Drop, Result
from sluiceway.core.process import Process, is_async
from sluiceway.core.spec import StageSpec
from sluiceway.engine.call import Call, as_bug, is_told_to_end, timed
from sluiceway.engine.dependencies import is_answer
from sluiceway.engine.gather import GatherStep
from sluiceway.engine.ledger import Ledger
from sluiceway.engine.owner import LOST, AnyOwner, Item
from sluiceway.engine.report import Ending
from sluiceway.engine.surroundings import Spawn

MakeGather: TypeAlias = Callable[[StageSpec, int], GatherStep]
"""Makes the step of a gather, given the place in the chain at which what it combines goes on."""


_TURN = 0.05
"""Seconds for which pure stages may have the event loop to themselves; one message is never interrupted."""


class Chain:
    """The stages of one pipeline, opened.

    Args:
        stages: The stages, each with its function; a gather has none.
        ledger: Turns failures into endings.
        spawn: Starts a task.
        make_gather: Makes the steps of gathers.

    Attributes:
        gathers: The steps of gathers.
    """

    def __init__(
        self,
        stages: Sequence[tuple[StageSpec, Process | None]],
        ledger: Ledger,
        spawn: Spawn,
        make_gather: MakeGather,
    ) -> None:
        self.gathers: list[GatherStep] = []
        self._steps: list[_Inline | _Concurrent | GatherStep] = []
        for is_inline, run in groupby(stages, key=lambda stage: _is_inline(*stage)):
            if is_inline:
                self._steps.append(_Inline([(spec, process) for spec, process in run if process], ledger))
                continue
            for spec, process in run:
                if process is None:
                    self.gathers.append(make_gather(spec, len(self._steps) + 1))
                    self._steps.append(self.gathers[-1])
                else:
                    self._steps.append(_Concurrent(spec, process, ledger, spawn))

    @property
    def waits(self) -> bool:
        """It has a stage with I/O, in which the messages of a batch wait for each other."""
        return any(isinstance(step, _Concurrent) for step in self._steps)

    async def run(self, items: list[Item], start: int = 0) -> list[Item]:
        """Return what reaches the sinks, from a step on; everything else has ended with its owner."""
        for step in self._steps[start:]:
            if not items:
                break
            items = await step.run(items)
        return items

    def drain(self) -> None:
        """Begin nothing more that could take long, and hold nothing for other messages."""
        for step in self._steps:
            if not isinstance(step, _Concurrent):
                step.drain()

    def close(self) -> None:
        """Let the threads of blocking stages go; what one of them still does is awaited by nobody."""
        for step in self._steps:
            if isinstance(step, _Concurrent):
                step.close()


def _is_inline(spec: StageSpec, process: Process | None) -> bool:
    blocking = spec.component.blocking
    return process is not None and not blocking and not is_async(process, blocking=blocking)


class _Inline:
    """A run of pure stages."""

    def __init__(self, stages: Sequence[tuple[StageSpec, Process]], ledger: Ledger) -> None:
        self._stages = [(spec.id, process, frozenset(spec.routes)) for spec, process in stages]
        self._ledger = ledger
        self._watched = ledger.dependencies.watched
        self._draining = False

    def drain(self) -> None:
        self._draining = True

    async def run(self, items: list[Item]) -> list[Item]:
        out: list[Item] = []
        loop = asyncio.get_running_loop()
        since, is_slow = loop.time(), False
        for message, owner in items:
            if owner.lost:
                owner.end(message, LOST)
            elif is_slow and self._draining:
                owner.end(message, Ending("returned", self._stages[0][0], "the worker stops"))
            else:
                self._walk(message, owner, 0, out)
            if loop.time() - since > _TURN:
                # Ten slow messages in a row would keep a stop and everybody else waiting, and look like a hang.
                await asyncio.sleep(0)
                since, is_slow = loop.time(), True
        return out

    def _walk(self, message: Message, owner: AnyOwner, start: int, out: list[Item]) -> None:
        for place in range(start, len(self._stages)):
            where, process, routes = self._stages[place]
            if routes and routes.isdisjoint(message.routes):
                continue
            try:
                result = process(message)
                children = None if isinstance(result, Message) else spread(message, owner, where, result)
            except KeyboardInterrupt:  # the user's
                raise
            except BaseException as error:  # noqa: BLE001 - whatever a stage raises, its message must not be lost
                self._ledger.failed(owner, where, message, as_bug(error, where))
                return
            if self._watched and where in self._watched:
                self._ledger.dependencies.served(where)
            if children is None:
                message = _same_id(cast("Message", result), message)
                continue
            for child in children:
                self._walk(child, owner, place + 1, out)
            return
        out.append((message, owner))


class _Batch:
    """A batch in a stage with I/O: it goes on, whole and in order, when its last call has ended."""

    __slots__ = ("done", "left", "results")

    def __init__(self, size: int) -> None:
        self.results: list[list[Item]] = [[]] * size
        self.left = size
        self.done = asyncio.Event()

    def put(self, place: int, result: list[Item]) -> None:
        self.results[place] = result
        self.left -= 1
        if not self.left:
            self.done.set()


class _Concurrent:
    """One stage with I/O, or one that blocks and is called in a thread."""

    def __init__(self, spec: StageSpec, process: Process, ledger: Ledger, spawn: Spawn) -> None:
        self._where = spec.id
        self._timeout = spec.timeout
        self._routes = frozenset(spec.routes)
        self._idle = spec.concurrency
        self._todo: deque[tuple[_Batch, int, Item]] = deque()
        self._ledger = ledger
        self._clock = ledger.dependencies.clock
        self._dependencies = ledger.dependencies
        self._is_dependency = spec.id not in ledger.dependencies.outside
        self._spawn = spawn
        self._threads: ThreadPoolExecutor | None = None
        self._process = cast("Callable[[Message], Awaitable[Result]]", process)
        if spec.component.blocking:
            # Threads of its own: a stage that hangs must not take those that look up names or read secrets.
            self._threads = ThreadPoolExecutor(spec.concurrency, thread_name_prefix=f"sluiceway-{spec.id}")
            self._process = _in_threads(self._threads, cast("Callable[[Message], Result]", process), self._note)

    async def run(self, items: list[Item]) -> list[Item]:
        batch = _Batch(len(items))
        self._todo.extend((batch, place, item) for place, item in enumerate(items))
        for _ in range(min(self._idle, len(items))):
            self._idle -= 1
            self._spawn(self._work())
        await batch.done.wait()
        return [item for result in batch.results for item in result]

    async def _work(self) -> None:
        """Call for one message after the other, of whichever batch, until none is left."""
        while self._todo:
            batch, place, (message, owner) = self._todo.popleft()
            batch.put(place, await self._call(message, owner))
            if is_told_to_end():
                return  # the stage has swallowed its cancellation: the rest is given back, not begun
        self._idle += 1

    def _note(self, message: Message) -> Call:
        return self._ledger.calls.noted(self._where, (message,), self._timeout)

    def close(self) -> None:
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)

    async def _call(self, message: Message, owner: AnyOwner) -> list[Item]:
        if owner.lost:
            owner.end(message, LOST)
            return []
        if self._routes and self._routes.isdisjoint(message.routes):
            return [(message, owner)]
        since = self._clock.monotonic()
        try:
            if self._is_dependency:  # of calls that are watched, each is stopped by itself
                self._dependencies.check_up(self._where)
            with self._note(message):
                result = await timed(self._process(message), self._where, self._timeout)
            if isinstance(result, Message):
                children: Sequence[Message] = (_same_id(result, message),)
            else:
                children = spread(message, owner, self._where, result)
        except Exception as error:  # noqa: BLE001 - whatever a stage raises, its message must not be lost
            if is_answer(error):
                self._note_served(since)
            self._ledger.failed(owner, self._where, message, error)
            return []
        self._note_served(since)
        return [(child, owner) for child in children]

    def _note_served(self, since: float) -> None:
        if self._is_dependency:
            self._dependencies.served(self._where, since=since)


def spread(message: Message, owner: AnyOwner, where: str, result: object) -> Sequence[Message]:
    """Return the children that a stage made of a message, with their ids; a Drop or a Defer has none and ends it.

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
    if isinstance(result, Claimed):
        owner.complete_with(result.complete)
        return (_same_id(result.message, message),)
    if isinstance(result, Drop):
        owner.end(message, Ending("dropped", where, result.reason))
        return ()
    if isinstance(result, Defer):
        owner.end(message, Ending("returned", where, result.reason, delay=result.delay))
        return ()
    if inspect.iscoroutine(result):
        result.close()
    raise TypeError(f"{where} returned {type(result).__name__}, not a Message, a list of them, or a Drop")


def _same_id(result: Message, message: Message) -> Message:
    return result if result.id == message.id else result.evolve(id=message.id)


def _in_threads(
    threads: ThreadPoolExecutor, process: Callable[[Message], Result], note: Callable[[Message], Call]
) -> Callable[[Message], Awaitable[Result]]:
    def guarded(message: Message) -> Result:
        try:
            with note(message):  # what still runs when nobody waits for it any longer
                return process(message)
        except (StopIteration, KeyboardInterrupt) as error:
            # The first asyncio cannot carry out of a thread: the call would never end. The second is no user's there.
            raise RuntimeError(f"the stage raised {type(error).__name__}") from error

    def call(message: Message) -> Awaitable[Result]:
        return asyncio.get_running_loop().run_in_executor(threads, guarded, message)

    return call
