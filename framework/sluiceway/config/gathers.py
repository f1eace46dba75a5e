"""What a gather asks of the rest of its pipeline: room for its groups, time, and that its members can meet."""

from __future__ import annotations

from collections.abc import Iterator

from sluiceway.config.document import Document, value_at
from sluiceway.config.draft import Draft, Used
from sluiceway.core.component import Stage
from sluiceway.core.gather import Gather
from sluiceway.core.problem import Problem
from sluiceway.core.units import Duration


def gathers(document: Document, draft: Draft) -> Iterator[Problem]:
    """Members that are held need room and a lease; those that must meet need one worker, or a store."""
    for used in draft.stages:
        gather = used.component
        if not isinstance(gather, Gather):
            continue
        yield from _room(document, draft, used, gather)
        yield from _time(document, draft, used, gather)
        if draft.source is not None and draft.source.ordered:
            yield document.problem(
                (*used.path, "use"),
                "a gather holds the first member of a group, and a FIFO queue hands out nothing behind it",
                code="gather",
                suggestion="read from a standard queue",
            )
        elif gather.keyed and gather.store == "memory" and value_at(document.value, ("workers",)) != 1:
            yield document.problem(
                (*used.path, "use"),
                "members of one group may come to different workers, and with `store: memory` they never meet",
                code="gather",
                suggestion="add `store: {dynamodb: TABLE}` under `with`, or `workers: 1` to the file if that is so",
            )


def _room(document: Document, draft: Draft, used: Used[Stage], gather: Gather) -> Iterator[Problem]:
    """What waits for other messages may take up half of what is in flight, so that those can be received."""
    if draft.limits is None:
        return
    held = gather.max_groups * (gather.size if gather.store == "memory" else 1)
    if held > draft.limits.in_flight / 2:
        sum_ = f"max_groups {gather.max_groups} * size {gather.size}" if gather.store == "memory" else "max_groups"
        yield document.problem(
            (*used.path, "with"),
            f"{sum_} = {held} messages may be held, more than half of limits.in_flight ({draft.limits.in_flight})",
            code="gather",
            suggestion=f"fewer or smaller groups, or `limits: {{in_flight: {2 * held}}}`",
        )


def _time(document: Document, draft: Draft, used: Used[Stage], gather: Gather) -> Iterator[Problem]:
    """A member that is held for the whole of `within` must still be sent under its lease."""
    if draft.source is None:
        return
    visibility = draft.source.visibility
    most = Duration(visibility.limit - visibility.initial)
    if gather.within > most:
        yield document.problem(
            (*used.path, "with", "within"),
            f"{gather.within} is more than visibility.limit {visibility.limit} - initial {visibility.initial} = {most}:"
            " leases would end before the group's message is sent",
            code="gather",
            suggestion=f"at most {most}, or a longer visibility.limit",
        )
