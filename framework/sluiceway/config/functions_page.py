"""The list of functions in docs/functions.md, from what each function says of itself.

`python -m sluiceway.config.functions_page docs/functions.md` writes it anew below its mark.
"""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sluiceway.core.functions.documented import PAGES, Page
from sluiceway.core.functions.standard import StandardFunctions
from sluiceway.core.jmes_functions import THEMES
from sluiceway.core.json import JSON

MARK: Final = "<!-- What follows is generated: python -m sluiceway.config.functions_page docs/functions.md -->\n"


def render() -> str:
    """Return the list of all functions, in Markdown."""
    return "\n".join([*(line for theme in THEMES for line in _theme(theme)), *_standard()])


def rewritten(page: str) -> str:
    """Return a page with the list below its mark as it is now.

    Raises:
        ValueError: The page has no mark.
    """
    before, mark, _ = page.partition(MARK)
    if not mark:
        raise ValueError(f"the page has no line {MARK}")
    return f"{before}{mark}\n{render()}"


def _theme(theme: type) -> Iterator[str]:
    title, _, text = (inspect.getdoc(theme) or "").partition("\n")
    yield f"## {title.rstrip('.')}\n"
    if text:
        yield f"{text.strip()}\n"
    for method in vars(theme):
        if (page := PAGES.get(method.removeprefix("_func_"))) and method.startswith("_func_"):
            yield from _function(page)


def _function(page: Page) -> Iterator[str]:
    yield f"### `{page.call}`\n\n{page.summary}\n"
    if page.examples:
        yield "```text"
        yield from (f"{text}\n  → {_written(value)}" for text, value in page.examples)
        yield "```\n"


def _written(value: JSON) -> str:
    return json.dumps(value, ensure_ascii=False)


def _standard() -> Iterator[str]:
    names = sorted(StandardFunctions.FUNCTION_TABLE)
    yield "## JMESPath's own\n"
    yield "Described with the [language](https://jmespath.org/specification.html#built-in-functions):\n"
    yield f"{', '.join(f'`{name}`' for name in names)}.\n"


if __name__ == "__main__":
    file = Path(sys.argv[1])
    file.write_text(rewritten(file.read_text()))
