"""Stages in a file of their own, with parameters: put in place, and wrong in the file where the mistake stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from sluiceway.config.load import Checked, check, load
from sluiceway.core.errors import InvalidPipeline
from sluiceway.testing import run_pipeline

NORMALISE = """\
version: 1
parameters:
  pattern: {description: Which orders.}
  region: {default: EU}
stages:
  - id: ours
    use: filter
    with: {pattern: {param: pattern}}
  - use: translate
    with: {map: {order: {jmes: body.id}, region: {param: region}}}
"""

ORDERS = """\
version: 1
name: orders
source: {use: memory}
stages: [USE]
sinks: [{use: memory}]
"""

PAID = "{pattern: {body: {paid: [true]}}}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "common").mkdir()
    (tmp_path / "common/normalise.yaml").write_text(NORMALISE)
    return tmp_path


def pipeline(folder: Path, *uses: str) -> Path:
    file = folder / "orders.yaml"
    file.write_text(ORDERS.replace("USE", ", ".join(uses)))
    return file


def using(folder: Path, *uses: str, **environ: str) -> Checked:
    return check(pipeline(folder, *uses), environ=environ)


def said(folder: Path, found: Checked) -> list[str]:
    """Return each problem as a line: its place, its path and what it says."""
    return [
        f"{Path(p.file).relative_to(folder).as_posix()}:{p.line}:{p.column} {p.path}: {p.message}"
        for p in found.problems
    ]


def test_a_fragment_is_the_stages_that_stand_in_it(folder: Path) -> None:
    file = pipeline(folder, f"{{id: normal, use: ./common/normalise.yaml, with: {PAID}}}")
    found = load(file, environ={})
    assert [(stage.id, stage.use) for stage in found.stages] == [
        ("normal.ours", "filter"),
        ("normal.translate", "translate"),
    ]
    assert found.files == (folder / "common/normalise.yaml",)
    ran = run_pipeline(file, [{"body": {"id": 7, "paid": True}}, {"body": {"id": 8, "paid": False}}])
    assert [message.body for message in ran.sinks["memory"]] == [{"order": 7, "region": "EU"}]


def test_without_an_id_the_file_gives_its_name(folder: Path) -> None:
    found = load(pipeline(folder, f"{{use: ./common/normalise.yaml, with: {PAID}}}"), environ={})
    assert [stage.id for stage in found.stages] == ["normalise.ours", "normalise.translate"]


def test_a_value_keeps_its_structure_and_its_variables(folder: Path) -> None:
    use = '{use: ./common/normalise.yaml, with: {pattern: {body: {a: [1]}}, region: {name: "${REGION}"}}}'
    file = pipeline(folder, use)
    ran = run_pipeline(load(file, environ={"REGION": "US"}), [{"body": {"a": 1, "id": 2}}])
    assert ran.sinks["memory"][0].body == {"order": 2, "region": {"name": "US"}}


def test_a_parameter_may_be_the_text_of_an_expression(folder: Path) -> None:
    (folder / "pick.yaml").write_text(
        "version: 1\nparameters: {from: {description: A path.}}\n"
        "stages: [{use: translate, with: {map: {it: {jmes: {param: from}}}}}]\n"
    )
    ran = run_pipeline(pipeline(folder, "{use: ./pick.yaml, with: {from: body.a.b}}"), [{"body": {"a": {"b": 3}}}])
    assert ran.sinks["memory"][0].body == {"it": 3}


def test_a_wrong_value_stands_where_it_is_given(folder: Path) -> None:
    found = using(folder, "{id: one, use: ./common/normalise.yaml, with: {pattern: {body: {paid: true}}}}")
    assert said(folder, found) == [
        'orders.yaml:4:80 stages.one.ours.with.pattern.body.paid: "paid" must be an object or an array, found true'
    ]
    (place,) = found.problems[0].related
    assert (place.what, Path(place.file).name, place.line, place.column) == ("put in at", "normalise.yaml", 8, 21)


def test_a_mistake_in_the_fragment_stands_there_and_names_its_use(folder: Path) -> None:
    (folder / "common/normalise.yaml").write_text(NORMALISE.replace("with: {map", "with: {mop"))
    found = using(folder, f"{{id: one, use: ./common/normalise.yaml, with: {PAID}}}")
    assert [line.partition(":")[0] for line in said(folder, found)] == ["common/normalise.yaml"]
    assert found.problems[0].path == "stages.one.translate.with.mop"
    (place,) = found.problems[0].related
    assert (place.what, Path(place.file).name, place.line, place.column) == ("used at", "orders.yaml", 4, 25)


@pytest.mark.parametrize(
    ("use", "line"),
    [
        ("{use: ./common/normalise.yaml}", "4:16 stages.0.with.pattern: the parameter `pattern` is missing"),
        (f"{{use: ./common/normalise.yaml, with: {PAID}, timeout: 3s}}", "4:82 stages.0.timeout: `timeout` is one"),
        (f"{{use: ./common/normalise.yaml, with: {PAID}, wihle: 3s}}", "4:82 stages.0.wihle: unknown key `wihle`"),
        ("{use: ./common/normalise.yaml, with: }", "4:41 stages.0.with: expected keys under `with`, found nothing"),
        ("{use: ./common/normalize.yaml}", "4:16 stages.0.use: there is no file "),
        ("{use: common/normalise.yaml}", "4:16 stages.0.use: the path of a fragment begins with `./` or `../`"),
        ("{use: './${WHERE}/normalise.yaml'}", "4:16 stages.0.use: the path of a fragment has no variables"),
        ("{use: ./orders.yaml}", "4:16 stages.0.use: a fragment that uses itself: "),
    ],
)
def test_a_wrong_use_is_one_mistake_at_its_place(folder: Path, use: str, line: str) -> None:
    (found,) = said(folder, using(folder, use))
    assert found.startswith(f"orders.yaml:{line}")


def test_an_unknown_parameter_is_told_the_nearest(folder: Path) -> None:
    found = using(folder, "{use: ./common/normalise.yaml, with: {pattern: {body: {a: [1]}}, regoin: US}}")
    (problem,) = found.problems
    assert (problem.code, problem.suggestion, problem.allowed) == ("unknown-parameter", "region", ("pattern", "region"))
    assert (problem.line, problem.column) == (4, 75)


def test_what_is_not_known_is_not_reported_twice(folder: Path) -> None:
    found = using(folder, "{id: gone, use: ./gone.yaml}", "{use: filter, id: x, with: {pattern: {body: {a: [1]}}}}")
    assert len(found.problems) == 1
    assert found.pipeline is None
    missing = using(folder, "{use: ./common/normalise.yaml, with: {region: EU}}")
    assert [problem.code for problem in missing.problems] == ["missing"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("version: 2\nstages: [{use: filter}]\n", "1:10 version: 2 is not allowed here"),
        ("version: 1\nstages: []\n", "2:9 stages: expected at least 1 entries, found a list"),
        ("version: 1\nname: x\nstages: [{use: y}]\n", "2:1 name: unknown key `name`"),
        ("version: 1\nstages: [{use: {param: x}}]\n", "2:24 stages.0.use.param: the fragment has no parameter `x`"),
        ("version: 1\nparameters: {x: {}}\nstages: [7]\n", "2:14 parameters.x: no stage uses the parameter `x`"),
        ("version: 1\nstages: [{use: *no}]\n", "2:16 stages.0.use: no anchor `&no` stands above this alias"),
        ("", "1:1 : the file is empty"),
    ],
)
def test_a_file_that_is_no_fragment_says_so(folder: Path, text: str, line: str) -> None:
    (folder / "common/normalise.yaml").write_text(text)
    found = using(folder, "{id: n, use: ./common/normalise.yaml}")
    assert f"common/normalise.yaml:{line}" in said(folder, found)
    assert found.pipeline is None
    assert {place.what for place in found.problems[0].related} == {"used at"}


def test_a_fragment_cannot_run_by_itself(folder: Path) -> None:
    with pytest.raises(InvalidPipeline, match="this is a fragment"):
        load(folder / "common/normalise.yaml")


def test_a_fragment_is_looked_at_by_itself_with_its_defaults(folder: Path) -> None:
    file = folder / "common/normalise.yaml"
    assert said(folder, check(file, environ={})) == []
    file.write_text(NORMALISE.replace("default: EU", "default: {jmes: 'body.['}").replace("use: filter", "use: fitler"))
    assert [(p.code, p.line, p.column) for p in check(file, environ={}).problems] == [
        ("invalid", 4, 28),
        ("unknown-component", 7, 10),
    ]
