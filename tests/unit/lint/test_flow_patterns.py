"""Patterns, held against what is known of the body."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from sluiceway.core.problem import Problem

Lint: TypeAlias = Callable[..., list[Problem]]

OPEN = "use: memory, schema: order.json"
CLOSED = "use: memory, schema: closed.json"


def keep(*patterns: str) -> str:
    return "".join(f"\n  - {{id: f{n}, use: filter, with: {{pattern: {{body: {p}}}}}}}" for n, p in enumerate(patterns))


def test_a_field_that_nothing_names_is_told_with_the_nearest(lint: Lint) -> None:
    [problem] = lint(keep("{statsu: [paid]}"), source=CLOSED)
    assert (problem.level, problem.code, problem.message) == ("error", "unknown-path", "`body` has no `statsu`")
    assert (problem.suggestion, problem.path) == ("status", "stages.f0.with.pattern.body.statsu")
    assert (problem.line, problem.column, problem.length) == (6, 51, 6)
    [problem] = lint(keep("{statsu: [paid]}"), source=OPEN)
    assert problem.level == "warning"


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("{status: [payed]}", '`body.status` is "open" or "paid" or "authorised", and the pattern wants "payed"'),
        ("{status: [{prefix: x}]}", "and the pattern wants prefix"),
        ("{total: [paid]}", "`body.total` is a number, and the pattern wants"),
        ("{order_no: [7]}", "`body.order_no` is text, and the pattern wants 7"),
        ("{order_no: [{numeric: ['>', 1]}]}", "`body.order_no` is text, and the pattern wants numeric"),
        (
            "{total: [{prefix: a}, null, true]}",
            "`body.total` is a number, and the pattern wants prefix or null or true",
        ),
        ("{customer: [paid]}", "`body.customer` is an object, and the pattern wants"),
        ("{customer: [{exists: true}]}", "`body.customer` is an object, and the pattern wants exists"),
        ("{lines: {qty: [two]}}", "`body.lines.qty` is an integer, and the pattern wants"),
        ("{tags: [old]}", '`body.tags` is a list of "new" or "gift", and the pattern wants "old"'),
    ],
)
def test_a_clause_that_no_value_satisfies_is_an_error(lint: Lint, pattern: str, message: str) -> None:
    [problem] = lint(keep(pattern), source=OPEN)
    assert (problem.level, problem.code) == ("error", "never-matches")
    assert message in problem.message
    assert problem.message.endswith(": this never matches")


@pytest.mark.parametrize(
    "pattern",
    [
        "{status: [paid]}",
        "{status: [{anything-but: paid}]}",
        "{status: [{equals-ignore-case: PAID}]}",
        "{status: [{exists: false}]}",
        "{nothing: [{exists: false}]}",
        "{nothing: {at: {all: [{exists: false}]}}}",
        "{total: [12, {numeric: ['>', 0]}, {exists: true}]}",
        "{tags: [gift]}",
        "{lines: {qty: [2]}}",
        "{lines: {sku: [a]}}",
        "{customer: {name: [Ada]}}",
        "{'customer.nam': [Ada]}",
        "{$or: [{status: [paid]}, {total: [1]}]}",
    ],
)
def test_a_pattern_that_some_body_matches_is_fine(lint: Lint, pattern: str) -> None:
    assert lint(keep(pattern), source=CLOSED) == []


def test_one_value_of_several_that_never_matches_is_a_warning_at_that_value(lint: Lint) -> None:
    [problem] = lint(keep("{status: [paid, opne]}"), source=OPEN)
    assert (problem.level, problem.code, problem.path) == (
        "warning",
        "never-matches",
        "stages.f0.with.pattern.body.status.1",
    )
    assert problem.suggestion == "open"


def test_one_alternative_of_several_that_never_matches_is_a_warning(lint: Lint) -> None:
    [problem] = lint(keep("{$or: [{status: [payed]}, {total: [1]}]}"), source=OPEN)
    assert (problem.level, problem.path) == ("warning", "stages.f0.with.pattern.body.$or.0.status")


def test_a_pattern_on_the_event_in_the_body_is_held_against_the_body(lint: Lint) -> None:
    stage = "\n  - {id: f, use: filter, with: {of: body, pattern: {statsu: [paid], total: [x]}}}"
    found = lint(stage, source=CLOSED)
    assert [(p.code, p.suggestion, p.message) for p in found] == [
        ("unknown-path", "status", "what comes here has no `statsu`"),
        ("never-matches", None, '`total` is a number, and the pattern wants "x": this never matches'),
    ]


def test_a_sample_does_not_say_which_scalars_there_are(lint: Lint, tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text('{"status": "paid", "total": 1}')
    assert lint(keep("{status: [3], total: [x]}"), source="use: memory, sample: s.json") == []


def test_two_filters_of_which_one_wants_what_the_other_drops_are_told(lint: Lint) -> None:
    [problem] = lint(keep("{status: [paid, authorised]}", "{total: [1]}", "{status: [open]}"), source=OPEN)
    assert (problem.level, problem.code, problem.path) == ("warning", "shadowed", "stages.f2.with.pattern.body.status")
    assert problem.message == (
        'an earlier stage lets through only "paid" or "authorised" as `body.status`, and this pattern wants "open":'
        " nothing passes both"
    )


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("{status: [paid]}", "{status: [paid, open]}"),
        ("{status: [paid]}", "{status: [{anything-but: open}]}"),
        ("{tags: [new]}", "{tags: [gift]}"),
        ("{status: [{prefix: p}]}", "{status: [open]}"),
        ("{$or: [{status: [paid]}, {total: [1]}]}", "{status: [open]}"),
        ("{customer: {name: [Ada]}}", "{customer: {name: [{prefix: A}]}}"),
    ],
)
def test_two_filters_that_a_body_may_pass_are_fine(lint: Lint, first: str, second: str) -> None:
    assert lint(keep(first, second), source=OPEN) == []


def test_two_filters_contradict_each_other_without_a_schema_too(lint: Lint) -> None:
    [problem] = lint(keep("{customer: {tier: [gold]}}", "{customer: {tier: [silver]}}"))
    assert (problem.code, problem.path) == ("shadowed", "stages.f1.with.pattern.body.customer.tier")


ROUTES = "\n  - {id: choose, use: './stages.py:%s', with: {routes: [%s]}}"


def routes(*patterns: str, use: str = "Choose") -> str:
    return ROUTES % (use, ", ".join(f"{{to: r{n}, when: {p}}}" for n, p in enumerate(patterns)))


@pytest.mark.parametrize(
    "later",
    [
        "{body: {status: [paid]}}",
        "{body: {status: [paid], total: [1]}}",
        "{body: {status: [paid, open]}}",
        "{body: {status: [open]}}",
    ],
)
def test_a_route_that_never_gets_its_turn_is_told(lint: Lint, later: str) -> None:
    [problem] = lint(routes("{body: {status: [open, paid]}}", "{body: {total: [2]}}", later))
    assert (problem.level, problem.code, problem.path) == ("warning", "shadowed", "stages.choose.with.routes.2.when")
    assert "the one on line 6 matches before it" in problem.message


@pytest.mark.parametrize(
    "later", ["{body: {status: [paid, new]}}", "{body: {total: [1]}}", "{body: {status: [{prefix: p}]}}"]
)
def test_a_route_that_may_get_its_turn_is_fine(lint: Lint, later: str) -> None:
    assert lint(routes("{body: {status: [open, paid]}}", later)) == []


def test_the_router_asks_its_patterns_in_their_order_and_of_the_event_in_the_body(lint: Lint) -> None:
    stage = "\n  - {id: r, use: router, with: {of: body, routes: [%s]}}"
    found = lint(
        stage % "{to: a, when: {status: [paid]}}, {to: b, when: {statsu: [open], status: [paid]}}", source=CLOSED
    )
    assert [(p.code, p.path) for p in found] == [
        ("shadowed", "stages.r.with.routes.1.when"),
        ("unknown-path", "stages.r.with.routes.1.when.statsu"),
    ]


def test_where_all_patterns_that_match_count_none_shadows_another(lint: Lint) -> None:
    assert lint(routes("{body: {a: [1]}}", "{body: {a: [1]}}", use="All")) == []


def test_patterns_in_lists_of_settings_are_held_against_the_body(lint: Lint) -> None:
    [problem] = lint(routes("{body: {statsu: [open]}}"), source=CLOSED)
    assert (problem.suggestion, problem.path) == ("status", "stages.choose.with.routes.0.when.body.statsu")


def test_a_pattern_over_what_a_stage_adds_to_the_message_is_not_judged(lint: Lint) -> None:
    assert (
        lint(
            routes("{item: {kind: [book]}}", "{$or: [{item: {kind: [film]}}, {body: {status: [paid]}}]}"), source=CLOSED
        )
        == []
    )
