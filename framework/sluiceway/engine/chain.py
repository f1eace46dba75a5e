"""The chain of stages: batches of (message, owner) in, what is left of them out.

Runs of pure stages are fused to one step that takes a whole batch without a task, a queue or a time-out per message.
A stage with I/O is a step of its own, and so is a gather.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import TypeAlias, cast

from sluiceway.core.message import Message
from sluiceway.core.process import Process, is_async
from sluiceway.core.spec import StageSpec
from sluiceway.engine.call import as_bug
from sluiceway.engine.children import HandOut, same_id, spread
from sluiceway.engine.concurrent_stage import ConcurrentStage
from sluiceway.engine.gather import GatherStep
from sluiceway.engine.ledger import Ledger
from sluiceway.engine.owner import LOST, AnyOwner, Item
from sluiceway.engine.report import Ending
from sluiceway.engine.surroundings import Spawn

MakeGather: TypeAlias = Callable[[StageSpec, int], GatherStep]
"""Makes the step of a gather, given the place in the chain at which what it combines goes on."""

GoOn: TypeAlias = Callable[[list[Item], int], None]
"""Takes messages through the chain by themselves, from a step on."""

_TURN = 0.05
"""Seconds for which pure stages may have the event loop to themselves; one message is never interrupted."""


class Chain:
    """The stages of one pipeline, opened.

    Args:
        stages: The stages, each with its function; a gather has none.
        ledger: Turns failures into endings.
        spawn: Starts a task.
        make_gather: Makes the steps of gathers.
        hand_out: Takes what bypasses the stages that are left.
        go_on: Carries each message by itself from a stage on that holds messages; None where a batch is one message
            and its children, which keep their order.

    Attributes:
        gathers: The steps of gathers.
    """

    def __init__(
        self,
        stages: Sequence[tuple[StageSpec, Process | None]],
        ledger: Ledger,
        spawn: Spawn,
        make_gather: MakeGather,
        hand_out: HandOut,
        go_on: GoOn | None,
    ) -> None:
        self._go_on = go_on
        self.gathers: list[GatherStep] = []
        self._steps: list[_Inline | ConcurrentStage | GatherStep] = []
        for is_inline, run in groupby(stages, key=lambda stage: _is_inline(*stage)):
            if is_inline:
                self._steps.append(_Inline([(spec, process) for spec, process in run if process], ledger, hand_out))
                continue
            for spec, process in run:
                if process is None:
                    self.gathers.append(make_gather(spec, len(self._steps) + 1))
                    self._steps.append(self.gathers[-1])
                else:
                    self._steps.append(ConcurrentStage(spec, process, ledger, spawn, hand_out))

    @property
    def waits(self) -> bool:
        """It has a stage with I/O, in which the messages of a batch wait for each other."""
        return any(isinstance(step, ConcurrentStage) for step in self._steps)

    async def run(self, items: list[Item], start: int = 0) -> list[Item]:
        """Return what reaches the sinks, from a step on; everything else has ended with its owner."""
        for place, step in enumerate(self._steps[start:], start):
            if not items:
                break
            if self._go_on is not None and len(items) > 1 and isinstance(step, ConcurrentStage) and step.holds:
                for item in items:
                    self._go_on([item], place)
                return []
            items = await step.run(items)
        return items

    def drain(self) -> None:
        """Begin nothing more that could take long, and hold nothing for other messages."""
        for step in self._steps:
            if not isinstance(step, ConcurrentStage):
                step.drain()

    def close(self) -> None:
        """Let the threads of blocking stages go; what one of them still does is awaited by nobody."""
        for step in self._steps:
            if isinstance(step, ConcurrentStage):
                step.close()


def _is_inline(spec: StageSpec, process: Process | None) -> bool:
    blocking = spec.component.blocking
    return process is not None and not blocking and not is_async(process, blocking=blocking)


class _Inline:
    """A run of pure stages."""

    def __init__(self, stages: Sequence[tuple[StageSpec, Process]], ledger: Ledger, hand_out: HandOut) -> None:
        self._stages = [(spec.id, process, frozenset(spec.routes)) for spec, process in stages]
        self._ledger = ledger
        self._watched = ledger.dependencies.watched
        self._hand_out = hand_out
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
                children = (
                    None if isinstance(result, Message) else spread(message, owner, where, result, self._hand_out)
                )
            except KeyboardInterrupt:  # the user's
                raise
            except BaseException as error:  # noqa: BLE001 - whatever a stage raises, its message must not be lost
                self._ledger.failed(owner, where, message, as_bug(error, where))
                return
            if self._watched and where in self._watched:
                self._ledger.dependencies.served(where)
            if children is None:
                message = same_id(cast("Message", result), message)
                continue
            for child in children:
                self._walk(child, owner, place + 1, out)
            return
        out.append((message, owner))
