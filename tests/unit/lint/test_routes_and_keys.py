"""Routes that lead nowhere, and keys that tell nothing apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import pytest

from sluiceway.core.problem import Problem

Lint: TypeAlias = Callable[..., list[Problem]]

ROUTER = "\n  - {id: router, use: './stages.py:router'}"
CHOOSE = "\n  - {id: choose, use: './stages.py:Choose', with: {routes: [{to: vip}, {to: rest}]}}"


def test_a_route_that_nothing_takes_is_a_warning(lint: Lint) -> None:
    [problem] = lint(ROUTER, sinks="use: memory, routes: [express]")
    assert (problem.level, problem.code, problem.path) == ("warning", "dead-route", "stages.router.use")
    assert problem.message == (
        "no stage and no sink takes the route `normal`: a message on it alone is dead-lettered as unroutable"
    )


def test_it_is_told_where_the_route_is_written(lint: Lint) -> None:
    [problem] = lint(CHOOSE, sinks="use: memory, routes: [vip]")
    assert (problem.path, problem.line) == ("stages.choose.with.routes.1.to", 6)


@pytest.mark.parametrize(
    ("stages", "sinks", "rest"),
    [
        (ROUTER, "use: memory, routes: [express, normal]", ""),
        (ROUTER, "use: memory", ""),
        (ROUTER, "id: a, use: memory, routes: [express]}, {id: b, use: memory", ""),
        (ROUTER, "use: memory, routes: [express]", "unrouted: drop"),
        (ROUTER + "\n  - {use: './stages.py:anything', routes: [normal]}", "use: memory, routes: [express]", ""),
        ("", "use: memory", ""),
    ],
)
def test_a_route_that_something_takes_or_may_be_dropped_is_fine(lint: Lint, stages: str, sinks: str, rest: str) -> None:
    assert lint(stages, sinks=sinks, rest=rest) == []


def test_a_misspelt_route_is_one_mistake(lint: Lint) -> None:
    assert [p.code for p in lint(ROUTER, sinks="use: memory, routes: [express, norml]")] == ["unknown-route"]


ONCE = "\n  - {use: idempotent_receiver, with: {store: {dynamodb: once}, key: {jmes: %s}}}"


def test_a_key_that_reads_nothing_of_the_message_is_a_warning(lint: Lint) -> None:
    [problem] = lint(ONCE % "\"'x'\"")
    assert (problem.level, problem.code, problem.path) == ("warning", "constant-key", "stages.0.with.key")
    assert problem.message == "`'x'` reads nothing of the message: this key is the same for every one"


@pytest.mark.parametrize("key", ["body.no", '"@.id"', "\"join('-', [body.a, 'x'])\"", "keys(@)"])
def test_a_key_that_reads_something_is_fine(lint: Lint, key: str) -> None:
    assert lint(ONCE % key) == []
