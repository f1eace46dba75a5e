"""Environment variables in a pipeline file."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluiceway.config.document import value_at
from sluiceway.config.variables import substitute
from sluiceway.config.yaml import parse
from sluiceway.core.problem import Problem

ENVIRON = {"QUEUE": "shop", "EMPTY": "", "N": "12", "SHAPE": "a: [1, 2]", "NESTED": "${QUEUE}"}


def resolved(text: str, environ: Mapping[str, str] = ENVIRON) -> object:
    document, problems = substitute(parse(text, "p.yaml"), environ)
    assert not problems
    return document.value


def problems_of(text: str, environ: Mapping[str, str] = ENVIRON) -> list[Problem]:
    return substitute(parse(text, "p.yaml"), environ)[1]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("${QUEUE}", "shop"),
        ("a-${QUEUE}-${N}", "a-shop-12"),
        ("${N}", "12"),
        ("${EMPTY}", ""),
        ("${EMPTY:-x}", "x"),
        ("${QUEUE:-x}", "shop"),
        ("${UNSET:-x y:-z}", "x y:-z"),
        ("${UNSET:-}", ""),
        ("$${QUEUE}", "${QUEUE}"),
        ("$$${QUEUE}", "$${QUEUE}"),
        ("$QUEUE $ {QUEUE}", "$QUEUE $ {QUEUE}"),
        ("${NESTED}", "${QUEUE}"),
        ("${SHAPE}", "a: [1, 2]"),
    ],
)
def test_a_reference_stands_for_the_value_or_the_default_and_gives_text(written: str, value: str) -> None:
    assert resolved(f"a: [{{b: '{written}'}}]") == {"a": [{"b": value}]}


def test_keys_and_comments_are_left_alone() -> None:
    assert resolved('"${UNSET}": 1 # ${UNSET}\nb: [2, null, true, 1.5]') == {
        "${UNSET}": 1,
        "b": [2, None, True, 1.5],
    }


def test_every_unset_variable_is_reported_at_its_place_with_the_nearest_name() -> None:
    problems = problems_of('a: ${QUEU}\nb: ["x ${QUEUE} ${NOWHERE}"]\n')
    assert [(p.line, p.column, p.length, p.path, p.code) for p in problems] == [
        (1, 4, 7, "a", "variable"),
        (2, 17, 10, "b.0", "variable"),
    ]
    assert problems[0].suggestion == "did you mean `QUEUE`? Else set it, or give a default: ${QUEU:-…}"
    assert problems[1].suggestion == "set it, or give a default: ${NOWHERE:-…}"


def test_a_name_of_one_or_two_letters_is_never_suggested() -> None:
    (problem,) = problems_of("a: ${PSD}", {"_": "", "PS": "", "PD": ""})
    assert problem.suggestion == "set it, or give a default: ${PSD:-…}"


def test_a_variable_without_braces_is_warned_of() -> None:
    (problem,) = problems_of("a: [b, $INVOICES]\nc: costs $9\nd: $id\n")
    assert (problem.line, problem.column, problem.length, problem.level) == (1, 8, 9, "warning")
    assert problem.suggestion == "write ${INVOICES} for the variable's value"


@pytest.mark.parametrize("written", ["${", "${QUEUE", "${}", "${1A}", "${A B}", "${:-x}", "${QUEUE:x}", "x ${ QUEUE}"])
def test_a_malformed_reference_is_a_problem(written: str) -> None:
    (problem,) = problems_of(f"a: '{written}'")
    assert (problem.line, problem.column) == (1, 5 + written.index("$"))


def test_no_message_holds_a_value() -> None:
    environ = {"TOKEN": "s3cr3t-value", "TOKENS": "s3cr3t-value"}
    problems = problems_of("a: ${TOKE}\nb: ${TOKEN:s3cr3t-value}\nc: ${TOKEN", environ)
    assert len(problems) == 3
    assert not any("s3cr3t" in f"{p.message}{p.suggestion}{p.allowed}" for p in problems)


def test_what_cannot_be_resolved_is_left_as_written_and_noted() -> None:
    before = parse("a: ${UNSET}\nb: ${QUEUE}", "p.yaml")
    document, _ = substitute(before, ENVIRON)
    assert document.value == {"a": "${UNSET}", "b": "shop"}
    assert document.written == before.value == {"a": "${UNSET}", "b": "${QUEUE}"}
    assert document.unresolved == {("a",)}
    assert document.position(("b",)) == before.position(("b",))


def test_a_variable_behind_an_alias_is_resolved_at_every_use() -> None:
    assert resolved("a: &x {b: '${QUEUE}'}\nc: *x\n") == {"a": {"b": "shop"}, "c": {"b": "shop"}}


@given(st.lists(st.sampled_from(["$", "{", "}", "${", "QUEUE", ":-", "x", " "]), max_size=12).map("".join))
@settings(max_examples=100)
def test_a_text_without_a_reference_is_unchanged_and_any_other_never_fails(text: str) -> None:
    document, problems = substitute(parse(f"a: '{text}'", "p.yaml"), ENVIRON)
    value = value_at(document.value, ["a"])
    assert isinstance(value, str)
    assert any(problem.level == "error" for problem in problems) == bool(document.unresolved)
    if "${" not in text:
        assert value == text
