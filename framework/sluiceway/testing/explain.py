"""Explain: one message's way through a pipeline, without side effects."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias, cast

from sluiceway.core.decision import Decision
from sluiceway.core.errors import MessageError, Reject, Transient
from sluiceway.core.json import JSON
from sluiceway.core.message import Message
from sluiceway.core.outcome import Bypass, Claimed, Defer, Drop
from sluiceway.core.spec import Pipeline, StageSpec
from sluiceway.testing.changes import Change, changes, without_secrets
from sluiceway.testing.given import GivenMessage
from sluiceway.testing.mocks import RunFailed
from sluiceway.testing.pipeline import Ended, Ran, Run, loaded
from sluiceway.testing.trace import MOST, Visit, listened
from sluiceway.testing.virtual_time import run_virtual

Word: TypeAlias = Literal[
    "passed", "changed", "split", "waits", "bypassed", "dropped", "deferred", "rejected", "failed", "bug"
]


@dataclass(frozen=True, slots=True)
class Step:
    """What one stage did with one message.

    Attributes:
        stage: The stage's id.
        message: The id of the message.
        word: What became of it.
        reason: Why, where it did not simply go on.
        decisions: The choices that led there.
        changes: What the stage added, changed and removed.
        children: The ids of what it was split to.
        times: How often this happened in the same way: a transient failure is tried again.
    """

    stage: str
    message: str
    word: Word
    reason: str
    decisions: tuple[Decision, ...]
    changes: tuple[Change, ...]
    children: tuple[str, ...] = ()
    times: int = 1


@dataclass(frozen=True, slots=True)
class Arrival:
    """What one sink would be sent for a message.

    Attributes:
        sink: The sink's id.
        message: The id of the message.
        size: Bytes, counted as the service counts them.
        parts: What would be sent, by name.
    """

    sink: str
    message: str
    size: int
    parts: Mapping[str, JSON]


@dataclass(frozen=True, slots=True)
class Explanation:
    """One message's way.

    Attributes:
        steps: What each stage did, in the order of time.
        passed_by: The stages that the message, or any part of it, passed by: it was on none of their routes.
        arrivals: What the sinks would be sent.
        dropped: Where parts of it were dropped.
        dead_letters: Where it was rejected, or given up.
        failure: Why the explanation ends early: a call that has no mock.
    """

    steps: tuple[Step, ...]
    passed_by: tuple[str, ...]
    arrivals: tuple[Arrival, ...]
    dropped: tuple[Ended, ...]
    dead_letters: tuple[Ended, ...]
    failure: str | None = None


def explain(
    pipeline: str | Path | Pipeline, messages: Sequence[GivenMessage], mocks: Mapping[str, object] | None = None
) -> Explanation:
    """Return what would become of messages, stage by stage; nothing outside is called or sent.

    Args:
        pipeline: As for `run_pipeline`.
        messages: As for `run_pipeline`; usually one.
        mocks: As for `run_pipeline`.

    Raises:
        InvalidPipeline: The file is wrong; it carries every problem.
    """
    ready = loaded(pipeline)
    visits: list[Visit] = []

    def tell(visit: Visit) -> None:
        if len(visits) < MOST:
            visits.append(visit)

    run = Run(ready, mocks or {}, check_mutation=True, listen=lambda spec, component: listened(spec, component, tell))
    failure: str | None = None
    try:
        ran = run_virtual(run.run(messages), limit=math.inf)
    except RunFailed as error:
        ran, failure = Ran({}, [], []), str(error)
    return Explanation(
        steps=_steps(visits),
        passed_by=_passed_by(ready.stages, visits),
        arrivals=tuple(_arrivals(ready, ran)),
        dropped=tuple(map(_told, ran.dropped)),
        dead_letters=tuple(map(_told, ran.dead_letters)),
        failure=None if failure is None else without_secrets(failure),
    )


def _told(ended: Ended) -> Ended:
    return replace(ended, reason=without_secrets(ended.reason))


def _steps(visits: Sequence[Visit]) -> tuple[Step, ...]:
    steps: dict[tuple[str, str, str, str], Step] = {}
    for visit in visits:
        step = _step(visit)
        same = (step.stage, step.message, step.word, step.reason)
        before = steps.get(same)
        times = before.times + 1 if before else 1
        steps[same] = Step(
            step.stage, step.message, step.word, step.reason, step.decisions, step.changes, step.children, times
        )
    return tuple(steps.values())


def _step(visit: Visit) -> Step:
    word, reason = _verdict(visit.result)
    after = visit.result.message if isinstance(visit.result, Claimed | Bypass) else visit.result
    changed = changes(visit.message, after) if isinstance(after, Message) else ()
    if changed and word == "passed":
        word = "changed"
    parts = len(cast("Sequence[object]", after)) if isinstance(after, list | tuple) else 0
    children = tuple(f"{visit.message.id}/{index}" for index in range(parts))
    decisions = tuple(replace(each, text=without_secrets(each.text)) for each in visit.decisions)
    return Step(visit.stage, visit.message.id, word, without_secrets(reason), decisions, changed, children)


def _verdict(result: object) -> tuple[Word, str]:
    if isinstance(result, BaseException):
        return _failure(result)
    word: Word = "bug"
    reason = f"it returned {type(result).__name__}"
    match result:
        case Message() | Claimed():
            word, reason = "passed", ""
        case Bypass():
            word, reason = "bypassed", "it goes to the sinks of its routes, past the stages that are left"
        case Drop(why):
            word, reason = "dropped", why
        case Defer(delay, why):
            word, reason = "deferred", f"for {delay:g} s: {why}"
        case [] | ():
            word, reason = "dropped", "made no message of it"
        case list() | tuple():
            word, reason = "split", ""
        case str(key):
            word, reason = "waits", f"in the group {key!r}" if key else "in the one group"
        case _:
            pass
    return word, reason


def _failure(error: BaseException) -> tuple[Word, str]:
    match error:
        case Reject():
            return "rejected", f"{error.error}: {error.reason}"
        case Transient():
            return "failed", error.reason
        case _:
            return "bug", f"{type(error).__name__}: {error}"


def _passed_by(stages: Sequence[StageSpec], visits: Sequence[Visit]) -> tuple[str, ...]:
    """Return the stages without a visit before the last that has one; those behind it were not reached."""
    visited = {visit.stage for visit in visits}
    last = max((place for place, stage in enumerate(stages) if stage.id in visited), default=-1)
    went_on = bool(visits) and isinstance(visits[-1].result, Message | Claimed | list | tuple)
    reached = stages if went_on else stages[:last]
    return tuple(stage.id for stage in reached if stage.id not in visited)


def _arrivals(pipeline: Pipeline, ran: Ran) -> list[Arrival]:
    found: list[Arrival] = []
    for sink in pipeline.sinks:
        for message in ran.sinks.get(sink.id, ()):
            try:
                size, parts = sink.component.weigh(message), sink.component.preview(message)
            except MessageError as error:  # as when it is sent
                size, parts = 0, {"refused": error.reason}
            found.append(Arrival(sink.id, message.id, size, parts))
    return found
