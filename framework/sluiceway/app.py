"""The one place that wires a specification to a worker."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import threading
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from sluiceway.adapters.check import missing
from sluiceway.adapters.clients import Clients
from sluiceway.adapters.clock import SystemClock
from sluiceway.adapters.context import RunContext
from sluiceway.adapters.health import serve_health
from sluiceway.adapters.http import HttpPool
from sluiceway.adapters.log import logger
from sluiceway.adapters.secrets import SecretStore
from sluiceway.config.load import load as load_file
from sluiceway.config.settings import load_settings
from sluiceway.core.context import Context
from sluiceway.core.errors import InvalidPipeline, OutsideError
from sluiceway.core.ports import Queue
from sluiceway.core.problem import Problem
from sluiceway.core.resource import Resource
from sluiceway.core.spec import Pipeline, SinkSpec, SourceSpec
from sluiceway.core.units import Duration
from sluiceway.engine.report import Report
from sluiceway.engine.surroundings import Surroundings
from sluiceway.engine.worker import LEAVE, Parts, Worker


@dataclass(frozen=True, slots=True)
class Options:
    """How to run, beside what the files say.

    Attributes:
        endpoint: The URL of an emulator for all AWS services; by default what the standard AWS variables say.
        localstack: Look the endpoint up as LocalStack's own client does.
        health_port: Serve `/healthz` and `/readyz` on this port of 127.0.0.1.
        reports: Where to count, by the pipeline's name; made where absent.
    """

    endpoint: str | None = None
    localstack: bool = False
    health_port: int | None = None
    reports: dict[str, Report] = field(default_factory=dict[str, Report])


def load(path: str | Path, *, environ: Mapping[str, str] = os.environ) -> Pipeline:
    """Return the pipeline in a file, checked.

    Args:
        path: The pipeline file. `sluiceway.yaml` beside it, if there, is read too.
        environ: What `${NAME}` in the file stands for.

    Raises:
        InvalidPipeline: Something is wrong with it; the error carries every problem.
    """
    path = Path(path)
    return load_file(path, environ=environ, settings=load_settings(path.parent, environ))


def run(*paths: str | Path, options: Options | None = None) -> None:
    """Run pipeline files until SIGTERM or SIGINT, then drain.

    Args:
        paths: The files; each has its own source, budget and leases, all share one event loop.
        options: How to run.

    Raises:
        InvalidPipeline: A file is wrong.
        OutsideError: Something that the files name does not exist, or cannot be reached.
    """
    pipelines = [load(path) for path in paths]
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(serve(pipelines, options or Options()))


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return uvloop's event loop when the `fast` extra is installed, else None for Python's own."""
    try:
        import uvloop  # noqa: PLC0415 - optional
    except ImportError:
        return None
    return uvloop.new_event_loop


async def serve(pipelines: Sequence[Pipeline], options: Options, stop: asyncio.Event | None = None) -> None:
    """Run pipelines on this event loop until a signal comes, `stop` is set, or every source is exhausted.

    Raises:
        InvalidPipeline: Two pipelines have one name.
        OutsideError: As for `run`.
    """
    _check_names(pipelines)
    stop = stop or asyncio.Event()
    forget = _on_signals(stop)
    try:
        async with AsyncExitStack() as stack:
            shared = await _shared(stack, options)
            await _check_start(pipelines, shared)
            workers = [await stack.enter_async_context(_prepared(p, shared, options)) for p in pipelines]
            if options.health_port is not None:
                await stack.enter_async_context(serve_health(options.health_port, workers))
            await _run_all(workers, stop)
    finally:
        forget()


async def _run_all(workers: Sequence[Worker], stop: asyncio.Event) -> None:
    """Run the workers side by side; when one fails the others drain, and the failure is raised at the end."""

    async def run(worker: Worker) -> None:
        try:
            await worker.run()
        except BaseException:
            stop.set()
            raise

    async def pass_on() -> None:
        await stop.wait()
        for worker in workers:
            worker.stop()

    passing = asyncio.create_task(pass_on())
    try:
        results = await asyncio.gather(*(run(worker) for worker in workers), return_exceptions=True)
    finally:
        passing.cancel()
    for result in results:
        if isinstance(result, BaseException):
            raise result


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
        secrets=SecretStore(clients, clock),
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
        yield worker
    log.info("stopped", received=report.received, **settled_facts(report))


@asynccontextmanager
async def open_worker(
    pipeline: Pipeline, context_for: Callable[[str], Context], around: Surroundings
) -> AsyncGenerator[Worker]:
    """Open every component of a pipeline and yield its worker; close them in reverse.

    Args:
        pipeline: What to run.
        context_for: Gives the context for a component's id.
        around: The worker's surroundings.
    """
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        bury = None
        if pipeline.dead_letter is not None:
            bury = await enter(pipeline.dead_letter.component.open_dead_letters(context_for("dead_letter")))
        sends = {sink.id: await enter(sink.component.open(context_for(sink.id))) for sink in pipeline.sinks}
        processes = {stage.id: await enter(stage.component.open(context_for(stage.id))) for stage in pipeline.stages}
        receiver = await enter(pipeline.source.component.open(context_for("source")))
        retention = _heed_queue(receiver, pipeline, around) if isinstance(receiver, Queue) else None
        yield Worker(pipeline, Parts(receiver, processes, sends, bury, retention), around)


def _heed_queue(queue: Queue, pipeline: Pipeline, around: Surroundings) -> float | None:
    """Return how long the queue keeps a message; warn when its own rules would act before ours."""
    receives, attempts = queue.redrive_max_receives, pipeline.retry.attempts
    if receives is not None and receives <= attempts:
        around.log.warning(
            "the queue dead-letters first",
            reason=f"its maxReceiveCount {receives} is not more than errors.retry.attempts {attempts}",
            consequence="an outage can move messages to its own dead-letter queue, without a reason on them",
            fix="raise maxReceiveCount well above attempts",
        )
    return queue.retention


def resources(pipeline: Pipeline) -> list[Resource]:
    """Return everything outside that a pipeline uses, each once."""
    components = [pipeline.source.component, *(stage.component for stage in pipeline.stages)]
    components += [sink.component for sink in pipeline.sinks]
    components += [pipeline.dead_letter.component] if pipeline.dead_letter else []
    return list(dict.fromkeys(resource for component in components for resource in component.resources()))


async def _check_start(pipelines: Sequence[Pipeline], shared: RunContext) -> None:
    """Refuse to start without what does not exist, all of it named at once; what cannot be asked is a warning."""
    found = await missing([resource for pipeline in pipelines for resource in resources(pipeline)], shared.clients)
    for sentence in found.warnings:
        logger().warning("start check", reason=sentence)
    if found.missing:
        raise OutsideError("\n".join(found.missing))


def _check_names(pipelines: Sequence[Pipeline]) -> None:
    """Names tell pipelines apart in logs, health and dead letters, so they are unique in a worker."""
    files: dict[str, Path | None] = {}
    for pipeline in pipelines:
        if pipeline.name in files:
            raise InvalidPipeline(
                [
                    Problem(
                        file=str(pipeline.file or ""),
                        line=1,
                        column=1,
                        path="name",
                        message=f"the name `{pipeline.name}` is taken already, by {files[pipeline.name]}",
                    )
                ]
            )
        files[pipeline.name] = pipeline.file


def _on_signals(stop: asyncio.Event) -> Callable[[], None]:
    """Let SIGTERM and SIGINT set `stop`, and return what undoes it. A second signal changes nothing."""
    if threading.current_thread() is not threading.main_thread():
        return lambda: None
    loop = asyncio.get_running_loop()
    signals = (signal.SIGTERM, signal.SIGINT)
    for number in signals:
        loop.add_signal_handler(number, stop.set)

    def forget() -> None:
        for number in signals:
            loop.remove_signal_handler(number)

    return forget


def start_facts(pipeline: Pipeline) -> dict[str, object]:
    """Return what a worker reads and writes, and within which bounds, for the line it logs when it starts."""
    limits, visibility = pipeline.limits, pipeline.source.component.visibility
    return {
        "source": _place(pipeline.source),
        "sinks": ", ".join(f"{sink.id}={_place(sink)}" for sink in pipeline.sinks),
        "dead_letter": _place(pipeline.dead_letter) if pipeline.dead_letter else None,
        "in_flight": f"{limits.in_flight}/{limits.in_flight_bytes}",
        "lease": str(visibility.initial),
        "drain": str(Duration(max(1.0, pipeline.drain.stop_timeout - LEAVE))),
    }


def settled_facts(report: Report) -> dict[str, int]:
    """Return how many deliveries were settled in which way, in the words of the log."""
    words = {"Ack": "done", "Retry": "given_back", "DeadLetter": "dead_lettered"}
    return {word: report.settled[name] for name, word in words.items()}


def _place(spec: SourceSpec | SinkSpec) -> str:
    names = [resource.name for resource in spec.component.resources()]
    return f"{spec.use}:{names[0]}" if names else spec.use
