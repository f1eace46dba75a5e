"""From a specification to a worker: its components are opened from the last to the first that a message meets."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Literal, TypeVar

from sluiceway.adapters.check import place_of
from sluiceway.core.context import Context
from sluiceway.core.errors import InvalidPipeline, OutsideError
from sluiceway.core.gather import Gather
from sluiceway.core.ports import Queue, Store
from sluiceway.core.problem import Problem
from sluiceway.core.process import Process, is_async
from sluiceway.core.spec import Pipeline
from sluiceway.core.store import DynamoDbStore
from sluiceway.engine.dependencies import Dependencies
from sluiceway.engine.outside import WatchedContext
from sluiceway.engine.parts import Parts
from sluiceway.engine.surroundings import Surroundings
from sluiceway.engine.worker import Worker

T = TypeVar("T")


@asynccontextmanager
async def open_worker(
    pipeline: Pipeline, context_for: Callable[[str], Context], around: Surroundings
) -> AsyncGenerator[Worker]:
    """Open every component of a pipeline and yield its worker; close them in reverse.

    Args:
        pipeline: What to run.
        context_for: Gives the context for a component's id.
        around: The worker's surroundings.

    Raises:
        OutsideError: A component cannot be opened; the error says which.
    """
    dependencies = Dependencies(around.clock, around.log)
    async with AsyncExitStack() as stack:

        async def enter(part: str, opening: AbstractAsyncContextManager[T]) -> T:
            try:
                return await stack.enter_async_context(opening)
            except OutsideError as error:
                raise OutsideError(f"{place_of(pipeline, part)}: {error}") from error

        bury = None
        if dead := pipeline.dead_letter:
            bury = await enter("errors.dead_letter", dead.component.open_dead_letters(context_for("dead_letter")))
        sends = {
            sink.id: await enter(f"sinks.{sink.id}", sink.component.open(context_for(sink.id)))
            for sink in pipeline.sinks
        }
        processes = {
            stage.id: await enter(
                f"stages.{stage.id}", stage.component.open(WatchedContext(context_for(stage.id), dependencies))
            )
            for stage in pipeline.stages
            if not isinstance(stage.component, Gather)
        }
        stores = {
            stage.id: await enter(
                f"stages.{stage.id}",
                _opened(stage.component.store, WatchedContext(context_for(stage.id), dependencies)),
            )
            for stage in pipeline.stages
            if isinstance(stage.component, Gather) and stage.component.store != "memory"
        }
        _check_kinds(pipeline, processes)
        receiver = await enter("source", pipeline.source.component.open(context_for("source")))
        retention = _heed_queue(receiver, pipeline, around) if isinstance(receiver, Queue) else None
        store = await _open_store(pipeline, context_for)
        yield Worker(pipeline, Parts(receiver, processes, sends, bury, retention, store, dependencies, stores), around)


@asynccontextmanager
async def _opened(choice: Literal["memory"] | DynamoDbStore, context: Context) -> AsyncGenerator[Store]:
    yield await context.store(choice)


async def _open_store(pipeline: Pipeline, context_for: Callable[[str], Context]) -> Store | None:
    if pipeline.store is None:
        return None
    try:
        return await context_for("errors.store").store(pipeline.store)
    except OutsideError as error:
        raise OutsideError(f"{place_of(pipeline, 'errors.store')}: {error}") from error


def _check_kinds(pipeline: Pipeline, processes: Mapping[str, Process]) -> None:
    """Refuse what a stage's `open` gave when nobody can tell whether it is pure work or I/O."""
    problems: list[Problem] = []
    for stage in pipeline.stages:
        if stage.id not in processes:
            continue
        try:
            is_async(processes[stage.id], blocking=stage.component.blocking)
        except TypeError as error:
            where = f"stages.{stage.id}"
            problems.append(Problem(file=str(pipeline.file or ""), line=1, column=1, path=where, message=str(error)))
    if problems:
        raise InvalidPipeline(problems)


def _heed_queue(queue: Queue, pipeline: Pipeline, around: Surroundings) -> float | None:
    """Return how long the queue keeps a message; warn when its own rules would act before ours."""
    receives, attempts = queue.redrive_max_receives, pipeline.retry.attempts
    if receives is not None and pipeline.source.component.blocks:
        around.log.warning(
            "the queue dead-letters first",
            reason=f"its maxReceiveCount {receives} ends what `on_failure: block` is to keep waiting",
            consequence="it can move messages that only wait behind another of their group, and break the order",
            fix="remove the queue's RedrivePolicy, or set on_failure: dead_letter",
        )
    elif receives is not None and receives <= attempts:
        around.log.warning(
            "the queue dead-letters first",
            reason=f"its maxReceiveCount {receives} is not more than errors.retry.attempts {attempts}",
            consequence="an outage can move messages to its own dead-letter queue, without a reason on them",
            fix="raise maxReceiveCount well above attempts",
        )
    return queue.retention
