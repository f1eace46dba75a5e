"""The rules that span several parts of a pipeline file. Each is a function from a draft to problems."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeAlias

from sluiceway.config.document import Document, scalars, value_at
from sluiceway.config.draft import Draft, Used
from sluiceway.config.expect import expectations
from sluiceway.config.flow import flow
from sluiceway.config.gathers import gathers
from sluiceway.config.loops import loops
from sluiceway.config.problems import nearest
from sluiceway.config.rules_budgets import budgets
from sluiceway.config.rules_delivery import dead_letter, drain, groups, headers_forwarded, leases, memory_stores
from sluiceway.config.rules_secrets import secrets_in_clear
from sluiceway.config.tables import unused_tables
from sluiceway.core.component import Sink, Stage
from sluiceway.core.expression import Expression
from sluiceway.core.jmes_names import is_constant
from sluiceway.core.problem import Problem

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


def unique_ids(document: Document, draft: Draft) -> Iterator[Problem]:
    """Ids are unique over stages and sinks together: tests, logs and dead letters name them."""
    seen: dict[str, Used[Stage] | Used[Sink]] = {}
    for used in draft.uses:
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
    for used in draft.uses:
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


def dead_routes(document: Document, draft: Draft) -> Iterator[Problem]:
    """A route that nothing takes leads to no sink, unless there is one that takes every message."""
    everything = any(sink.use is None or not sink.use.routes for sink in draft.sinks)
    if everything or "sinks" in draft.unread or value_at(document.value, ("unrouted",)) == "drop":
        return
    taken = {route for used in draft.uses for route in (used.use and used.use.routes) or ()}
    labels = [(used, tuple(used.component.labels())) for used in draft.stages if used.component]
    if taken - {label for _, declared in labels for label in declared}:
        return  # one of these is probably meant
    for used, declared in labels:
        for label in sorted(set(declared) - taken):
            places = scalars(value_at(document.value, (*used.path, "with")), (*used.path, "with"))
            yield document.problem(
                next((path for path, value in places if value == label), (*used.path, "use")),
                f"no stage and no sink takes the route `{label}`: a message on it alone is dead-lettered as unroutable",
                code="dead-route",
                allowed=tuple(sorted(taken)),
                suggestion=f"add `{label}` to the `routes` of a sink, or write `unrouted: drop` if that is meant",
                level="warning",
            )


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


def paths_as_text(document: Document, draft: Draft) -> Iterator[Problem]:
    """Where values are computed, a bare `body.order_no` is that text for every message, which is seldom meant."""
    for used in draft.uses:
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


def constant_keys(document: Document, draft: Draft) -> Iterator[Problem]:
    """A key that reads nothing of the message is the same for all of them."""
    for used in draft.stages:
        key = getattr(used.component, "key", None)
        if isinstance(key, Expression) and key.text is not None and is_constant(key.text):
            yield document.problem(
                (*used.path, "with", "key"),
                f"`{key.text}` reads nothing of the message: this key is the same for every one",
                code="constant-key",
                suggestion="name what tells messages apart, such as {jmes: body.order_no}",
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
    flow,
    dead_routes,
    constant_keys,
    budgets,
    secrets_in_clear,
)
