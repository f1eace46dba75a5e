"""Paths in expressions, held against what is known of the body."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import pytest

from sluiceway.core.problem import Problem

Lint: TypeAlias = Callable[..., list[Problem]]

OPEN = "use: memory, schema: order.json"
CLOSED = "use: memory, schema: closed.json"


def translate(text: str) -> str:
    return f"\n  - use: translate\n    with:\n      map:\n        x: {{jmes: {text}}}"


def test_a_path_that_a_closed_schema_does_not_have_is_an_error_with_its_place_and_the_nearest_name(lint: Lint) -> None:
    [problem] = lint(translate("body.custmer.name"), source=CLOSED)
    assert (problem.level, problem.code, problem.line, problem.column) == ("error", "unknown-path", 9, 24)
    assert (problem.length, problem.message, problem.suggestion) == (7, "`body` has no `custmer`", "customer")
    assert problem.path == "stages.0.with.map.x.jmes"
    assert "order_no" in problem.allowed


def test_in_an_open_schema_it_is_a_warning(lint: Lint) -> None:
    [problem] = lint(translate("body.custmer.name"), source=OPEN)
    assert (problem.level, problem.message) == ("warning", "nothing that is known of `body` names `custmer`")
    assert problem.suggestion == "customer"
    [problem] = lint(translate("body.zzz"), source=OPEN)
    assert (problem.level, problem.suggestion) == ("warning", None)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("body.customer.nam", ["nam"]),
        ('"body.lines[].skuu"', ["skuu"]),
        ('"body.lines[0].skuu"', ["skuu"]),
        ('"body.lines[?qyt > `1`].sku"', ["qyt"]),
        ('"body.lines[?qty > `1`].skuu | [0]"', ["skuu"]),
        ('"body.lines[0:2].skuu"', ["skuu"]),
        ('"body.lines[*].{a: sku, b: qyt}"', ["qyt"]),
        ('"body.lines[*].[sku, qyt]"', ["qyt"]),
        ('"sort_by(body.lines, &qyt)[0].skuu"', ["qyt", "skuu"]),
        ('"max_by(body.lines, &qty).skuu"', ["skuu"]),
        ('"map(&skuu, body.lines)"', ["skuu"]),
        ('"reverse(body.lines)[].skuu"', ["skuu"]),
        ('"not_null(body.ordr_no, body.order_no)"', ["ordr_no"]),
        ('"body.ordr_no || body.order_no && body.totl"', ["ordr_no", "totl"]),
        ('"{a: body.order_no}.b"', ["b"]),
        ('"body.{a: order_no}.b"', ["b"]),
        ('"body.lines[][].skuu"', ["skuu"]),
        ('"!(body.ordr_no)"', ["ordr_no"]),
        ('"@.body.ordr_no"', ["ordr_no"]),
        ('"body.\\"ordr_no\\""', ["ordr_no"]),
        ("\"join(', ', body.lines[].skuu)\"", ["skuu"]),
        ("\"body.ordr_no == 'order_no'\"", ["ordr_no"]),
        ("id.x", ["x"]),
        ("to_string(body).x", ["x"]),
    ],
)
def test_names_are_followed_through_every_form_of_an_expression(lint: Lint, text: str, names: list[str]) -> None:
    found = lint(translate(text), source=OPEN)
    assert [problem.code for problem in found] == ["unknown-path"] * len(names)
    written = f"        x: {{jmes: {text}}}"
    assert [written[p.column - 1 : p.column - 1 + p.length] for p in found] == names


@pytest.mark.parametrize(
    "text",
    [
        "body",
        "body.customer.name.first",
        "headers.a.b",
        "meta.queue",
        '"body.lines[].sku | [0]"',
        '"body.lines[?qty > `1`].sku"',
        '"body.*.x"',
        '"[0].x"',
        '"body.lines[0].sku.anything[].goes"',
        '"sort_by(body.lines, &qty)[*].sku"',
        '"keys(body)[0]"',
        '"`{}`"',
        '"body.lines[*].sku.x"',
        '"merge(body, {a: body.total}).b"',
        '"body.tags[]"',
    ],
)
def test_a_path_that_leads_somewhere_or_into_the_unknown_is_fine(lint: Lint, text: str) -> None:
    assert lint(translate(text), source=OPEN) == []


def test_a_list_is_not_an_object_and_the_way_to_its_elements_is_told(lint: Lint) -> None:
    [problem] = lint(translate("body.lines.sku"), source=OPEN)
    assert (problem.level, problem.message) == ("error", "`body.lines` is a list and has no `sku`")
    assert problem.suggestion == "write body.lines[].sku for that of each element"


def test_a_scalar_has_no_members(lint: Lint) -> None:
    assert [p.message for p in lint(translate("body.order_no.x"), source=OPEN)] == [
        "`body.order_no` is text and has no `x`"
    ]


def test_what_is_negated_is_the_name_before_the_dot(lint: Lint) -> None:
    [problem] = lint(translate('"!body.order_no"'), source=OPEN)
    assert problem.message == "what comes here is true or false and has no `order_no`"


def test_a_body_that_is_text_has_no_members(lint: Lint) -> None:
    [problem] = lint(translate("body.order_no"), source="use: memory, with: {format: text}")
    assert (problem.level, problem.message) == ("error", "`body` is text and has no `order_no`")


def test_the_name_is_underlined_where_it_is_wrong_not_where_it_stands_first(lint: Lint) -> None:
    text = '"[body.customer.name, body.name]"'
    [problem] = lint(translate(text), source=OPEN)
    assert problem.column == len("        x: {jmes: ") + text.index("name]") + 1


def test_in_a_text_of_several_lines_it_is_underlined_somewhere_in_it(lint: Lint) -> None:
    [problem] = lint(translate('"body\n              .ordr_no"'), source=OPEN)
    assert (problem.line, problem.column) == (10, 16)


EACH = """
  - use: translate
    with:
      map:
        lines:
          each: {jmes: body.lines}
          as: {sku: {jmes: item.skuu}, i: {jmes: index.x}, b: {jmes: body.ordr_no}, %s}
"""


def test_inside_each_the_element_is_known(lint: Lint) -> None:
    inner = "rows: {each: {jmes: item.rows}, as: {q: {jmes: item.qyt}}}"
    assert [p.message for p in lint(EACH % inner, source=OPEN)] == [
        "nothing that is known of `item` names `skuu`",
        "`index` is an integer and has no `x`",
        "nothing that is known of `body` names `ordr_no`",
        "nothing that is known of `item` names `rows`",
    ]


def test_a_wrong_name_at_the_root_is_one_error(lint: Lint) -> None:
    assert [p.code for p in lint(translate("bdy.x"), source=CLOSED)] == ["invalid"]


def test_expressions_in_headers_parameters_and_sinks_are_looked_at(lint: Lint) -> None:
    sinks = (
        "use: http, with: {url: 'https://h.example/{no}', params: {no: {jmes: body.ordr_no}}, "
        "headers: {X-Total: {jmes: body.totl}, x-fixed: body}}"
    )
    found = lint(source=CLOSED, sinks=sinks)
    assert [(p.path, p.suggestion) for p in found] == [
        ("sinks.0.with.params.no.jmes", "order_no"),
        ("sinks.0.with.headers.X-Total.jmes", "total"),
    ]
