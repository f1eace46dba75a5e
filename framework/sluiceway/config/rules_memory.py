"""Sizes that must fit into each other: what is fetched and kept, received and sent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sluiceway.config.document import Document
from sluiceway.config.draft import Draft, Used
from sluiceway.core.component import Stage
from sluiceway.core.problem import Problem
from sluiceway.core.spec import RECEIVE_COUNT, RECEIVE_SIZE, Limits
from sluiceway.core.units import Size

_MEMORY: Final = Size("2GiB")
"""What one stage may have in memory without a word: 32 bodies of 64MiB, the defaults of `claim_check.restore`."""


def memory(document: Document, draft: Draft) -> Iterator[Problem]:
    """Multiply numbers by sizes."""
    limits = draft.limits
    if limits is None:
        return
    yield from _receives(document, limits)
    for used in draft.stages:
        if used.component is not None:
            yield from _fetches(document, used, used.component, limits)
            yield from _caches(document, used, used.component)
            yield from _claims(document, draft, used, used.component)


def _receives(document: Document, limits: Limits) -> Iterator[Problem]:
    """What a receive may bring is reserved before it is asked for."""
    whole = Size(RECEIVE_COUNT * RECEIVE_SIZE)
    if limits.in_flight_bytes < whole:
        fit = max(1, limits.in_flight_bytes // RECEIVE_SIZE)
        yield document.problem(
            ("limits", "in_flight_bytes"),
            f"a receive reserves {RECEIVE_COUNT} * {Size(RECEIVE_SIZE)} = {whole}; with {limits.in_flight_bytes} it"
            f" asks for {fit} at a time, so that it takes up to {RECEIVE_COUNT // fit} times as many calls",
            code="budget",
            suggestion=f"at least {whole}",
            level="warning",
        )


def _fetches(document: Document, used: Used[Stage], stage: Stage, limits: Limits) -> Iterator[Problem]:
    """What stages fetch is in memory besides what was received."""
    size, written = getattr(stage, "max_size", None), used.use.concurrency if used.use else None
    if not isinstance(size, Size) or ("max_size" not in stage.model_fields_set and written is None):
        return
    calls = min(written or stage.usual_concurrency, limits.in_flight)
    if calls * size > _MEMORY:
        yield document.problem(
            (*used.path, "with", "max_size") if "max_size" in stage.model_fields_set else (*used.path, "concurrency"),
            f"{calls} calls at a time * max_size {size} = {Size(calls * size)} may be in memory at once, more than"
            f" {_MEMORY}; limits.in_flight_bytes ({limits.in_flight_bytes}) bounds what is received, not what is"
            " fetched",
            code="budget",
            suggestion=f"a smaller max_size, or `concurrency: {max(1, _MEMORY // size)}`",
            level="warning",
        )


def _caches(document: Document, used: Used[Stage], stage: Stage) -> Iterator[Problem]:
    """A cache is full one day."""
    entries, size = getattr(getattr(stage, "cache", None), "entries", None), getattr(stage, "max_size", None)
    if not isinstance(entries, int) or not isinstance(size, Size) or "max_size" not in stage.model_fields_set:
        return
    if entries * size > _MEMORY:
        yield document.problem(
            (*used.path, "with", "cache", "entries"),
            f"{entries} entries * max_size {size} = {Size(entries * size)} may be kept in memory, more than {_MEMORY}",
            code="budget",
            suggestion=f"at most {max(1, _MEMORY // size)} entries, or a smaller max_size",
            level="warning",
        )


def _claims(document: Document, draft: Draft, used: Used[Stage], stage: Stage) -> Iterator[Problem]:
    """A body that is neither stored nor small enough for a sink is dead-lettered."""
    over = getattr(stage, "over", None)
    if not isinstance(over, Size) or getattr(stage, "always", False):
        return
    for sink in draft.sinks:
        most = Size(sink.component.batch_bytes) if sink.component else over
        if over > most:
            yield document.problem(
                (*used.path, "with", "over"),
                f"bodies of {most} to {over} are not stored, and `{sink.id}` takes {most} at most: they are rejected"
                " as oversize",
                code="budget",
                suggestion=f"over: {Size(most // 2)}, which leaves room for headers",
                level="warning",
            )
