"""The page of guarantees names tests: each of them is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "guarantees.md").read_text()
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)


@pytest.mark.parametrize(("file", "test"), NAMED)
def test_a_test_that_proves_a_guarantee_is_there(file: str, test: str) -> None:
    assert re.search(rf"^(async )?def {test}\(", (ROOT / file).read_text(), re.MULTILINE)


def test_every_guarantee_says_what_it_does_not_promise_and_what_proves_it() -> None:
    for section in PAGE.split("\n## ")[1:]:
        assert "*Proven by*" in section
        assert re.search(r"`tests/", section), section.splitlines()[0]
