"""What delivery asks of a pipeline file: dead letters, leases, stops, groups, headers and stores that fit together."""

from __future__ import annotations

from collections.abc import Iterator

from sluiceway.config.document import Document, value_at
from sluiceway.config.draft import Draft
from sluiceway.core.gather import Gather
from sluiceway.core.problem import Problem
from sluiceway.core.spec import LEAVE
from sluiceway.core.units import Duration


def dead_letter(document: Document, draft: Draft) -> Iterator[Problem]:
    """Without a dead-letter queue a wrong message would come again for ever."""
    if draft.dead_letter is not None and not draft.dead_letter.dead_letters:
        yield document.problem(
            ("errors", "dead_letter", "use"),
            "this sink cannot keep dead letters",
            code="dead-letter",
            suggestion="use `sqs`",
        )
    is_given = value_at(document.value, ("errors", "dead_letter")) is not None
    if draft.source is not None and draft.source.needs_dead_letters and not is_given:
        has_errors = value_at(document.value, ("errors",)) is not None
        yield document.problem(
            ("errors", "dead_letter"),
            "a dead-letter queue is missing: a wrong message would come again for ever",
            code="missing",
            at=("errors",) if has_errors else ("source",),
            key=True,
            suggestion="add `errors: {dead_letter: {use: sqs, with: {queue: NAME-dlq}}}`",
        )


def leases(document: Document, draft: Draft) -> Iterator[Problem]:
    """A call that may take longer than a lease can last would always be done twice."""
    limit = draft.source.visibility.limit if draft.source else None
    for used in draft.uses:
        timeout = used.use.timeout if used.use else None
        if timeout is None:
            continue
        if timeout <= 0:
            yield document.problem(
                (*used.path, "timeout"), "no call can end in no time", code="timeout", suggestion="write 10s or so"
            )
        elif limit is not None and timeout > limit:
            yield document.problem(
                (*used.path, "timeout"),
                f"{timeout} is longer than visibility.limit ({limit}): the message would be handed out again before",
                code="timeout",
                suggestion=f"write at most {limit}",
            )


def drain(document: Document, draft: Draft) -> Iterator[Problem]:
    """A poll under way at SIGTERM is awaited, so two of them must fit into the stop time-out."""
    if draft.source is None or draft.drain is None:
        return
    room = Duration(max(0.0, (draft.drain.stop_timeout - LEAVE) / 2))
    wait = draft.source.poll_time
    if wait > room:
        yield document.problem(
            ("source", "with", "wait_time"),
            f"wait_time {wait} is more than (stop_timeout {draft.drain.stop_timeout} - {LEAVE:g}s) / 2 = {room}:"
            " a stop could cut a poll off and strand what it brings",
            code="drain",
            suggestion=f"wait_time at most {room}, or a longer drain.stop_timeout",
        )


def groups(document: Document, draft: Draft) -> Iterator[Problem]:
    """A FIFO queue takes no message without a group, and a standard source gives none."""
    if draft.source is None or draft.source.ordered:
        return
    for used in draft.sinks:
        if used.component is not None and used.component.needs_group:
            yield document.problem(
                (*used.path, "with", "group"),
                "a FIFO queue needs `group`, which messages must stay in order: this source gives them none",
                code="missing",
                at=(*used.path, "with", "queue"),
                suggestion="add `group: {jmes: body.…}` under `with`",
            )


def headers_forwarded(document: Document, draft: Draft) -> Iterator[Problem]:
    """A claim whose header a sink drops is no claim to whoever receives it."""
    marks = {mark: used.id for used in draft.stages if used.component for mark in used.component.required_headers()}
    for used in draft.sinks:
        sink = used.component
        forwarded = {name.lower() for name in sink.forward} if sink else set[str]()
        for mark, stage in marks.items() if sink and sink.forwards else ():
            if mark.lower() not in forwarded:
                yield document.problem(
                    (*used.path, "with", "forward"),
                    f"this sink drops the header `{mark}`, by which what `{stage}` makes is known",
                    code="forward",
                    suggestion=f"add `{mark}` to `forward`" if forwarded else f"add `forward: [{mark}]` under `with`",
                    level="warning",
                )


def memory_stores(document: Document, draft: Draft) -> Iterator[Problem]:
    """What one worker remembers, another does not know; a gather has a stricter rule of its own."""
    if value_at(document.value, ("workers",)) == 1:
        return
    places = [
        ((*used.path, "with", "store"), "what one has seen, another lets through")
        for used in draft.stages
        if not isinstance(used.component, Gather) and getattr(used.component, "store", None) == "memory"
    ]
    if value_at(document.value, ("errors", "store")) == "memory":
        places.append((("errors", "store"), "what sinks have accepted from one, another sends them again"))
    for path, consequence in places:
        yield document.problem(
            path,
            f"a store in memory is each worker's own: {consequence}, and so does the same one after a restart",
            code="memory-store",
            suggestion="{dynamodb: TABLE}, or `workers: 1` at the top if there is only ever one",
            level="warning",
        )
