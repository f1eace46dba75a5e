"""The one place that wires specifications to workers: what they share, the start check, signals, and the end."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncGenerator, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Final

from sluiceway.adapters.check import missing, needs
from sluiceway.adapters.clients import Clients
from sluiceway.adapters.clock import SystemClock
from sluiceway.adapters.context import RunContext
from sluiceway.adapters.ecs import AGENT, protected
from sluiceway.adapters.health import serve_health
from sluiceway.adapters.http import HttpPool
from sluiceway.adapters.log import logger
from sluiceway.adapters.loop import UnawaitedThreads, close, loop_factory
from sluiceway.adapters.secrets import SecretStore, StandIn
from sluiceway.adapters.signals import set_by_signals
from sluiceway.config.load import load as load_file
from sluiceway.core.errors import InvalidPipeline, OutsideError
from sluiceway.core.problem import Problem
from sluiceway.core.spec import Pipeline
from sluiceway.engine.report import Report, count_facts, start_facts, tell_progress
from sluiceway.engine.surroundings import Surroundings
from sluiceway.engine.watchdog import EXIT_CODE, guarded, say
from sluiceway.engine.worker import Worker
from sluiceway.opening import open_worker

_PATIENCE: Final = 2.0
"""Seconds that a start has to end when it is cancelled."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to run, beside what the files say.

    Attributes:
        endpoint: The URL of an emulator for all AWS services; by default what the standard AWS variables say.
        localstack: Look the endpoint up as LocalStack's own client does.
        health_port: Serve `/healthz` and `/readyz` on this port of 127.0.0.1.
        reports: Where to count, by the pipeline's name; made where absent.
        stand_in: Gives the values of secrets that cannot be fetched; by default that stops the start.
    """

    endpoint: str | None = None
    localstack: bool = False
    health_port: int | None = None
    reports: dict[str, Report] = field(default_factory=dict[str, Report])
    stand_in: StandIn | None = None


def load(path: str | Path, *, environ: Mapping[str, str] | None = None) -> Pipeline:
    """Return the pipeline in a file, checked.

    Args:
        path: The pipeline file. `sluiceway.yaml` beside it, if there, is read too.
        environ: What `${NAME}` in the file stands for; by default the environment.

    Raises:
        InvalidPipeline: Something is wrong with it; the error carries every problem.
    """
    return load_file(Path(path), environ=environ)


def load_all(paths: Sequence[str | Path]) -> list[Pipeline]:
    """Return the pipelines in several files.

    Raises:
        InvalidPipeline: Some are wrong; the error carries every problem of every file.
    """
    pipelines: list[Pipeline] = []
    problems: list[Problem] = []
    for path in paths:
        try:
            pipelines.append(load(path))
        except InvalidPipeline as error:
            problems += error.problems
    if problems:
        raise InvalidPipeline(problems)
    return pipelines


def run(*paths: str | Path, options: Options | None = None) -> None:
    """Run pipeline files until SIGTERM or SIGINT, then drain.

    Args:
        paths: The files; each has its own source, budget and leases, all share one event loop.
        options: How to run.

    A second signal changes nothing, then or later: both are ignored from the first one on.

    Raises:
        InvalidPipeline: A file is wrong.
        OutsideError: Something that the files name does not exist, or cannot be reached.
        NoProgress: A call of a stage or sink did not end, and `limits.stall` and half as much again had passed. When
            the event loop itself hangs for so long, the process exits with code 4.
    """
    pipelines = load_all(paths)
    runner = asyncio.Runner(loop_factory=loop_factory())
    try:
        runner.run(serve(pipelines, options or Options()))
    finally:
        close(runner)


async def serve(pipelines: Sequence[Pipeline], options: Options, stop: asyncio.Event | None = None) -> None:
    """Run pipelines on this event loop until a signal comes, `stop` is set, or every source is exhausted.

    Raises:
        InvalidPipeline: Two pipelines have one name.
        OutsideError: As for `run`.
    """
    _check_names(pipelines)
    stop = stop or asyncio.Event()
    asyncio.get_running_loop().set_default_executor(UnawaitedThreads())
    async with AsyncExitStack() as stack:
        stack.enter_context(set_by_signals(stop))
        workers = await _unless(stop, _start(pipelines, options, stack))
        if workers is not None:
            await _run_all(workers, stop)


async def _start(pipelines: Sequence[Pipeline], options: Options, stack: AsyncExitStack) -> list[Worker]:
    """Check that everything exists, then open all that the pipelines need on `stack`."""
    shared = await _shared(stack, options)
    await _check_start(pipelines, shared)
    workers = [await stack.enter_async_context(_prepared(p, shared, options)) for p in pipelines]
    if options.health_port is not None:
        stack.enter_context(serve_health(options.health_port, workers))
    long = [worker for pipeline, worker in zip(pipelines, workers, strict=True) if pipeline.drain.protect]
    if long and (agent := os.environ.get(AGENT)):
        held = partial(_held, long)
        await stack.enter_async_context(protected(agent, held, shared.clock, logger()))
    return workers


def _held(workers: Sequence[Worker]) -> int:
    return sum(worker.held for worker in workers)


async def _unless(stop: asyncio.Event, start: Coroutine[object, object, list[Worker]]) -> list[Worker] | None:
    """Return the workers that `start` opens, or None when `stop` is set first.

    A start waits for AWS, which may not answer; it holds no message yet, so that a signal may end it at once.
    """
    starting, stopped = asyncio.create_task(start), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({starting, stopped}, return_when=asyncio.FIRST_COMPLETED)
        return starting.result() if starting.done() else None
    finally:
        starting.cancel()
        stopped.cancel()
        await asyncio.wait({starting, stopped}, timeout=_PATIENCE)


async def _run_all(workers: Sequence[Worker], stop: asyncio.Event) -> None:
    """Run the workers side by side; when one fails the others drain, and the failure is raised at the end."""

    async def run(worker: Worker) -> None:
        try:
            with worker.watchdog.on_duty():
                await worker.run()
        except BaseException:
            stop.set()
            raise

    async def pass_on() -> None:
        await stop.wait()
        for worker in workers:
            worker.stop()

    passing = asyncio.create_task(pass_on())
    stop_soon = partial(asyncio.get_running_loop().call_soon_threadsafe, stop.set)
    try:
        with guarded([worker.watchdog for worker in workers], stop_soon, _leave_hanging):
            results = await asyncio.gather(*(run(worker) for worker in workers), return_exceptions=True)
            for result in results:
                if isinstance(result, BaseException):
                    raise result
    finally:
        passing.cancel()


def _leave_hanging(trouble: str | None) -> None:
    """End the process although its event loop does not, or no longer in time. Every log line has been flushed."""
    say(logger().error, "failed", reasons=[trouble], exit_code=EXIT_CODE)
    os._exit(EXIT_CODE)


async def _shared(stack: AsyncExitStack, options: Options) -> RunContext:
    """Open what all pipelines share, as a context that each component's is derived from."""
    clients = await stack.enter_async_context(Clients(options.endpoint, localstack=options.localstack))
    clock = SystemClock()
    return RunContext(
        pipeline="",
        component="",
        clock=clock,
        random=random.Random(),  # noqa: S311 - jitter, not secrets
        clients=clients,
        secrets=SecretStore(clients, clock, options.stand_in),
        connections=await stack.enter_async_context(HttpPool()),
    )


@asynccontextmanager
async def _prepared(pipeline: Pipeline, shared: RunContext, options: Options) -> AsyncGenerator[Worker]:
    """Open one pipeline's worker on what all share, and say what it does."""
    log = logger().bind(pipeline=pipeline.name)
    report = options.reports.setdefault(pipeline.name, Report())
    around = Surroundings(shared.clock, shared.random, log, report)
    mine = replace(shared, pipeline=pipeline.name, counts=report.counts)
    async with open_worker(pipeline, lambda component: replace(mine, component=component), around) as worker:
        log.info("started", **start_facts(pipeline))
        telling = asyncio.create_task(tell_progress(report, shared.clock, lambda facts: log.info("progress", **facts)))
        try:
            yield worker
        finally:
            telling.cancel()
            log.info("stopped", **count_facts(report))


async def _check_start(pipelines: Sequence[Pipeline], shared: RunContext) -> None:
    """Refuse to start without what is not there, all of it named at once; what cannot be asked is a warning."""
    wanted = [need for pipeline in pipelines for need in needs(pipeline)]
    found = await missing(wanted, shared.clients, shared.secrets)
    for sentence in found.warnings:
        logger().warning("start check", reason=sentence)
    if found.missing:
        raise OutsideError("\n".join(found.missing))


def _check_names(pipelines: Sequence[Pipeline]) -> None:
    """Names tell pipelines apart in logs, health and dead letters, so they are unique in a worker."""
    files: dict[str, Path | None] = {}
    for pipeline in pipelines:
        if pipeline.name in files:
            first = files[pipeline.name]
            taken = f"the name `{pipeline.name}` is taken already, by {first}"
            raise InvalidPipeline(
                [
                    Problem(
                        file=str(pipeline.file or ""),
                        line=1,
                        column=1,
                        path="name",
                        message="this file is given twice: give it once" if first and first == pipeline.file else taken,
                    )
                ]
            )
        files[pipeline.name] = pipeline.file
