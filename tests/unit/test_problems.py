"""How problems look, and which name was meant."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluiceway.config.problems import nearest, render_json, render_text, shown
from sluiceway.core.problem import Problem

LINE = "    with: {bus: orders, sorce: fulfilment.orders, detail_type: OrderAccepted}"
TYPO = Problem(
    file="shop-orders.yaml",
    line=49,
    column=25,
    path="sinks.bus.with.sorce",
    message="unknown key `sorce`",
    code="unknown-key",
    allowed=("bus", "detail_type", "source"),
    suggestion="source",
    length=5,
)
SOURCES = {"shop-orders.yaml": [""] * 48 + [LINE]}


def text_of(*problems: Problem, source: str | None = None) -> str:
    sources = SOURCES if source is None else {"shop-orders.yaml": [""] * 48 + [source]}
    return render_text(problems, sources, color=False)


def test_a_problem_shows_its_place_the_source_line_what_is_allowed_and_the_fix() -> None:
    assert text_of(TYPO) == (
        "shop-orders.yaml:49:25: error[unknown-key] sinks.bus.with.sorce: unknown key `sorce`\n"
        f"49 | {LINE}\n"
        "   |                         ^^^^^ allowed: bus, detail_type, source\n"
        "   = fix: did you mean `source`?\n"
    )


def test_a_sensitive_problem_shows_no_source_line() -> None:
    text = text_of(replace(TYPO, sensitive=True))
    assert "fulfilment" not in text
    assert "   = allowed: bus, detail_type, source\n" in text


def test_a_problem_in_a_file_without_source_or_path_still_has_its_first_line() -> None:
    text = render_text([replace(TYPO, path="", allowed=(), suggestion=None)], {}, color=False)
    assert text == "shop-orders.yaml:49:25: error[unknown-key] unknown key `sorce`\n"


def test_an_advice_that_is_no_name_is_shown_as_it_is() -> None:
    assert "= fix: quote the value\n" in text_of(replace(TYPO, suggestion="quote the value"))


def test_a_warning_says_so() -> None:
    assert ": warning[unknown-key] " in text_of(replace(TYPO, level="warning"))


@pytest.mark.parametrize(
    ("source", "column", "length", "shown_line", "underline"),
    [
        ("\ta: bad", 5, 3, "    a: bad", "       ^^^"),
        ("日本: bad", 5, 3, "日本: bad", "      ^^^"),
        ("a: 日本", 4, 2, "a: 日本", "   ^^^^"),
        ("a: \x1b[31m", 4, 1, "a: \\x1b[31m", "   ^^^^"),
        ("a:", 3, 1, "a:", "  ^"),
    ],
)
def test_the_underline_stands_under_what_is_wrong(
    source: str, column: int, length: int, shown_line: str, underline: str
) -> None:
    lines = text_of(replace(TYPO, column=column, length=length, allowed=()), source=source).splitlines()
    assert lines[1:3] == [f"49 | {shown_line}", f"   | {underline}"]


@pytest.mark.parametrize("column", [1, 5_000, 9_998])
def test_a_long_line_is_cut_around_what_is_wrong(column: int) -> None:
    source = "x" * (column - 1) + "BAD" + "y" * (10_000 - column - 2)
    lines = text_of(replace(TYPO, column=column, length=3, allowed=()), source=source).splitlines()
    assert len(lines[1]) < 125
    assert lines[1][lines[2].index("^") :][:3] == "BAD"
    assert lines[2].count("^") == 3


def test_the_first_line_is_never_wrapped_and_long_texts_are_cut() -> None:
    text = text_of(replace(TYPO, message="m" * 5_000, path="p" * 5_000))
    first = text.splitlines()[0]
    assert first.startswith("shop-orders.yaml:49:25: error[unknown-key] pppp")
    assert 500 < len(first) < 900


def test_problems_are_sorted_by_place_and_shown_once() -> None:
    later, other = replace(TYPO, line=50, column=1), replace(TYPO, file="a.yaml", line=99)
    first_lines = [line for line in text_of(later, TYPO, other, TYPO).splitlines() if "error[" in line]
    assert [line.split(" ")[0] for line in first_lines] == [
        "a.yaml:99:25:",
        "shop-orders.yaml:49:25:",
        "shop-orders.yaml:50:1:",
    ]


def test_more_than_the_limit_is_counted() -> None:
    text = render_text([replace(TYPO, line=n) for n in range(1, 124)], {}, color=False)
    assert text.count("error[") == 100
    assert text.endswith("... and 23 more\n")


def test_colour_is_only_used_when_asked_for() -> None:
    assert "\x1b[" not in text_of(TYPO)
    assert "\x1b[1;31merror[unknown-key]\x1b[0m" in render_text([TYPO], SOURCES, color=True)


@given(st.text(max_size=40), st.integers(1, 50), st.integers(1, 50))
@settings(max_examples=100)
def test_nothing_from_a_file_controls_the_terminal(text: str, column: int, length: int) -> None:
    problem = Problem(text, 1, column, text, text, "x", (text,), text, length)
    rendered = render_text([problem], {text: [text]}, color=False)
    assert all(line.isprintable() for line in rendered.split("\n"))
    assert json.loads(render_json([problem]))[0]["file"] == text


def test_json_has_every_field_for_programs() -> None:
    assert json.loads(render_json([TYPO, TYPO])) == [
        {
            "file": "shop-orders.yaml",
            "line": 49,
            "column": 25,
            "path": "sinks.bus.with.sorce",
            "message": "unknown key `sorce`",
            "allowed": ["bus", "detail_type", "source"],
            "suggestion": "source",
            "code": "unknown-key",
            "level": "error",
        }
    ]


@pytest.mark.parametrize(
    ("word", "candidates", "name"),
    [
        ("Queue", ["queue", "quest"], "queue"),
        ("sorce", ["bus", "source", "detail_type"], "source"),
        ("soucre", ["source"], "source"),
        ("TimeOut", ["timeouts", "time_out"], "time_out"),
        ("type_detail", ["detail_type"], "detail_type"),
        ("detail-type", ["detail_type"], "detail_type"),
        ("id", ["is", "name"], "is"),
        ("xyz", ["queue", "bus"], None),
        ("abcdef", ["abcxyz"], None),
        ("queue", ["queue"], None),
        ("queue", [], None),
        ("q" * 1_000_000, ["queue"], None),
    ],
)
def test_the_nearest_name_is_found_or_none(word: str, candidates: list[str], name: str | None) -> None:
    assert nearest(word, candidates) == name


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", '"a"'),
        (1.5, "1.5"),
        (True, "true"),
        (None, "null"),
        ({}, "a mapping"),
        ([], "a list"),
        ("é", '"é"'),
    ],
)
def test_a_value_is_shown_as_the_file_could_have_it(value: object, text: str) -> None:
    assert shown(value) == text


def test_a_long_value_is_cut() -> None:
    assert len(shown("x" * 500)) == 120
