"""The pages show the example files as they are: a reader may copy either."""

from __future__ import annotations

from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
FILES = sorted(file for file in (DOCS / "examples").iterdir() if file.is_file())


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_an_example_file_stands_in_the_page_whole(file: Path) -> None:
    fence = "yaml" if file.suffix == ".yaml" else "python"
    assert f"```{fence}\n{file.read_text()}```\n" in (DOCS / "plugins.md").read_text()


def test_the_fragment_of_the_examples_stands_in_the_page_whole() -> None:
    fragment = (DOCS / "examples/common/delivered.yaml").read_text()
    assert f"```yaml\n{fragment}```\n" in (DOCS / "pipeline-file.md").read_text()
