"""Every example pipeline is right, and its own tests pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from sluiceway.config.load import check
from sluiceway.testing import run_tests

FILES = sorted((Path(__file__).parents[2] / "pipelines").glob("*.yaml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_an_example_has_no_mistake(file: Path) -> None:
    assert check(file).problems == ()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_the_tests_of_an_example_pass(file: Path) -> None:
    results = run_tests(file)
    assert results
    assert {result.name: result.failures for result in results if not result.passed} == {}
