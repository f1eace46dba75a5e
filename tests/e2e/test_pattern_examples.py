"""Every pattern has an example of its own: it is right, and its tests pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from sluiceway.config.load import check
from sluiceway.config.registry import Registry
from sluiceway.testing import run_tests

FILES = sorted((Path(__file__).parents[2] / "pipelines/patterns").glob("*.yaml"))


def test_every_stage_that_comes_with_us_has_its_example() -> None:
    stages = {entry.name for entry in Registry().entries() if entry.kind == "stage" and entry.is_ours}
    examples = {file.stem for file in FILES}
    assert sorted(stages - examples) == [], "stages without pipelines/patterns/NAME.yaml"
    assert sorted(examples - stages) == [], "examples in pipelines/patterns of what no installed stage is called"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_an_example_has_no_mistake_and_uses_what_it_is_called_after(file: Path) -> None:
    checked = check(file, environ={})
    assert checked.problems == ()
    assert checked.pipeline
    assert file.stem in {stage.use for stage in checked.pipeline.stages}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_tests_of_an_example_pass(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CHECKS", "REPLIES_QUEUE"):
        monkeypatch.delenv(name, raising=False)
    results = run_tests(file)
    assert results
    assert {result.name: result.failures for result in results if not result.passed} == {}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_head_of_an_example_helps_editors_and_readers(file: Path) -> None:
    first, second, *_ = file.read_text().splitlines()
    assert first == "# yaml-language-server: $schema=../sluiceway.schema.json"
    assert second.startswith("# ")
