"""Times and sizes that must fit into each other, each with its arithmetic: leases, retries, stops, memory.

Where only what nobody has chosen is too much, the defaults, nothing is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from sluiceway.config.document import Document, value_at
from sluiceway.config.draft import Draft, Used
from sluiceway.config.rules_memory import memory
from sluiceway.core.component import Sink, Stage
from sluiceway.core.http import HttpTarget
from sluiceway.core.problem import Problem
from sluiceway.core.spec import GIVE_BACK, LEAVE, Backoff
from sluiceway.core.units import Duration

_LONGEST_RETENTION: Final = Duration("14d")
"""How long a queue keeps a message at most. A message that fails expires after nine tenths of that."""


def budgets(document: Document, draft: Draft) -> Iterator[Problem]:
    """Add up what one message may take, and compare it with what there is."""
    yield from _against_the_lease(document, draft)
    yield from _retries(document, draft)
    yield from _against_the_stop(document, draft)
    yield from _leases_of_keys(document, draft)
    yield from memory(document, draft)


def _against_the_lease(document: Document, draft: Draft) -> Iterator[Problem]:
    """All calls that one message waits for, one after the other, must end before its lease can no longer be renewed."""
    if draft.source is None or draft.retry is None:
        return
    limit = draft.source.visibility.limit
    parts = _longest_way(draft, written_only=False)
    total = sum(time for _, time in parts)
    if any(time > limit for _, time in parts):
        return  # said of that one already
    if total > limit:
        yield _budget(
            document,
            ("source", "with", "visibility", "limit"),
            f"the time-outs {_sum(parts)} are longer than visibility.limit {limit}: a message that takes so long is"
            " handed out again before it is done",
            f"a limit of at least {Duration(total)}, or shorter time-outs",
        )
    elif "hold" in draft.retry.model_fields_set and total + draft.retry.hold > limit:
        whole = [*parts, ("errors.retry.hold", draft.retry.hold)]
        yield _budget(
            document,
            ("errors", "retry", "hold"),
            f"{_sum(whole)} is longer than visibility.limit {limit}: a failed leg cannot be tried for so long here",
            f"at most {Duration(limit - total)}, or a longer visibility.limit",
        )


def _retries(document: Document, draft: Draft) -> Iterator[Problem]:
    """A message that expires before its last attempt never uses up its attempts."""
    if draft.source is None or draft.retry is None or not draft.source.needs_dead_letters:
        return
    age = draft.retry.max_age
    most = age or Duration(0.9 * _LONGEST_RETENTION)
    waits = _waits(draft.retry.backoff, draft.retry.attempts)
    if sum(waits) / 2 > most:
        first = " + ".join(str(Duration(wait)) for wait in waits[:3])
        name = (
            f"max_age {age}"
            if age
            else f"nine tenths of the longest retention ({_LONGEST_RETENTION}) = {_in_short(most)}"
        )
        yield _budget(
            document,
            ("errors", "retry", "attempts"),
            f"between {draft.retry.attempts} attempts pass {first} + … = {_in_short(sum(waits))}, half of that with the"
            f" luckiest jitter, longer than {name}: a message expires before its attempts are used up",
            "fewer attempts, or a smaller backoff.max",
        )


def _in_short(seconds: float) -> str:
    """Return a time as people say it: exactly where that is short."""
    exact = str(Duration(seconds))
    return exact if len(exact) <= 5 else f"{seconds / 86400:.1f}d"


def _waits(backoff: Backoff, attempts: int) -> list[float]:
    return [min(float(backoff.max), backoff.initial * 2.0 ** min(index, 40)) for index in range(attempts - 1)]


def _against_the_stop(document: Document, draft: Draft) -> Iterator[Problem]:
    """What is not finished when the worker must leave is given back, and done again."""
    if draft.drain is None:
        return
    room = Duration(draft.drain.stop_timeout - LEAVE - GIVE_BACK)
    parts = _longest_way(draft, written_only=True)
    total = Duration(sum(time for _, time in parts))
    if parts and total > room:
        slowest = max(draft.uses, key=_written_timeout)
        yield _budget(
            document,
            (*slowest.path, "timeout"),
            f"the time-outs {_sum(parts)} are longer than drain.stop_timeout {draft.drain.stop_timeout} -"
            f" {Duration(LEAVE + GIVE_BACK)} = {max(room, Duration(0))}: at a stop such a call is cut off, and its"
            " message comes again",
            f"shorter time-outs, or `drain: {{stop_timeout: {Duration(total + LEAVE + GIVE_BACK)}}}` where the platform"
            " waits for so long",
        )


def _leases_of_keys(document: Document, draft: Draft) -> Iterator[Problem]:
    """A key whose lease is over while its message is still under way lets the repeat in."""
    if draft.retry is None:
        return
    hold = draft.retry.hold
    for index, used in enumerate(draft.stages):
        lease = getattr(used.component, "lease", None)
        if used.component is None or not isinstance(lease, Duration):
            continue
        is_chosen = "lease" in used.component.model_fields_set or "hold" in draft.retry.model_fields_set
        behind = _ways(draft, draft.stages[index + 1 :], written_only=True)
        parts = [("errors.retry.hold", hold), *(behind if is_chosen else ())]
        total = Duration(sum(time for _, time in parts))
        if total > lease:
            yield _budget(
                document,
                (*used.path, "with", "lease"),
                f"{_sum(parts)} is longer than lease {lease}: a repeat may be let in while its message is under way",
                f"a lease of at least {total}",
            )


def _longest_way(draft: Draft, *, written_only: bool) -> list[tuple[str, Duration]]:
    return _ways(draft, draft.stages, written_only=written_only)


def _ways(draft: Draft, stages: Sequence[Used[Stage]], *, written_only: bool) -> list[tuple[str, Duration]]:
    """Return by id what a message may wait for: each stage that calls out, and the slowest of the sinks."""
    sinks = [(sink.id or "", _timeout(sink, written_only=written_only)) for sink in draft.sinks]
    parts = [(stage.id or "", _timeout(stage, written_only=written_only)) for stage in stages]
    slowest = max(sinks, key=lambda part: part[1], default=("", Duration(0)))
    return [part for part in (*parts, slowest) if part[1]]


def _timeout(used: Used[Stage] | Used[Sink], *, written_only: bool) -> Duration:
    if _written_timeout(used) or written_only or used.component is None:
        return _written_timeout(used)
    component = used.component
    calls = isinstance(component, Sink | HttpTarget) or component.blocking or bool(component.resources())
    return Duration(component.usual_timeout if calls else 0)


def _written_timeout(used: Used[Stage] | Used[Sink]) -> Duration:
    return (used.use.timeout if used.use else None) or Duration(0)


def _sum(parts: Sequence[tuple[str, Duration]]) -> str:
    total = Duration(sum(time for _, time in parts))
    names = " + ".join(f"{name} {time}" for name, time in parts)
    return f"{names} = {total}" if len(parts) > 1 else names


def _budget(document: Document, path: tuple[str | int, ...], message: str, suggestion: str) -> Problem:
    key = value_at(document.value, path) is None
    return document.problem(path, message, code="budget", key=key, suggestion=suggestion, level="warning")
