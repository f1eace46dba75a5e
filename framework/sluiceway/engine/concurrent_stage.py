"""A stage with I/O, or one that blocks: a few tasks pull the messages of all batches from one queue.

A task, a semaphore or a gather for each message would cost twice as much.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import cast

from sluiceway.core.message import Message
from sluiceway.core.outcome import Result
from sluiceway.core.process import Process
from sluiceway.core.spec import StageSpec
from sluiceway.engine.call import Call, is_told_to_end, timed
from sluiceway.engine.children import HandOut, same_id, spread
from sluiceway.engine.dependencies import is_answer
from sluiceway.engine.ledger import Ledger
from sluiceway.engine.owner import LOST, AnyOwner, Item
from sluiceway.engine.surroundings import Spawn


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


class ConcurrentStage:
    """One stage with I/O, or one that blocks and is called in a thread.

    Attributes:
        holds: It keeps messages waiting, each for a time of its own.
    """

    def __init__(self, spec: StageSpec, process: Process, ledger: Ledger, spawn: Spawn, hand_out: HandOut) -> None:
        self.holds = spec.component.holds
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
        self._hand_out = hand_out
        self._threads: ThreadPoolExecutor | None = None
        self._process = cast("Callable[[Message], Awaitable[Result]]", process)
        if spec.component.blocking:
            # Threads of its own: a stage that hangs must not take those that look up names or read secrets.
            self._threads = ThreadPoolExecutor(spec.concurrency, thread_name_prefix=f"sluiceway-{spec.id}")
            self._process = _in_threads(self._threads, cast("Callable[[Message], Result]", process), self._note)

    async def run(self, items: list[Item]) -> list[Item]:
        """Return what goes on, in the order of the batch; everything else has ended with its owner."""
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
        """Let the threads go; what one of them still does is awaited by nobody."""
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
                children: Sequence[Message] = (same_id(result, message),)
            else:
                children = spread(message, owner, self._where, result, self._hand_out)
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
        context = copy_context()  # the run's time and chance, for the expressions that the stage evaluates
        return asyncio.get_running_loop().run_in_executor(threads, lambda: context.run(guarded, message))

    return call
