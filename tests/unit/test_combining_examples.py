"""The example files of splitter, aggregator, resequencer, batch and composed message processor."""

from __future__ import annotations

from pathlib import Path

import pytest

from sluiceway.config.load import check
from sluiceway.testing import run_tests

FOLDER = Path(__file__).parents[2] / "pipelines" / "patterns"
NAMES = ("splitter", "aggregator", "resequencer", "batch", "composed_message", "composed_message_by_parts")


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_without_a_problem_and_passes_its_tests(name: str) -> None:
    checked = check(FOLDER / f"{name}.yaml", environ={})
    assert list(checked.problems) == []
    results = run_tests(FOLDER / f"{name}.yaml")
    assert len(results) >= 2
    assert [result for result in results if not result.passed] == []
