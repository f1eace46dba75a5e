"""`sluiceway test`: run the tests that stand in pipeline files."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sluiceway.cli.coverage import Covered, coverage_json, coverage_text
from sluiceway.cli.errors import WRONG, in_color, problems_text
from sluiceway.cli.options import Files, Format, FormatOption

if TYPE_CHECKING:
    from sluiceway.config.document import Document
    from sluiceway.config.text import Position
    from sluiceway.core.problem import Problem
    from sluiceway.testing.cases import Failure, TestResult


@dataclass(frozen=True, slots=True)
class Tested:
    """One file with tests: how they went, or why they could not run."""

    path: Path
    problems: tuple[Problem, ...] = ()
    results: tuple[TestResult, ...] = ()
    document: Document | None = None

    def position(self, result: TestResult, failure: Failure | None = None) -> Position | None:
        """Return where a test stands, or where it expects what a failure is about."""
        if self.document is None:
            return None
        expected = ("expect", *([failure.output] if failure.output else [])) if failure else ()
        return self.document.position(("tests", result.index, *expected), key=True)


def command(
    files: Files,
    *,
    coverage: Annotated[
        bool, typer.Option("--coverage", help="Say which stages, branches, routes and sinks no test reaches.")
    ] = False,
    format: FormatOption = Format.TEXT,  # noqa: A002 - the option's name
) -> None:
    """Run the tests that stand in pipeline files, and in NAME.test.yaml beside NAME.yaml.

    The engine is production's, on virtual time. Messages are given and mocks answer; nothing outside is called.
    Exit code 1 when a test fails or a file is wrong.
    """
    from sluiceway.config.beside import is_test_file, pipeline_tested_by  # noqa: PLC0415 - start-up

    pipelines = dict.fromkeys(pipeline_tested_by(path) if is_test_file(path) else path for path in files)
    covered: list[Covered] = []
    tested = [file for path in pipelines for file in _tested(path, covered)]
    if format is Format.JSON:
        typer.echo(_json(tested, covered if coverage else None))
    else:
        for file in tested:
            _print(file)
        if coverage:
            typer.echo("".join(map(coverage_text, covered)), nl=False)
        typer.echo(_summary(tested))
    if any(file.problems or not all(result.passed for result in file.results) for file in tested):
        raise typer.Exit(WRONG)


def _tested(path: Path, covered: list[Covered]) -> Iterator[Tested]:
    """Run the tests of one pipeline; what they cover is added to the list."""
    from dataclasses import replace  # noqa: PLC0415 - start-up

    from sluiceway.config.beside import cases_beside  # noqa: PLC0415 - start-up
    from sluiceway.config.load import check  # noqa: PLC0415 - start-up
    from sluiceway.testing.cases import run_tests  # noqa: PLC0415 - the AWS client costs 0.4 s
    from sluiceway.testing.coverage import Coverage  # noqa: PLC0415 - as above

    checked = check(path)
    pipeline = checked.pipeline
    errors = tuple(problem for problem in checked.problems if problem.level == "error")
    if errors or pipeline is None or checked.document is None:
        yield Tested(path, problems=errors)
        return
    coverage = Coverage(pipeline)
    beside = cases_beside(path, pipeline)
    if pipeline.tests or not beside:
        yield Tested(path, results=tuple(run_tests(pipeline, coverage)), document=checked.document)
    for file in beside:
        results = tuple(run_tests(replace(pipeline, tests=file.tests), coverage))
        yield Tested(file.path, file.problems, results, file.document)
    covered.append(Covered(path, coverage.points, checked.document))


def _print(file: Tested) -> None:
    if file.problems:
        typer.echo(problems_text(file.problems, color=in_color(sys.stdout)))
    elif not file.results:
        typer.echo(f"{file.path}: no tests")
    for result in file.results:
        typer.echo(f"{_mark(result)} {file.path}: {_one_line(result.name)}")
        for failure in result.failures:
            typer.echo(_failure(file, result, failure))


def _mark(result: TestResult) -> str:
    if not in_color(sys.stdout):
        return "ok    " if result.passed else "FAILED"
    return typer.style("✓", fg="green") if result.passed else typer.style("✗", fg="red")


def _failure(file: Tested, result: TestResult, failure: Failure) -> str:
    place = file.position(result, failure)
    where = f"{file.path}:{place.line}:{place.column}: " if place else ""
    what = f"{failure.output}: " if failure.output else ""
    return "  " + f"{where}{what}{failure.text}".replace("\n", "\n  ")


def _summary(tested: list[Tested]) -> str:
    results = [result for file in tested for result in file.results]
    passed = sum(result.passed for result in results)
    counts = [f"{passed} passed", f"{len(results) - passed} failed"]
    broken = sum(bool(file.problems) for file in tested)
    return ", ".join(counts + ([f"{broken} file{'' if broken == 1 else 's'} not run"] if broken else []))


def _json(tested: list[Tested], covered: list[Covered] | None) -> str:
    """Return `{tests, problems}`: each test with its place and failures, and the problems as `lint` gives them."""
    import json  # noqa: PLC0415 - start-up

    from sluiceway.config.problems import render_json  # noqa: PLC0415 - start-up

    problems = json.loads(render_json(problem for file in tested for problem in file.problems))
    tests = [_as_json(file, result) for file in tested for result in file.results]
    told = {"tests": tests, "problems": problems}
    if covered is not None:
        told["coverage"] = [point for file in covered for point in coverage_json(file)]
    return json.dumps(told, indent=2, ensure_ascii=False)


def _as_json(file: Tested, result: TestResult) -> dict[str, object]:
    failures = [
        {**_place(file.position(result, failure)), "output": failure.output, "message": failure.text}
        for failure in result.failures
    ]
    place = _place(file.position(result))
    return {"file": str(file.path), **place, "name": result.name, "passed": result.passed, "failures": failures}


def _place(position: Position | None) -> dict[str, int]:
    return {"line": position.line, "column": position.column} if position else {}


def _one_line(name: str) -> str:
    from sluiceway.config.problems import printable  # noqa: PLC0415 - start-up

    return printable(" ".join(name.split()))
