"""The page of functions: generated, whole, and every example in it true."""

from __future__ import annotations

import json
import random
from decimal import Decimal
from pathlib import Path

import pytest

from sluiceway.config.functions_page import rewritten
from sluiceway.core.ambient import within
from sluiceway.core.expression import Expression
from sluiceway.core.functions.documented import PAGES
from sluiceway.core.functions.standard import StandardFunctions
from sluiceway.core.jmes_functions import SluicewayFunctions
from sluiceway.core.json import JSON

PAGE = Path(__file__).parents[2] / "docs" / "functions.md"
BEGIN_OF_2026 = 1767225600.0

EXAMPLES = [example for page in PAGES.values() for example in page.examples]


@pytest.mark.parametrize(("text", "expected"), EXAMPLES, ids=[text for text, _ in EXAMPLES])
def test_an_example_gives_what_the_page_says(text: str, expected: JSON) -> None:
    with within(lambda: BEGIN_OF_2026, random.Random(0)):  # noqa: S311 - the page's
        value = Expression(jmes=text).evaluate({})
    assert not isinstance(value, Decimal)
    assert json.dumps(value) == json.dumps(expected)  # true is not 1, and 3 is not 3.0


def test_the_page_is_as_the_functions_say() -> None:
    page = PAGE.read_text()
    assert page == rewritten(page), "run: python -m sluiceway.config.functions_page docs/functions.md"


def test_every_function_beyond_jmespath_has_a_page_and_an_example() -> None:
    own = SluicewayFunctions.FUNCTION_TABLE.keys() - StandardFunctions.FUNCTION_TABLE.keys()
    assert own == PAGES.keys()
    assert {name for name, page in PAGES.items() if not page.examples} == {"lookup"}  # it needs a file's table
    assert all(f"### `{page.call}`" in PAGE.read_text() for page in PAGES.values())
