"""Tables of a pipeline file: what is read, what is refused, and where it says so."""

from __future__ import annotations

import contextlib
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluiceway import Table
from sluiceway.config import table_files
from sluiceway.config.load import Checked, check, load
from sluiceway.config.table_files import WrongTable, read_table
from sluiceway.testing import run_pipeline

GERMANY = {"code": "DE", "name": "Germany"}

ORDERS = """\
version: 1
name: orders
source: {use: memory}
tables:
  countries: TABLE
stages: [{use: enrich.table, with: {table: countries, key: {jmes: body.c}, into: country}}]
sinks: [{use: memory}]
"""


def orders(folder: Path, table: str) -> Checked:
    file = folder / "orders.yaml"
    file.write_text(ORDERS.replace("TABLE", table))
    return check(file, environ={})


def read(folder: Path, name: str, text: str, key: str | None) -> Table:
    (folder / name).write_text(text)
    return read_table(folder / name, key)


@pytest.mark.parametrize(
    ("name", "text", "key"),
    [
        ("t.csv", "code,name\nDE,Germany\nFR,France\n", "code"),
        ("t.csv", '\ufeffcode,name\r\n"DE",Germany\r\n\r\nFR,"France"\r\n', "code"),
        ("t.json", '[{"code": "DE", "name": "Germany"}, {"code": "FR"}]', "code"),
        ("t.json", '{"DE": {"code": "DE", "name": "Germany"}, "FR": {}}', None),
        ("t.yaml", "- {code: DE, name: Germany}\n- {code: FR}\n", "code"),
        ("t.yml", "DE: {code: DE, name: Germany}\nFR: {}\n", None),
    ],
)
def test_the_kinds_of_files(tmp_path: Path, name: str, text: str, key: str | None) -> None:
    table = read(tmp_path, name, text, key)
    assert table.find("DE") == GERMANY
    assert table.find("XX") is None
    assert len(table) == 2


@pytest.mark.parametrize(
    ("key", "row"),
    [
        (7, "seven"),
        ("7", "seven"),
        (7.0, "seven"),
        (Decimal("7.00"), "seven"),
        (1.5, "half"),
        (True, None),
        (None, None),
        ([7], None),
        ({}, None),
        (Decimal("1e300"), None),
    ],
)
def test_a_number_finds_the_row_of_its_text(key: object, row: object) -> None:
    assert Table({"7": "seven", "1.5": "half", "True": "no", "None": "no"}).find(key) == row  # type: ignore[arg-type] # any JSON


def test_a_key_that_is_a_number_is_its_text(tmp_path: Path) -> None:
    assert read(tmp_path, "t.json", '[{"n": 7}]', "n").find("7") == {"n": 7}


@pytest.mark.parametrize(
    ("name", "text", "key", "said"),
    [
        ("t.csv", "code,name\nDE,a\nFR,b\nDE,c\n", "code", 'line 4 has the key "DE" again, first in line 2'),
        ("t.csv", "code,name\nDE\n", "code", "line 2 has 1 fields, and the header 2"),
        ("t.csv", "code,code\nDE,DE\n", "code", ':1: two columns are called "code"'),
        ("t.csv", 'code,name\nDE,"a\n', "code", "t.csv:2: no CSV: unexpected end of data"),
        ("t.csv", "code,name\n,a\n", "code", 'line 2 has no text or number as its "code"'),
        ("t.csv", "code,name\n", "cod", 'has no column "cod"'),
        ("t.csv", "code,name\n", None, "`key` is missing"),
        ("t.json", "[{}", "code", "is not JSON"),
        ("t.json", '[{"code": "a"}, {"code": "a"}]', "code", 'row 2 has the key "a" again, first in row 1'),
        ("t.json", '[{"code": "a"}, 7]', "code", "row 2 has no text or number"),
        ("t.json", '[{"code": true}]', "code", "row 1 has no text or number"),
        ("t.json", '{"a": 1}', "code", "has its rows by key already"),
        ("t.json", "7", "code", "is neither a list of objects nor one object"),
        ("t.yaml", "- {code: a}\n- {code: b}\n- {code: a}\n", "code", 'line 3 has the key "a" again, first in line 1'),
        ("t.yaml", "a: 1\na: 2\n", None, "t.yaml:2: the key stands here twice"),
        ("t.yaml", "a: [\n", None, "t.yaml:"),
        ("t.yaml", "", None, "is empty"),
        ("t.txt", "", None, 'a table is a file of the kind .csv, .json, .yaml, .yml; found "t.txt"'),
    ],
)
def test_a_wrong_file_says_what_and_where(tmp_path: Path, name: str, text: str, key: str | None, said: str) -> None:
    with pytest.raises(WrongTable) as wrong:
        read(tmp_path, name, text, key)
    assert said in str(wrong.value)


@pytest.mark.parametrize("name", ["t.csv", "t.yaml"])
def test_bytes_that_are_no_text_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"code\n\xff\n")
    with pytest.raises(WrongTable, match="not UTF-8 text"):
        read_table(tmp_path / name, "code")


def test_what_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_files, "MAX_ROWS", 2)
    assert len(read(tmp_path, "t.csv", "k\na\nb\n", "k")) == 2
    for name, text, key in (("t.csv", "k\na\nb\nc\n", "k"), ("t.json", '{"a": 1, "b": 2, "c": 3}', None)):
        with pytest.raises(WrongTable, match="more than 2 rows"):
            read(tmp_path, name, text, key)
    (tmp_path / "t.json").write_bytes(b" " * (table_files.MAX_BYTES + 1))
    with pytest.raises(WrongTable, match="more than 10 MiB"):
        read_table(tmp_path / "t.json", None)


@given(st.binary(max_size=200), st.sampled_from(["csv", "json", "yaml"]), st.none() | st.sampled_from(["a", ""]))
def test_any_bytes_are_a_table_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, kind: str, key: str | None
) -> None:
    file = tmp_path_factory.mktemp("any") / f"t.{kind}"
    file.write_bytes(data)
    with contextlib.suppress(WrongTable):
        assert len(read_table(file, key)) >= 0


def test_the_table_is_beside_the_pipeline(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text("code,name\nDE,Germany\n")
    orders(tmp_path, "{file: c.csv, key: code}")
    pipeline = load(tmp_path / "orders.yaml", environ={})
    assert pipeline.files == (tmp_path / "c.csv",)


@pytest.mark.parametrize(
    ("table", "place", "said", "suggestion"),
    [
        ("{file: none.csv, key: code}", "5:21", "cannot be read: no such file or directory", None),
        ("{file: c.csv, key: cod}", "5:33", 'has no column "cod"', "code"),
        ("{file: c.csv}", "5:21", "`key` is missing", "add `key: code`, or another of its columns"),
        ("{rows: {DE: 1}, key: x}", "5:14", "`rows` stand here by their keys", None),
        ("{}", "5:14", "expected either `file` or `rows`, found neither", None),
        ("{file: c.csv, row: {}}", "5:28", "unknown key `row`", "rows"),
    ],
)
def test_a_wrong_table_is_one_mistake_at_its_place(
    tmp_path: Path, table: str, place: str, said: str, suggestion: str | None
) -> None:
    (tmp_path / "c.csv").write_text("code,name\nDE,Germany\n")
    (problem,) = orders(tmp_path, table).problems
    assert f"{problem.line}:{problem.column}" == place
    assert said in problem.message
    assert problem.suggestion == suggestion


def test_an_unknown_table_is_told_the_nearest(tmp_path: Path) -> None:
    found = orders(tmp_path, "{rows: {DE: 1}}\n  county: {rows: {A: 1}}")
    assert [(p.code, p.path) for p in found.problems] == [("unused-table", "tables.county")]
    file = tmp_path / "orders.yaml"
    file.write_text(file.read_text().replace("table: countries", "table: countris"))
    messages = [p.message for p in check(file, environ={}).problems]
    assert messages == ["there is no table `countris`: did you mean `countries`?"]


@pytest.mark.parametrize(
    ("expression", "codes"),
    [
        ("lookup('countries', body.c)", []),
        ('lookup( `"countries"`, body.c)', []),
        ("lookup('others', body.c)", ["unused-table"]),
        ("body.countries", ["unused-table"]),
    ],
)
def test_a_table_is_used_by_an_expression_that_names_it(tmp_path: Path, expression: str, codes: list[str]) -> None:
    text = ORDERS.replace("TABLE", "{rows: {DE: 1}}").replace("enrich.table, with: ", "./s.py:any, with: ")
    text = text.replace("{table: countries, key: {jmes: body.c}, into: country}", "{text: TEXT}")
    (tmp_path / "s.py").write_text(
        "from sluiceway import Message, stage\n\n\n@stage\ndef any(message: Message, *, text: str) -> Message:\n"
        "    return message\n"
    )
    quoted = expression.replace("'", "''")
    file = tmp_path / "orders.yaml"
    file.write_text(text.replace("TEXT", f"'{quoted}'") + "plugins: [./s.py]\n")
    assert [p.code for p in check(file, environ={}).problems] == codes


def test_a_fragment_looks_up_in_the_tables_of_its_pipeline(tmp_path: Path) -> None:
    stage = "{use: enrich.table, with: {table: countries, key: {jmes: body.c}, into: country}}"
    looking = """{use: translate, with: {map: {land: {jmes: "lookup('countries', id)"}}}}"""
    (tmp_path / "f.yaml").write_text(f"version: 1\nstages: [{stage}, {looking}]\n")
    assert check(tmp_path / "f.yaml", environ={}).problems == ()
    file = tmp_path / "orders.yaml"
    file.write_text(ORDERS.replace("TABLE", "{rows: {DE: 1}}").replace(stage, "{use: ./f.yaml}"))
    assert check(file, environ={}).problems == ()


def test_an_expression_looks_up_in_the_tables_of_its_file(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text("code,name\nDE,Germany\n")
    file = tmp_path / "orders.yaml"
    stage = "{use: enrich.table, with: {table: countries, key: {jmes: body.c}, into: country}}"
    mapped = "{use: translate, with: {map: {land: {jmes: \"lookup('countries', body.c).name\"}}}}"
    file.write_text(ORDERS.replace("TABLE", "{file: c.csv, key: code}").replace(stage, mapped))
    assert check(file, environ={}).problems == ()
    ran = run_pipeline(file, [{"body": {"c": "DE"}}])
    assert ran.sinks["memory"][0].body == {"land": "Germany"}
    (tmp_path / "c.csv").unlink()
    assert [problem.code for problem in check(file, environ={}).problems] == ["table"]
