"""Fragments that use others, and what is read beside them: schemas, Python files, routes, bounds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.test_fragments import folder, pipeline, said, using
from typer.testing import CliRunner

from sluiceway.cli import app
from sluiceway.config.load import check, load
from sluiceway.config.problems import render_json, render_text

__all__ = ["folder"]

PASS = "version: 1\nstages: [{id: pass, use: filter, with: {pattern: {body: {a: [1]}}}}]\n"


def test_a_fragment_uses_others_beside_itself(folder: Path) -> None:
    (folder / "common/outer.yaml").write_text(
        "version: 1\nparameters: {which: {}}\n"
        "stages: [{id: in, use: ./normalise.yaml, with: {pattern: {param: which}}}]\n"
    )
    use = "{id: out, use: ./common/outer.yaml, with: {which: {body: {a: [1]}}}}"
    found = load(pipeline(folder, use), environ={})
    assert [stage.id for stage in found.stages] == ["out.in.ours", "out.in.translate"]
    assert [file.name for file in found.files] == ["outer.yaml", "normalise.yaml"]
    wrong = using(folder, use.replace("[1]", "1"))
    assert said(folder, wrong) == [
        'orders.yaml:4:71 stages.out.in.ours.with.pattern.body.a: "a" must be an object or an array, found 1'
    ]
    assert [(place.what, Path(place.file).name) for place in wrong.problems[0].related] == [
        ("put in at", "normalise.yaml"),
        ("put in at", "outer.yaml"),
    ]


def test_a_missing_parameter_is_missed_once_however_deep_it_goes(folder: Path) -> None:
    (folder / "common/outer.yaml").write_text(
        "version: 1\nparameters: {which: {}}\nstages: [{use: ./normalise.yaml, with: {pattern: {param: which}}}]\n"
    )
    assert said(folder, using(folder, "{use: ./common/outer.yaml}")) == [
        "orders.yaml:4:16 stages.0.with.which: the parameter `which` is missing"
    ]


def test_a_circle_is_shown(folder: Path) -> None:
    (folder / "a.yaml").write_text("version: 1\nstages: [{use: ./b.yaml}]\n")
    (folder / "b.yaml").write_text("version: 1\nstages: [{use: ./a.yaml}]\n")
    found = using(folder, "{use: ./a.yaml}")
    (problem,) = found.problems
    chain = " → ".join(str(folder / name) for name in ("orders.yaml", "a.yaml", "b.yaml", "a.yaml"))
    assert problem.message == f"a fragment that uses itself: {chain}"
    assert (Path(problem.file).name, problem.line) == ("b.yaml", 2)
    assert [problem.code for problem in check(folder / "a.yaml", environ={}).problems] == ["fragment"]


@pytest.mark.parametrize(("depth", "codes"), [(4, []), (5, ["fragment"])])
def test_fragments_are_nested_four_deep_at_most(folder: Path, depth: int, codes: list[str]) -> None:
    for level in range(1, depth):
        (folder / f"{level}.yaml").write_text(f"version: 1\nstages: [{{id: l, use: ./{level + 1}.yaml}}]\n")
    (folder / f"{depth}.yaml").write_text(PASS)
    assert [problem.code for problem in using(folder, "{id: l, use: ./1.yaml}").problems] == codes


def test_fragments_cannot_grow_without_bound(folder: Path) -> None:
    for level in range(1, 4):
        uses = ", ".join(f"{{id: u{each}, use: ./{level + 1}.yaml}}" for each in range(100))
        (folder / f"{level}.yaml").write_text(f"version: 1\nstages: [{uses}]\n")
    (folder / "4.yaml").write_text(PASS)
    assert [problem.code for problem in using(folder, "{use: ./1.yaml}").problems] == ["too-large"]


def test_a_schema_is_beside_the_file_that_names_it(folder: Path) -> None:
    (folder / "common/own.json").write_text("{}")
    (folder / "given.json").write_text("{}")
    (folder / "common/check.yaml").write_text(
        "version: 1\nparameters: {schema: {}}\n"
        "stages: [{id: a, use: validate, with: {schema: own.json}},"
        " {id: b, use: validate, with: {schema: {param: schema}}}]\n"
    )
    assert said(folder, using(folder, "{use: ./common/check.yaml, with: {schema: given.json}}")) == []
    (wrong,) = said(folder, using(folder, "{use: ./common/check.yaml, with: {schema: own.json}}"))
    assert wrong.startswith(f"orders.yaml:4:52 stages.check.b.with.schema: there is no file {folder / 'own.json'}")


def test_a_python_file_beside_a_fragment_is_named_by_the_pipeline(folder: Path) -> None:
    (folder / "common/own.py").write_text(
        "from sluiceway import Message, stage\n\n\n@stage\ndef same(message: Message) -> Message:\n    return message\n"
    )
    (folder / "common/python.yaml").write_text("version: 1\nstages: [{use: ./own.py:same}]\n")
    (problem,) = using(folder, "{use: ./common/python.yaml}").problems
    assert problem.suggestion == "add `plugins: [./common/own.py]` to the file"
    file = pipeline(folder, "{use: ./common/python.yaml}")
    file.write_text(file.read_text() + "plugins: [./common/own.py]\n")
    assert [stage.id for stage in load(file, environ={}).stages] == ["python.same"]
    assert check(folder / "common/python.yaml", environ={}).problems == ()  # nothing of it is imported


def test_routes_are_those_of_each_stage(folder: Path) -> None:
    (folder / "route.py").write_text(
        "from sluiceway import Message, stage\n\n\n@stage(routes=('x',))\n"
        "def route(message: Message) -> Message:\n    return message.to('x')\n"
    )
    (folder / "pass.yaml").write_text(PASS)
    file = pipeline(folder, "{use: ./route.py:route}", "{use: ./pass.yaml, routes: [x]}")
    file.write_text(file.read_text() + "plugins: [./route.py]\n")
    assert load(file, environ={}).stages[1].routes == ("x",)
    file.write_text(file.read_text().replace("[x]", "[y]"))
    assert [(p.code, p.line, p.column) for p in check(file, environ={}).problems] == [("unknown-route", 4, 63)]
    (folder / "pass.yaml").write_text(PASS.replace("id: pass", "id: pass, routes: [x]"))
    file.write_text(file.read_text().replace("[y]", "[x]"))
    (problem,) = check(file, environ={}).problems
    assert problem.message == "the stage `pass` of the fragment has routes of its own"


def test_both_files_are_shown(folder: Path) -> None:
    (folder / "bad.yaml").write_text(PASS.replace("[1]", "1"))
    found = using(folder, "{use: ./bad.yaml}")
    sources = {file: Path(file).read_text().splitlines() for file in found.problems[0].files}
    text = render_text(found.problems, sources, color=False).replace(f"{folder}/", "")
    assert text.splitlines()[-3:] == [
        "  = used at orders.yaml:4:16",
        "4 | stages: [{use: ./bad.yaml}]",
        "  |                ^^^^^^^^^^",
    ]
    (shown,) = json.loads(render_json(found.problems))
    assert Path(shown["file"]).name == "bad.yaml"
    assert shown["related"] == [{"what": "used at", "file": str(folder / "orders.yaml"), "line": 4, "column": 16}]


def test_explain_says_in_which_file_a_stage_stands(folder: Path) -> None:
    (folder / "pass.yaml").write_text(PASS)
    file = pipeline(folder, "{use: ./pass.yaml}")
    result = CliRunner().invoke(app, ["explain", str(file), "--message", '{"a": 1}', "--format", "json"])
    (step,) = json.loads(result.stdout)["steps"]
    assert (step["stage"], step["file"], step["line"]) == ("pass.pass", str(folder / "pass.yaml"), 2)


def test_a_secret_that_is_given_is_not_shown(folder: Path) -> None:
    (folder / "call.yaml").write_text(
        "version: 1\nparameters: {what: {}}\nstages: [{use: enrich.http, with: {url: 'https://x.y', into: c, "
        "headers: {authorization: {secret: {param: what}}}}}]\n"
    )
    found = using(folder, "{use: ./call.yaml, with: {what: hunter2, waht: x}}")
    assert {problem.code for problem in found.problems} == {"invalid", "unknown-parameter"}
    assert all(problem.sensitive for problem in found.problems if problem.line == 4)
    assert "hunter2" not in render_json(found.problems)
    (folder / "call.yaml").write_text((folder / "call.yaml").read_text().replace("into: c", "inot: c"))
    wrong = using(folder, "{use: ./call.yaml, with: {what: 'env:TOKEN'}}").problems
    assert [place.sensitive for problem in wrong for place in problem.related if place.line == 4] == [True]


@given(
    st.recursive(
        st.none() | st.booleans() | st.text() | st.just("x"),
        lambda each: (
            st.lists(each) | st.dictionaries(st.sampled_from(["use", "id", "with", "routes", "param", "stages"]), each)
        ),
    )
)
def test_any_keys_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, value: object) -> None:
    folder = tmp_path_factory.mktemp("any")
    stage = {"use": "filter", "with": {"pattern": value}}
    (folder / "f.yaml").write_text(json.dumps({"version": 1, "parameters": {"x": {}}, "stages": [value, stage]}))
    file = folder / "p.yaml"
    file.write_text(
        json.dumps(
            {
                "version": 1,
                "name": "p",
                "source": {"use": "memory"},
                "sinks": [{"use": "memory"}],
                "stages": [
                    {"use": "./f.yaml", "with": {"x": value}},
                    {"use": "./f.yaml", "with": value, "routes": value},
                ],
            }
        )
    )
    found = check(file, environ={})
    assert found.problems
    assert all(Path(problem.file) in (file, folder / "f.yaml") for problem in found.problems)
