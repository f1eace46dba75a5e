"""The worker: one pipeline, from receive to settle.

`Worker._carry` is one message's way: receive, admit, chain, sinks. What comes after its last line is told by the
owners: when the last leg of a delivery has ended, the ledger passes its verdict to the settler.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from functools import partial
from typing import Literal, TypeAlias

from sluiceway.core.ambient import within
from sluiceway.core.message import Message
from sluiceway.core.spec import Pipeline, StageSpec
from sluiceway.engine.batcher import Batcher
from sluiceway.engine.budget import Budget
from sluiceway.engine.call import failure_of
from sluiceway.engine.chain import Chain
from sluiceway.engine.dead_letters import DeadLetters
from sluiceway.engine.dependencies import Dependencies
from sluiceway.engine.drain import cancel, give_back_held, time_to_finish, time_to_give_back
from sluiceway.engine.gather import Combiner, GatherStep, HeldGather
from sluiceway.engine.group_end import GroupEnd
from sluiceway.engine.group_records import GroupRecords
from sluiceway.engine.intake import Intake
from sluiceway.engine.lanes import Lanes
from sluiceway.engine.lease import Keeper
from sluiceway.engine.ledger import Ledger
from sluiceway.engine.legs import Legs
from sluiceway.engine.owner import AnyOwner, Item, Owner
from sluiceway.engine.parts import Parts
from sluiceway.engine.report import Ending
from sluiceway.engine.settler import Settler
from sluiceway.engine.shared_gather import SharedGather
from sluiceway.engine.surroundings import Surroundings
from sluiceway.engine.watchdog import Watchdog

State: TypeAlias = Literal["starting", "running", "draining", "stopped"]


class Worker:
    """Runs one pipeline on one event loop.

    Args:
        pipeline: What to do.
        parts: Its components, opened.
        around: Time, chance, log and report.
    """

    def __init__(self, pipeline: Pipeline, parts: Parts, around: Surroundings) -> None:
        self.name = pipeline.name
        self.state: State = "starting"
        self._pipeline = pipeline
        self._around = around
        self._receiver = parts.receiver
        self._in_chain = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._crash: BaseException | None = None
        self._gives_back = False
        self._budget = Budget(pipeline.limits.in_flight, pipeline.limits.in_flight_bytes)
        self.dependencies = parts.dependencies or Dependencies(around.clock, around.log)
        self._intake = Intake(parts.receiver, self._budget, self.dependencies, around, self._spawn)
        max_age = pipeline.retry.max_age or (parts.retention and 0.9 * parts.retention)
        legs = Legs(parts.store, around, ttl=parts.retention)
        self._ledger = Ledger(pipeline, self.dependencies, around, max_age=max_age, legs=legs)
        stages = [(stage, parts.processes.get(stage.id)) for stage in pipeline.stages]
        go_on = None if pipeline.source.component.ordered else self._go_on
        make_gather = partial(self._make_gather, parts)
        self._chain = Chain(stages, self._ledger, self._spawn, make_gather, self._hand_over, go_on)
        self._sinks = [
            Batcher(sink, parts.sends[sink.id], pipeline, self._ledger, around, self._spawn) for sink in pipeline.sinks
        ]
        stall = pipeline.limits.stall
        self.keeper = Keeper(parts.receiver.extend, pipeline.source.component.visibility, around, stall=stall)
        stop_timeout = pipeline.drain.stop_timeout
        self.watchdog = Watchdog(self.keeper, self._ledger.calls, around, stall=stall, stop_timeout=stop_timeout)
        self._settler = Settler(
            parts.receiver, parts.bury, self._ledger, self.keeper, self._budget, around=around, spawn=self._spawn
        )
        self._ledger.on_verdict = self._settler.settle
        self._lanes = Lanes(self._start) if pipeline.source.component.ordered else None
        if self._lanes is not None:
            self._settler.on_finished = self._lanes.leave

    @property
    def down(self) -> list[str]:
        """The dependencies that serve nobody at the moment."""
        return self.dependencies.down

    @property
    def held(self) -> int:
        """How many deliveries are not settled yet."""
        return len(self._ledger.owners)

    @property
    def trouble(self) -> str | None:
        """What hangs, as a sentence, when something does."""
        return self.watchdog.trouble

    def stop(self) -> None:
        """Begin to drain: receive nothing more, finish what is held, leave. Saying it again changes nothing."""
        self._intake.stop()

    async def run(self) -> None:
        """Work until `stop` is called, or until the source has nothing more to give.

        Raises:
            OutsideError: The source is gone, or access to it was denied.
        """
        with within(self._around.clock.now, self._around.random):  # for the expressions in all tasks that it starts
            await self._work()

    async def _work(self) -> None:
        if self._around.threads:
            self.keeper.start()
        progress = asyncio.create_task(self._mark_progress())
        try:
            self.state = "running"
            self._spawn(self._intake.run(self._carry))
            await self._intake.stopped()
            await self._drain()
        finally:
            self._gives_back = True
            patience = time_to_give_back(self._pipeline.drain.stop_timeout)
            await cancel(self._tasks, patience / 4)
            await give_back_held(self._ledger, self.keeper, self._receiver, self._around.log, patience * 3 / 4)
            self.keeper.stop()
            self._chain.close()
            progress.cancel()
            self.state = "stopped"
        if self._crash is not None:
            raise self._crash

    async def _carry(self, room: int) -> None:
        """Take a batch from receive to the sinks; each delivery is settled when its last leg has ended."""
        deliveries = await self._intake.poll(room)
        owners = self._ledger.open(deliveries)
        self.keeper.hold(owners)
        await self._ledger.legs.recall(owners)
        if self._lanes is not None:
            self._start(self._lanes.enter(owners))
        else:
            await self._pass([(owner.delivery.message, owner) for owner in owners])

    def _start(self, heads: list[Owner]) -> None:
        """Carry what has come to the head of its lane; where a stage does I/O each by itself, so that none waits."""
        items: list[Item] = [(owner.delivery.message, owner) for owner in heads]
        for batch in [[item] for item in items] if self._chain.waits else [items]:
            self._spawn(self._pass(batch))

    async def _pass(self, items: list[Item], start: int = 0) -> None:
        """Take messages through the chain, from a step on, and hand what is left of them out to the sinks."""
        self._in_chain += 1
        leaves = await self._chain.run(items, start)
        self._in_chain -= 1
        for message, owner in leaves:
            self._hand_out(message, owner)
        self._flush_if_nothing_comes()

    def _go_on(self, items: list[Item], start: int) -> None:
        self._spawn(self._pass(items, start))

    def _make_gather(self, parts: Parts, spec: StageSpec, start: int) -> GatherStep:
        """Make the step of a gather; what its groups are combined to goes on from the step after it."""

        def resume(items: list[Item]) -> None:
            if items:
                self._spawn(self._pass(items, start))

        combiner = Combiner(spec, self._ledger)
        if (store := parts.stores.get(spec.id)) is None:
            return HeldGather(combiner, resume)
        dead_letters = DeadLetters(parts.bury, self.dependencies, self._around.log)
        end = GroupEnd(spec.id, self._pipeline.name, GroupRecords(store), dead_letters, self._around)
        return SharedGather(
            combiner, end, self._pipeline, self._ledger, around=self._around, spawn=self._spawn, resume=resume
        )

    def _hand_over(self, message: Message, owner: AnyOwner) -> None:
        """Give what bypasses the chain to the sinks of its routes; a copy for one is not for those that take all."""
        self._hand_out(message, owner, for_all=not message.routes)

    def _hand_out(self, message: Message, owner: AnyOwner, *, for_all: bool = True) -> None:
        """Give a message to every sink that takes it; one without `routes` takes what is for all."""
        if self._lanes is not None and owner.comes_again:
            # Another child of it failed in a stage: the order in which they come to a sink is that of the next time.
            owner.end(message, Ending("returned", "sinks", "another part of the message comes again"))
            return
        takers = [
            sink for sink in self._sinks if (for_all and not sink.routes) or not sink.routes.isdisjoint(message.routes)
        ]
        if not takers:
            routes = ", ".join(message.routes) or "none"
            reason = f"no sink takes it (its routes: {routes})"
            rejected = Ending("rejected", "sinks", reason, "unroutable")
            owner.end(message, Ending("dropped", "sinks", reason) if self._pipeline.unrouted == "drop" else rejected)
            return
        owner.fork(len(takers))
        for sink in takers:
            if owner.had_accepted(message, sink.sink.id):
                owner.end(message, Ending("accepted", sink.sink.id, "in an earlier receipt"))
            else:
                sink.add(message, owner)

    def _flush_if_nothing_comes(self) -> None:
        """Let no batch wait for messages that cannot come: the queue is not deep, or there is no room for more."""
        if self._in_chain:
            return
        intake = self._intake
        if intake.is_stopped or not intake.deep or (self._budget.spent and not intake.polls):
            for sink in self._sinks:
                sink.flush()
            self._settler.flush()

    async def _drain(self) -> None:
        """Finish what is held, for as long as there is time."""
        self.state = "draining"
        poll = f"a poll under way, up to {self._pipeline.source.component.poll_time}" if self._intake.polls else None
        self._around.log.info("draining", held=len(self._ledger.owners), waits_for=poll)
        try:
            async with asyncio.timeout(time_to_finish(self._pipeline.drain.stop_timeout)):
                if self._lanes is not None:
                    self._lanes.drain()
                self._chain.drain()
                for sink in self._sinks:
                    sink.drain()
                self._settler.drain()
                await self._intake.polls_ended()
                await self._ledger.empty.wait()
                if self._tasks:
                    await asyncio.wait(self._tasks)
        except TimeoutError:
            self._around.log.warning("drain cut short", held=len(self._ledger.owners), consequence="given back")

    def _make_room(self) -> None:
        """Let go of a group when all that is held waits for messages for which there is no room."""
        full = self._budget.spent and not self._intake.polls and not self._in_chain
        if self._chain.gathers and full and all(owner.only_waits for owner in self._ledger.owners.values()):
            any(gather.relieve() for gather in self._chain.gathers)

    async def _mark_progress(self) -> None:
        while True:
            self.keeper.progress()
            self._make_room()
            await self._around.clock.sleep(min(1, self._pipeline.limits.stall / 4))

    def _spawn(self, coroutine: Coroutine[object, object, None]) -> None:
        if self._gives_back:
            coroutine.close()  # what it would do is not ours any more
            return
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._task_ended)

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        # One that died unseen would leave what it held unsettled.
        if (error := failure_of(task)) is not None:
            self._crash = self._crash or error
            self.stop()
