"""A plugin package: a stage, a pipeline that uses it, and tests that it passes at once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files
from string import Template
from typing import Final

NAME: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
LONGEST: Final = 40

_FILES: Final = {
    "pyproject.toml": "pyproject.toml",
    "README.md": "README.md",
    "stage.py": "src/$module/__init__.py",
    "py.typed": "src/$module/py.typed",
    "pipeline.yaml": "$name.yaml",
    "test_stage.py": "tests/test_$word.py",
}
"""The templates beside this file, and where each goes in the new package."""


def plugin_files(name: str) -> Mapping[str, str]:
    """Return the files of a new plugin, by their paths in its folder.

    Args:
        name: Its name, which matches NAME: `price-list` becomes the distribution `sluiceway-price-list` and the stage
            `price_list`.
    """
    word = name.replace("-", "_")
    values = {
        "name": name,
        "word": word,
        "module": f"sluiceway_{word}",
        "distribution": f"sluiceway-{name}",
        "stage": "".join(part.capitalize() for part in name.split("-")),
    }
    folder = files("sluiceway.scaffold") / "plugin_files"
    return {
        Template(path).substitute(values): Template((folder / f"{file}.tmpl").read_text()).substitute(values)
        for file, path in _FILES.items()
    }
