"""What docs/lint.md says of lint is what lint does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sluiceway.cli import app
from sluiceway.config.load import check

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "lint.md").read_text()
RULES = PAGE.partition("## Every rule")[2]
CONFIG = Path(check.__code__.co_filename).parent

BASE = {
    "version": "version: 1",
    "name": "name: orders",
    "source": "source: {use: sqs, with: {queue: orders}}",
    "sinks": "sinks: [{id: out, use: memory}]",
    "errors": "errors: {dead_letter: {use: sqs, with: {queue: orders-dlq}}}",
}
PAIRS = re.findall(r"^[`-] ?(.*?)\n\n```yml\n(.*?)```\n```yml\n(.*?)```\n", RULES, re.DOTALL | re.MULTILINE)


def codes(part: str) -> list[str]:
    """Return the codes of what is wrong with a file that has these keys, and right ones beside them."""
    rest = [text for key, text in BASE.items() if not re.search(rf"^{key}:", part, re.MULTILINE)]
    text = "\n".join(rest) + "\n" + part
    return [problem.code for problem in check(DOCS / "lint" / "example.yaml", text=text, environ={}).problems]


@pytest.mark.parametrize(("text", "wrong", "right"), PAIRS)
def test_each_example_breaks_its_rule_and_only_that_and_its_correction_none(text: str, wrong: str, right: str) -> None:
    named = re.findall(r"^([a-z-]+)`", text)
    assert set(codes(wrong)) <= ({*named, "unknown-plugin"} if named else {"budget"})
    assert codes(wrong)
    assert codes(right) == []


def test_every_code_is_on_the_page() -> None:
    sources = "".join(file.read_text() for file in CONFIG.glob("*.py"))
    used = set(re.findall(r'code="([a-z-]+)"', sources))
    assert {code for code in used if f"`{code}`" not in PAGE} == set()
    assert len(PAIRS) > 30


def test_the_ten_mistakes_are_shown_as_lint_shows_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(DOCS / "lint")
    result = CliRunner().invoke(app, ["lint", "ten-mistakes.yaml"])
    assert f"```text\n{result.stdout}```\n" in PAGE
    assert len(re.findall(r"^ten-mistakes.yaml:", result.stdout, re.MULTILINE)) == 10
    assert result.exit_code == 1
