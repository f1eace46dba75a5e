"""`sluiceway lint`: say everything that is wrong with pipeline files."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from sluiceway.cli.errors import WRONG, in_color, problems_text
from sluiceway.cli.options import Files, LintFormat, LintFormatOption

if TYPE_CHECKING:
    from sluiceway.core.problem import Problem


def command(files: Files, format: LintFormatOption = LintFormat.TEXT) -> None:  # noqa: A002 - the option's name
    """Say everything that is wrong with pipeline files.

    Each mistake comes with its place and what would be right. sluiceway.yaml beside a file is read too. Exit
    code 1 when something is wrong; warnings alone are no error. Tests in NAME.test.yaml are read with NAME.yaml.
    """
    from sluiceway.config.github import render_github  # noqa: PLC0415 - start-up
    from sluiceway.config.problems import render_json  # noqa: PLC0415 - start-up

    found = {path: _problems(path) for path in files}
    problems = [problem for of_file in found.values() for problem in of_file]
    if format is LintFormat.JSON:
        typer.echo(render_json(problems))
    elif format is LintFormat.GITHUB:
        typer.echo(render_github(problems), nl=bool(problems))
    else:
        if problems:
            typer.echo(problems_text(problems, color=in_color(sys.stdout)))
        for path, of_file in found.items():
            if not _is_wrong(of_file):
                typer.echo(f"{path}: ok")
    if _is_wrong(problems):
        raise typer.Exit(WRONG)


def _problems(path: Path) -> Sequence[Problem]:
    from sluiceway.config import settings  # noqa: PLC0415 - start-up
    from sluiceway.config.beside import cases_beside, is_test_file, pipeline_tested_by  # noqa: PLC0415 - start-up
    from sluiceway.config.load import check  # noqa: PLC0415 - start-up

    if path.name == settings.FILE and path.is_file():
        return settings.read_settings(path.parent)[1]
    if is_test_file(path):
        path = pipeline_tested_by(path)
    checked = check(path)
    return [*checked.problems, *(problem for file in cases_beside(path, checked.pipeline) for problem in file.problems)]


def _is_wrong(problems: Sequence[Problem]) -> bool:
    return any(problem.level == "error" for problem in problems)
