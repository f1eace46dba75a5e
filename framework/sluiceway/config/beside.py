"""Tests in files of their own: `orders.test.yaml` beside `orders.yaml` tests it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import Field, ValidationError

from sluiceway.config import yaml
from sluiceway.config.document import Document
from sluiceway.config.draft import Draft, Used
from sluiceway.config.expect import expectations
from sluiceway.config.lint import known_ids_in_tests
from sluiceway.config.problems import in_order
from sluiceway.config.pydantic_problems import problems_from
from sluiceway.config.variables import explained, substitute
from sluiceway.core.errors import InvalidPipeline
from sluiceway.core.problem import Problem
from sluiceway.core.settings import Settings
from sluiceway.core.spec import Pipeline, TestCase

SUFFIX: Final = ".test.yaml"


class TestFile(Settings):
    """The tests of the pipeline in the file beside this one."""

    __test__ = False

    tests: list[TestCase] = Field(description="What `sluiceway test` checks.")


@dataclass(frozen=True, slots=True)
class CasesBeside:
    """A file of tests that was read.

    Attributes:
        path: The file.
        tests: Its tests; none when something is wrong.
        problems: What is wrong.
        document: The file's places; None when it cannot be read.
    """

    path: Path
    tests: tuple[TestCase, ...]
    problems: tuple[Problem, ...]
    document: Document | None


def is_test_file(path: Path) -> bool:
    """Tell by its name whether a file has the tests of another."""
    return path.name.endswith(SUFFIX)


def pipeline_tested_by(path: Path) -> Path:
    """Return the pipeline file that a file of tests is for.

    `orders.test.yaml` tests `orders.yaml`, and so does `orders.old.test.yaml` where there is no `orders.old.yaml`.
    """
    stem = path.name.removesuffix(SUFFIX)
    parts = stem.split(".")
    names = [".".join(parts[:count]) for count in range(len(parts), 0, -1)]
    there = (path.with_name(f"{name}.yaml") for name in names)
    return next((file for file in there if file.is_file()), path.with_name(f"{stem}.yaml"))


def cases_beside(path: Path, pipeline: Pipeline | None, environ: Mapping[str, str] | None = None) -> list[CasesBeside]:
    """Return the files of tests beside a pipeline file, by name.

    Args:
        path: The pipeline file.
        pipeline: What it holds; None when it is wrong, and its ids are not known.
        environ: What `${NAME}` stands for; by default the environment.
    """
    candidates = sorted(path.parent.glob("*" + SUFFIX))
    return [
        _read(file, pipeline, os.environ if environ is None else environ)
        for file in candidates
        if file.name.startswith(f"{path.stem}.") and pipeline_tested_by(file) == path
    ]


def _read(path: Path, pipeline: Pipeline | None, environ: Mapping[str, str]) -> CasesBeside:
    try:
        document, mistakes = yaml.collect(yaml.read_text(path, str(path)), str(path))
    except InvalidPipeline as error:
        return CasesBeside(path, (), error.problems, None)
    document, unresolved = substitute(document, environ)
    problems = [*mistakes, *unresolved]
    tests: tuple[TestCase, ...] = ()
    try:
        tests = tuple(TestFile.model_validate(document.value).tests)
    except ValidationError as error:
        problems += problems_from(error, document, (), TestFile)
    if pipeline is not None:
        draft = _draft(pipeline, tests)
        problems += [*known_ids_in_tests(document, draft), *expectations(document, draft)]
    found = tuple(in_order(explained(problems)))
    is_wrong = any(problem.level == "error" for problem in found)
    return CasesBeside(path, () if is_wrong else tests, found, document)


def _draft(pipeline: Pipeline, tests: tuple[TestCase, ...]) -> Draft:
    """Return a pipeline as the rules for tests look at it."""
    return Draft(
        source=pipeline.source.component,
        dead_letter=None,
        drain=None,
        stages=[Used((), stage.id, None, stage.component) for stage in pipeline.stages],
        sinks=[Used((), sink.id, None, sink.component) for sink in pipeline.sinks],
        tests=list(tests),
    )
