"""What is wrong with a call is found when the file is read, where it can be."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from sluiceway.core.errors import InvalidExpression, Reject
from sluiceway.core.expression import Expression
from sluiceway.core.json import JSON
from sluiceway_patterns.translate import Translate


class Table:
    def __init__(self, **rows: JSON) -> None:
        self.rows = rows

    def find(self, key: JSON, /) -> JSON | None:
        return self.rows.get(key) if isinstance(key, str) else None


CONTEXT = {"tables": {"countries": Table(CH={"name": "Switzerland"}), "units": Table(kg="KGM")}, "folder": Path()}


class Settings(BaseModel):
    value: Expression


def read(text: str, context: dict[str, object] | None = CONTEXT) -> Expression:
    return Settings.model_validate({"value": {"jmes": text}}, context=context).value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("upper(`1`)", "upper() takes string, not number"),
        ("abs('1')", "abs() takes number, not string"),
        ("zip(`[1]`, 'a')", "zip() takes array, not string"),
        ("pad_left(id, `2.5`)", "pad_left(): the width is 2.5, not a whole number from 0 to 1048576"),
        ("pad_left(id, `2`, '00')", "pad_left(): what it fills with is 2 characters long, not one"),
        ("split(id, '')", "split(): an empty text stands nowhere and everywhere"),
        ("divide(body.n, `0`)", "divide(): nothing can be divided by zero"),
        ("round(body.n, `2`, 'up_half')", "the way to round is 'up_half', not half_even, half_up, up or down"),
        ("to_zone(body.at, 'Europe/Zuerich')", "did you mean Europe/Zurich?"),
        ("to_zone(body.at, 'Europe')", "there is no time zone 'Europe'"),
        ("parse_date(body.at, '%Q')", "parse_date(): the format has %Q: it may have %Y"),
        ("parse_date(body.at, '100%')", "parse_date(): the format has %: it may have %Y"),
        ("shift_date(body.at, '1d')", "'1d' is not a duration such as P1D"),
        ("shift_date(body.at, 'P')", "'P' is not a duration"),
        ("shift_date(body.at, 'P1DT')", "'P1DT' is not a duration"),
        ("date_diff(body.a, body.b, 'weeks')", "the unit is 'weeks', not days, hours"),
        ("date_diff('yesterday', body.b, 'days')", "'yesterday' is not a date as ISO 8601 has it"),
        ("to_epoch(body.at, 'us')", "the unit is 'us', not s or ms"),
        ("uuid5('shop', id)", "the namespace is 'shop', not a UUID or dns, url, oid, x500"),
        ("regex_match(id, '(')", "regex_match(): '(' is not a pattern of RE2: missing ): ("),
        (r"regex_find(id, '(a)\1')", r"invalid escape sequence: \1"),
        ("regex_match(id, '((a{1000}){1000}){1000}')", "is not a pattern of RE2"),
        ("regex_match(id, body.pattern)", "regex_match() takes its second argument as a text in quotes"),
        ("regex_replace(id, '(a)', '\\2')", "the replacement has \\2, and 1 is the pattern's last group"),
        ("lookup(body.table, id)", "lookup() takes its first argument as a text in quotes"),
        ("lookup('countris', id)", "lookup(): there is no table 'countris': did you mean countries?"),
        ("lookup('x', id)", "lookup(): there is no table 'x': there are countries, units"),
        ("map(&lookup('x', @), body.l)", "there is no table 'x'"),
        ("round()", "round() takes 1 to 3 arguments, not 0"),
        ("now(id)", "now() takes 0 arguments, not 1"),
        ("trim(a, b, c)", "trim() takes 1 to 2 arguments, not 3"),
        ("zip(a)", "zip() takes at least 2 arguments, not 1"),
        ("uper(id)", "did you mean upper()?"),
    ],
)
def test_a_call_that_no_message_makes_right_is_an_error_of_the_file(text: str, message: str) -> None:
    with pytest.raises(ValidationError) as refused:
        read(f"not_null(body, {text})")
    (error,) = refused.value.errors()
    assert message in error["msg"]
    assert error["ctx"]["path"] == ["jmes"]
    assert error["ctx"]["offset"] is not None


def test_a_literal_that_is_right_and_a_value_of_the_message_are_not_refused() -> None:
    read("pad_left(body.n, body.width, body.fill)")
    read("parse_date(body.at, `null`, 'Europe/Zurich')")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lookup('countries', body.country).name", "Switzerland"),
        ("lookup('countries', 'XX')", None),
        ("lookup('countries', body.nothing)", None),
        ("body.units[*].lookup('units', @)", ["KGM"]),
    ],
)
def test_lookup_finds_the_row_of_a_key(text: str, expected: JSON) -> None:
    assert read(text).evaluate({"body": {"country": "CH", "units": ["kg", "l"]}}) == expected


def test_two_files_with_tables_of_one_name_have_each_their_own() -> None:
    other = read("lookup('countries', 'CH')", {"tables": {"countries": Table(CH="Suisse")}})
    assert read("lookup('countries', 'CH')").evaluate({}) == {"name": "Switzerland"}
    assert other.evaluate({}) == "Suisse"


@pytest.mark.parametrize("context", [None, {}, {"tables": {}}])
def test_without_tables_lookup_is_an_error_that_says_so(context: dict[str, object] | None) -> None:
    with pytest.raises(ValidationError, match="the file has none under `tables`"):
        read("lookup('countries', id)", context)


def test_a_map_looks_up_in_the_tables_of_its_file() -> None:
    mapping = {"map": {"land": {"jmes": "lookup('countries', body.country).name"}}}
    assert Translate.model_validate(mapping, context=CONTEXT).map
    with pytest.raises(ValidationError, match="there is no table 'countries'"):
        Translate.model_validate(mapping, context={"folder": Path()})


def test_what_is_no_literal_is_checked_with_the_message_and_the_reason_names_the_function() -> None:
    expression = Expression(jmes="to_zone(body.at, body.zone)")
    view: dict[str, object] = {"body": {"at": "2026-03-01T00:00:00Z", "zone": "Mars/Base"}}
    with pytest.raises(Reject, match=r"cannot be computed: to_zone\(\): there is no time zone 'Mars/Base'"):
        expression.evaluate(view)


def test_only_a_rejection_and_no_lookup_in_the_disk_for_a_hostile_zone() -> None:
    for zone in ("../../etc/passwd", "/etc/localtime", "\x00", "Z" * 10_000):
        with pytest.raises(Reject, match=r"to_zone\(\)"):
            Expression(jmes="to_zone(body.at, body.zone)").evaluate(
                {"body": {"at": "2026-03-01T00:00:00Z", "zone": zone}}
            )


def test_an_argument_too_few_is_named_with_its_function() -> None:
    with pytest.raises(InvalidExpression, match=r"pad_left\(\) takes 2 to 3 arguments, not 1"):
        Expression(jmes="pad_left(id)")
