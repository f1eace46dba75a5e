"""What each stage makes of what is known of the body."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from sluiceway.core.problem import Problem

Lint: TypeAlias = Callable[..., list[Problem]]

OPEN = "use: memory, schema: order.json"
CLOSED = "use: memory, schema: closed.json"
ENRICH = """
  - id: enrich
    use: enrich.http
    with: {url: "https://customers.internal/{no}", params: {no: {jmes: body.order_no}}, into: %s}"""


def probe(path: str) -> str:
    """Return a last stage that reads a path of the body, and changes nothing."""
    return (
        f"\n  - {{id: probe, use: './stages.py:Drop', with: {{path: none, headers: {{h: {{jmes: \"body.{path}\"}}}}}}}}"
    )


def says(lint: Lint, stages: str, **parts: str) -> list[str]:
    return [f"{p.level}: {p.message}" for p in lint(stages, **parts) if "stages.probe" in p.path]


def test_without_a_schema_nothing_is_known(lint: Lint) -> None:
    assert lint(ENRICH % "customer" + probe("custmer.x")) == []


def test_what_an_enricher_puts_into_a_body_joins_it(lint: Lint) -> None:
    enriched = ENRICH % "extra.answer"
    assert says(lint, enriched + probe("extra.answer.whatever"), source=CLOSED) == []
    [problem] = lint(enriched + probe("exta.answer"), source=CLOSED)
    assert (problem.level, problem.suggestion) == ("error", "extra")
    assert says(lint, enriched + probe("order_no"), source=CLOSED) == []


def test_validate_adds_to_what_is_known_and_replaces_nothing(lint: Lint) -> None:
    stages = ENRICH % "extra" + "\n  - {use: validate, with: {schema: order.json}}"
    assert says(lint, stages + probe("extra.x")) == []
    assert says(lint, stages + probe("order_no")) == []
    [problem] = lint(stages + probe("extr"))
    assert (problem.level, problem.suggestion) == ("warning", "extra")


def test_two_schemas_hold_both(lint: Lint) -> None:
    stages = "\n  - {use: validate, with: {schema: closed.json}}"
    assert says(lint, stages + probe("ordr_no"), source=OPEN) == ["error: `body` has no `ordr_no`"]


def test_a_sample_shows_the_names(lint: Lint, tmp_path: Path) -> None:
    (tmp_path / "sample.json").write_text('{"order_no": "A-1", "lines": [{"sku": "tea"}], "note": null}')
    source = "use: memory, sample: sample.json"
    [problem] = lint(probe("lines[].skuu"), source=source)
    assert (problem.level, problem.suggestion) == ("warning", "sku")
    assert says(lint, probe("note.x"), source=source) == []
    assert says(lint, probe("order_no.x"), source=source) == ["error: `body.order_no` is a scalar and has no `x`"]


@pytest.mark.parametrize(
    ("key", "content", "message"),
    [
        ("sample: gone.json", None, "there is no file"),
        ("sample: 3", None, "expected the path of a JSON file"),
        ("sample: bad.json", "{", "is not JSON"),
        ("sample: bad.json", " " * (1024 * 1024 + 1), "is larger than 1 MiB"),
        ("sample: ../%s", None, "a folder"),
        ("schema: gone.json", None, "there is no file"),
        ("schema: bad.json", '{"type": 3}', "is no JSON Schema"),
    ],
)
def test_a_sample_or_schema_that_cannot_be_read_is_an_error(
    lint: Lint, tmp_path: Path, key: str, content: str | None, message: str
) -> None:
    (tmp_path / "bad.json").write_text(content or "")
    [problem] = lint(source=f"use: memory, {key.replace('%s', tmp_path.name)}")
    assert message in problem.message
    assert (problem.line, problem.column > 20) == (4, True)


MAP = """
  - use: translate
    with:
      map:
        orderId: {jmes: body.order_no}
        who: {jmes: body.customer}
        channel: {jmes: body.status, enum: {open: web, paid: store}}
        count: {jmes: "length(body.lines)", type: integer}
        lines: {each: {jmes: body.lines}, as: {sku: {jmes: item.sku}}}
        fixed: {literal: {a: 1}}
        pair: [1, {b: 2}]
        note: {jmes: body.total, default: none}"""


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("order_no", "`body` has no `order_no`"),
        ("who.nme", "`body.who` has no `nme`"),
        ("channel.x", "`body.channel` is text and has no `x`"),
        ("count.x", "`body.count` is an integer and has no `x`"),
        ("lines[].qty", "`body.lines[]` has no `qty`"),
        ("fixed.b", "`body.fixed` has no `b`"),
        ("pair[].c", "`body.pair[]` has no `c`"),
        ("note.x", "`body.note` is a number or text and has no `x`"),
        ("lines[].sku.x", None),
    ],
)
def test_a_map_makes_what_it_says_and_nothing_else(lint: Lint, path: str, message: str | None) -> None:
    assert says(lint, MAP + probe(path), source=OPEN) == ([f"error: {message}"] if message else [])


def test_what_a_map_makes_conforms_to_its_output_schema_too(lint: Lint) -> None:
    stages = "\n  - {use: translate, with: {output_schema: order.json, map: {customer: {jmes: body.c}}}}"
    assert says(lint, stages + probe("customer.nam")) == ["error: `body.customer` has no `nam`"]


def test_a_map_reads_what_its_input_schema_says(lint: Lint) -> None:
    stages = "\n  - {use: translate, with: {input_schema: closed.json, map: {a: {jmes: body.ordr_no}}}}"
    [problem] = lint(stages)
    assert (problem.level, problem.suggestion) == ("error", "order_no")


@pytest.mark.parametrize(
    "stage",
    [
        "{use: './stages.py:anything'}",
        "{use: claim_check.restore, with: {buckets: [b]}}",
        "{use: './stages.py:nothing_of_that_name'}",
    ],
)
def test_behind_a_stage_that_may_do_anything_nothing_is_known(lint: Lint, stage: str) -> None:
    assert says(lint, f"\n  - {stage}" + probe("ordr_no"), source=CLOSED) == []


@pytest.mark.parametrize(
    "stage",
    [
        "{use: filter, with: {pattern: {body: {total: [{numeric: ['>', 0]}]}}}}",
        "{use: filter, with: {of: body, pattern: {status: [paid]}}}",
        "{use: idempotent_receiver, with: {store: {dynamodb: once}}}",
        "{use: router, with: {routes: [{to: a, when: {body: {status: [paid]}}}], otherwise: {to: b}}}",
        "{use: wire_tap, with: {to: audit}}",
        "{use: sampler, with: {keep: 10%, by: {jmes: id}}}",
        "{use: message_expiration, with: {after: 1h}}",
    ],
)
def test_a_stage_that_only_lets_through_changes_nothing(lint: Lint, stage: str) -> None:
    assert says(lint, f"\n  - {stage}" + probe("ordr_no"), source=CLOSED) == ["error: `body` has no `ordr_no`"]


def test_what_a_stage_takes_away_is_not_there(lint: Lint) -> None:
    stages = "\n  - {id: drop, use: './stages.py:Drop', with: {path: customer.tier}}"
    assert says(lint, stages + probe("customer.tier"), source=OPEN) == ["error: `body.customer` has no `tier`"]
    assert says(lint, stages + probe("customer.name"), source=OPEN) == []


def test_behind_a_stage_for_some_routes_it_is_one_or_the_other(lint: Lint) -> None:
    choose = "\n  - {use: './stages.py:Choose', with: {routes: [{to: express}]}}"
    stages = choose + "\n  - {use: translate, routes: [express], with: {map: {express: 1}}}"
    assert says(lint, stages + probe("express"), source=CLOSED) == []
    assert says(lint, stages + probe("order_no"), source=CLOSED) == []
    assert says(lint, stages + probe("neither"), source=CLOSED) == ["error: `body` has no `neither`"]


def test_a_sink_is_held_against_what_the_last_stage_makes(lint: Lint) -> None:
    sinks = "use: http, with: {url: 'https://h.example/{no}', params: {no: {jmes: body.order_no}}}"
    [problem] = lint(MAP, source=OPEN, sinks=sinks)
    assert (problem.level, problem.path) == ("error", "sinks.0.with.params.no.jmes")
    assert "orderId" in problem.allowed


def test_stages_that_cannot_be_read_leave_nothing_known(lint: Lint) -> None:
    sinks = "use: http, with: {url: 'https://h.example/{no}', params: {no: {jmes: body.ordr_no}}}"
    assert [p.code for p in lint(" {use: filter}", source=CLOSED, sinks=sinks)] == ["invalid"]
