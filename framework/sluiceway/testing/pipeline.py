"""Run a pipeline in memory: the engine as in production, on virtual time, with mocks for what is outside."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from structlog.testing import ReturnLogger

from sluiceway.config.load import check
from sluiceway.core.component import Stage
from sluiceway.core.context import Context
from sluiceway.core.errors import ErrorClass
from sluiceway.core.message import Message
from sluiceway.core.outcome import Retry, Verdict
from sluiceway.core.ports import Clock, Delivery
from sluiceway.core.spec import Pipeline, StageSpec
from sluiceway.core.units import Duration
from sluiceway.engine.report import Ending, Report
from sluiceway.engine.surroundings import Surroundings
from sluiceway.engine.worker import Worker
from sluiceway.opening import open_worker
from sluiceway.testing.components import capturing, watched
from sluiceway.testing.given import GivenMessage, given_source
from sluiceway.testing.mocks import Mock, MockContext, RunFailed
from sluiceway.testing.virtual_time import EPOCH, VirtualClock, run_virtual

MAX_AGE: Final = Duration("86.4h")
"""The age at which a failing message expires: nine tenths of the four days that SQS keeps one unless told otherwise."""

_TEXT: Final = Path("<text>")
"""What stands for the file in the problems of a pipeline that is given as text."""


@dataclass(frozen=True, slots=True)
class Start:
    """With what a run begins: the time of day, in seconds since 1970, and the seed of chance."""

    now: float = EPOCH
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Ended:
    """A message that reached no sink.

    Attributes:
        stage: The id of the stage or sink where it ended.
        reason: Why.
        message: The message as that stage or sink had it. (The dead-letter queue keeps what was received.)
        error: The class of the error; None when it was dropped.
    """

    stage: str
    reason: str
    message: Message
    error: ErrorClass | None = None


@dataclass(frozen=True, slots=True)
class Ran:
    """Where the messages of a run have ended.

    Attributes:
        sinks: By sink id, the messages that it was sent, in order, with the headers that it forwards.
        dropped: What was dropped, in order.
        dead_letters: What was dead-lettered, in order: one for each child that was, where a stage had split a message.
    """

    sinks: Mapping[str, list[Message]]
    dropped: list[Ended]
    dead_letters: list[Ended]


def run_pipeline(
    pipeline: str | Path | Pipeline,
    messages: Iterable[GivenMessage],
    mocks: Mapping[str, object] | None = None,
    *,
    check_mutation: bool = False,
) -> Ran:
    """Run messages through a pipeline until each has ended, and return where.

    The engine is production's: batches, retries, time-outs and dead letters included. Only what is outside is not
    there: the messages come from memory, sinks and the dead-letter queue keep what they are sent, and a stage that
    calls out is given its mock's answer. Waiting takes no time, and every run goes the same way.

    Args:
        pipeline: A pipeline, the path of a file, or (a text with a line break) what such a file would hold.
        messages: Messages, or mappings `{body, headers, meta}`.
        mocks: By stage id, what its outside calls are answered with: a value (HTTP: 200 with that JSON; S3: the
            object, a text as it is, else as JSON), `{"status": 503}` with `body` and `headers` if wanted,
            `{"missing": True}`, or a list of these in turn. A value that is a list itself stands in such a list;
            one that looks like a status stands under `body`: `{"status": 200, "body": {"status": 503}}`.
        check_mutation: Fail when a stage changes a body in place.

    Raises:
        InvalidPipeline: The file is wrong; it carries every problem.
        RunFailed: A stage called out and had no mock, or its mock had no answer left, or it put a message on a
            route that it does not declare, or it changed a body.
        RuntimeError: There is an event loop already: await `run_pipeline_async`.
    """
    refuse_second_loop()
    run = Run(loaded(pipeline), mocks or {}, check_mutation=check_mutation)
    return run_virtual(run.run(messages), limit=math.inf)  # what bounds a run is how long its queue keeps a message


def refuse_second_loop() -> None:
    """Refuse to run where there is an event loop already, in words.

    Raises:
        RuntimeError: There is one.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise RuntimeError("run_pipeline has an event loop of its own: here, write `await run_pipeline_async(…)`")


async def run_pipeline_async(
    pipeline: str | Path | Pipeline,
    messages: Iterable[GivenMessage],
    mocks: Mapping[str, object] | None = None,
    *,
    check_mutation: bool = False,
) -> Ran:
    """Do what `run_pipeline` does, from a coroutine: the run has its own time, in a thread of its own."""
    return await asyncio.to_thread(run_pipeline, pipeline, messages, mocks, check_mutation=check_mutation)


def loaded(pipeline: str | Path | Pipeline) -> Pipeline:
    """Return a pipeline that is given as `run_pipeline` takes it.

    Raises:
        InvalidPipeline: The file is wrong; it carries every problem.
    """
    if isinstance(pipeline, Pipeline):
        return pipeline
    is_text = isinstance(pipeline, str) and "\n" in pipeline
    return (check(_TEXT, text=str(pipeline)) if is_text else check(Path(pipeline))).ready()


class Run:
    """One run: what is put in the place of the outside, and what it has seen.

    Args:
        pipeline: The pipeline.
        mocks: As for `run_pipeline`.
        check_mutation: Fail when a stage changes a body in place.
        listen: Given each stage, and the component to call in its place; returns one that listens too.
        start: When it begins, and with which chance.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        mocks: Mapping[str, object],
        *,
        check_mutation: bool,
        listen: Callable[[StageSpec, Stage], Stage] = lambda _, component: component,
        start: Start | None = None,
    ) -> None:
        stages = [stage.id for stage in pipeline.stages]
        if unknown := sorted(mocks.keys() - set(stages)):
            raise ValueError(f"there is no stage {', '.join(unknown)} to mock; the stages are {', '.join(stages)}")
        self._pipeline = pipeline
        self._check_mutation = check_mutation
        self._listen = listen
        self._start = start or Start()
        self._mocks = {name: Mock(name, self.fail, mock) for name, mock in mocks.items()}
        self._failure: RunFailed | None = None
        self._came_again = ""
        self._stop: Callable[[], object] = lambda: None
        self._endings: dict[str, list[Ended]] = {}
        self._ran = Ran({sink.id: [] for sink in pipeline.sinks}, [], [])
        self._report = Report(on_ending=self._ended, on_settled=self._settled)

    def fail(self, reason: str) -> RunFailed:
        """Remember why the run has failed, and stop it: what a stage raises, the engine would only retry."""
        failure = RunFailed(f"{reason}{self._came_again}")
        self._failure = self._failure or failure
        self._stop()
        return failure

    async def run(self, messages: Iterable[GivenMessage]) -> Ran:
        """Run the messages, on the loop's virtual time.

        Raises:
            RunFailed: As `run_pipeline` does.
        """
        loop = asyncio.get_running_loop()
        clock = VirtualClock(loop, epoch=self._start.now)
        chance = random.Random(self._start.seed)  # noqa: S311 - the same jitter in every run
        around = Surroundings(clock, chance, ReturnLogger(), self._report, threads=False)

        def context_for(component: str) -> Context:
            mock = self._mocks.get(component) or Mock(component, self.fail)
            return MockContext(self._pipeline.name, component, clock, chance, mock, self._report.counts)

        async with open_worker(self._in_memory(messages), context_for, around) as worker:
            self._stop = partial(loop.call_soon_threadsafe, worker.stop)  # a stage that blocks fails in its thread
            keeper = asyncio.create_task(_keep_leases(worker, clock))
            try:
                await worker.run()
            finally:
                keeper.cancel()
        if self._failure is not None:
            raise self._failure
        return self._ran

    def _in_memory(self, messages: Iterable[GivenMessage]) -> Pipeline:
        """Return the pipeline with everything outside replaced."""
        pipeline = self._pipeline
        retry = pipeline.retry.model_copy(update={"max_age": pipeline.retry.max_age or MAX_AGE})
        pipeline = replace(pipeline, retry=retry, dead_letter=None)  # the endings tell of dead letters, child by child
        check = self._check_mutation
        return replace(
            pipeline,
            source=replace(pipeline.source, component=given_source(pipeline, messages, self.fail)),
            stages=tuple(
                replace(stage, component=self._listen(stage, watched(stage, self.fail, check_mutation=check)))
                for stage in pipeline.stages
            ),
            sinks=tuple(
                replace(sink, component=capturing(sink.component, self._ran.sinks[sink.id])) for sink in pipeline.sinks
            ),
        )

    def _ended(self, delivery: Delivery, message: Message, ending: Ending) -> None:
        if ending.kind == "returned" and not self._came_again:
            self._came_again = (
                f"\nbefore that, message {message.id} failed in {ending.where} and came again: {ending.reason}"
            )
        if ending.kind in ("dropped", "rejected"):
            ended = Ended(ending.where, ending.reason, message, ending.error)
            self._endings.setdefault(delivery.receipt, []).append(ended)

    def _settled(self, delivery: Delivery, verdict: Verdict) -> None:
        endings = self._endings.pop(delivery.receipt, [])
        if isinstance(verdict, Retry):
            return  # the whole message comes again, and its children end again
        for ended in endings:
            (self._ran.dropped if ended.error is None else self._ran.dead_letters).append(ended)


async def _keep_leases(worker: Worker, clock: Clock) -> None:
    while True:
        await clock.sleep(worker.keeper.beat())
