"""Examples in README.md and docs/ run as tests: Python is executed, YAML linted, a whole pipeline's tests run."""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import settings
from sybil import Example, Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser

# The same examples on every run, so that a red suite is a changed one; HYPOTHESIS_PROFILE=default explores.
# No deadline: what takes long on a busy machine is no defect, and benchmarks look after speed.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))


def evaluate_yaml(example: Example) -> str | None:
    """Return what is wrong with a YAML example: a whole pipeline must load and pass its tests, a part must parse."""
    from sluiceway.config import yaml  # noqa: PLC0415 - only when an example runs
    from sluiceway.config.load import check  # noqa: PLC0415 - as above
    from sluiceway.testing.cases import run_tests  # noqa: PLC0415 - as above

    if "version: 1" not in example.parsed:
        yaml.parse(example.parsed, example.path)
        return None
    folder = Path(example.path).parent
    files = folder / "examples"  # what a page's pipelines have beside them
    checked = check((files if files.is_dir() else folder) / "example.yaml", text=example.parsed, environ={})
    if checked.pipeline is None or checked.problems:
        return "\n".join(f"{problem.path}: {problem.message}" for problem in checked.problems)
    failed = [result for result in run_tests(checked.pipeline) if not result.passed]
    return "\n".join(str(result) for result in failed) or None


pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser(), CodeBlockParser(language="yaml", evaluator=evaluate_yaml)],
    patterns=["README.md", "docs/*.md"],
).pytest()
