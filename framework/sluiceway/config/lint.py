"""The rules that span several parts of a pipeline file. Each is a function from a draft to problems."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeAlias

from sluiceway.config.document import Document, scalars, value_at
from sluiceway.config.draft import Draft, Used
from sluiceway.config.expect import expectations
from sluiceway.config.gathers import gathers
from sluiceway.config.loops import loops
from sluiceway.config.problems import nearest
from sluiceway.config.tables import unused_tables
from sluiceway.core.component import Sink, Stage
from sluiceway.core.gather import Gather
from sluiceway.core.problem import Problem
from sluiceway.core.spec import LEAVE
from sluiceway.core.units import Duration

Rule: TypeAlias = Callable[[Document, Draft], Iterator[Problem]]

OUTPUTS = {"dead_letter", "dropped"}
"""What a test may expect besides sinks."""


_COMPUTED = frozenset({"map", "params", "headers"})
"""The keys under which values are computed for each message."""

_VERBATIM = frozenset({"jmes", "literal", "enum", "default", "on_unknown", "secret"})
"""The keys under which, even there, a text is meant as it stands."""

_PATH = re.compile(r"(body|headers|meta|item)(\.[A-Za-z_]\w*)+")


def lint(document: Document, draft: Draft) -> list[Problem]:
    """Return everything that is wrong between the parts of a file."""
    return [problem for rule in RULES for problem in rule(document, draft)]


def lint_fragment(document: Document, draft: Draft) -> list[Problem]:
    """Return what is wrong between the stages of a fragment, whatever pipeline uses it."""
    return [problem for rule in (unique_ids, paths_as_text) for problem in rule(document, draft)]


def _uses(draft: Draft) -> list[Used[Stage] | Used[Sink]]:
    return [*draft.stages, *draft.sinks]


def unique_ids(document: Document, draft: Draft) -> Iterator[Problem]:
    """Ids are unique over stages and sinks together: tests, logs and dead letters name them."""
    seen: dict[str, Used[Stage] | Used[Sink]] = {}
    for used in _uses(draft):
        if used.id is None:
            continue
        first = seen.setdefault(used.id, used)
        if used.id in OUTPUTS:
            yield document.problem((*used.path, "id"), f"`{used.id}` is a word of the format, not an id", code="id")
        elif first is not used:
            line, file = document.position(first.path).line, document.origin_at(first.path).file
            where = f"on line {line}" if file == document.origin_at(used.path).file else f"at {file}:{line}"
            yield document.problem(
                (*used.path, "id"),
                f"the id `{used.id}` is taken already, {where}",
                code="id",
                suggestion=f"give this one an id of its own, such as `{used.id}-2`",
            )


def declared_routes(document: Document, draft: Draft) -> Iterator[Problem]:
    """A route that no stage before it declares can never be on a message."""
    declared: set[str] = set()
    all_known = "stages" not in draft.unread and all(stage.component for stage in draft.stages)
    for used in _uses(draft):
        for place, route in enumerate((used.use and used.use.routes) or ()):
            if route not in declared and all_known:
                yield document.problem(
                    (*used.path, "routes", place),
                    f"no stage before this one puts a message on the route `{route}`",
                    code="unknown-route",
                    allowed=tuple(sorted(declared)),
                    suggestion=nearest(route, declared),
                )
        if isinstance(used.component, Stage):
            declared.update(used.component.labels())


def known_ids_in_tests(document: Document, draft: Draft) -> Iterator[Problem]:
    """Tests name stages under `mock`, and sinks or an outcome under `expect`."""
    for place, test in enumerate(draft.tests):
        if test is not None and "stages" not in draft.unread:
            yield from _unknown_ids(document, ("tests", place, "mock"), test.mock, draft.stages, "stage")
        if test is not None and "sinks" not in draft.unread:
            yield from _unknown_ids(document, ("tests", place, "expect"), test.expect, draft.sinks, "sink or outcome")


def _unknown_ids(
    document: Document,
    path: tuple[str | int, ...],
    names: Iterable[str],
    uses: Sequence[Used[Stage]] | Sequence[Used[Sink]],
    what: str,
) -> Iterator[Problem]:
    ids = {used.id for used in uses}
    known = {name for name in ids if name}
    if path[-1] == "expect":
        known |= OUTPUTS
    for name in names:
        if name not in known and None not in ids:  # else it may be that of one whose keys are wrong
            yield document.problem(
                (*path, name),
                f"there is no {what} `{name}`",
                code="unknown-id",
                key=True,
                allowed=tuple(sorted(known)),
                suggestion=nearest(name, known),
            )


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
    for used in _uses(draft):
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


def paths_as_text(document: Document, draft: Draft) -> Iterator[Problem]:
    """Where values are computed, a bare `body.order_no` is that text for every message, which is seldom meant."""
    for used in _uses(draft):
        for path, value in scalars(value_at(document.value, (*used.path, "with")), (*used.path, "with")):
            is_computed = _COMPUTED.intersection(path) and not _VERBATIM.intersection(path)
            if is_computed and isinstance(value, str) and _PATH.fullmatch(value):
                yield document.problem(
                    path,
                    f"`{value}` is a literal text here, the same for every message",
                    code="literal-path",
                    suggestion=f"for the value of the path write {{jmes: {value}}}; for the text, {{literal: {value}}}",
                    level="warning",
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


RULES: tuple[Rule, ...] = (
    unique_ids,
    declared_routes,
    known_ids_in_tests,
    expectations,
    dead_letter,
    loops,
    leases,
    drain,
    gathers,
    groups,
    paths_as_text,
    headers_forwarded,
    memory_stores,
    unused_tables,
)
