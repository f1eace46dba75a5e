"""The docstrings of patterns are their reference pages: complete, and with an example that works."""

from __future__ import annotations

import inspect
import json
import re
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from sluiceway import Stage
from sluiceway_patterns.routing import Filter
from sluiceway_patterns.translate import Translate
from sluiceway_patterns.validate import Validate

PATTERNS = {"filter": Filter, "translate": Translate, "validate": Validate}


@pytest.mark.parametrize(("use", "pattern"), PATTERNS.items())
def test_the_example_of_a_pattern_is_a_list_with_one_valid_stage(
    use: str, pattern: type[Stage], tmp_path: Path
) -> None:
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas/shop-order.v1.json").write_text(json.dumps({"type": "object"}))
    (example,) = re.findall(r"^```yaml\n(.*?)^```", inspect.getdoc(pattern) or "", re.DOTALL | re.MULTILINE)
    stages: list[dict[str, Any]] = YAML(typ="safe", pure=True).load(StringIO(example))
    (stage,) = stages
    assert stage["use"] == use
    assert isinstance(pattern.model_validate(stage["with"], context={"folder": tmp_path}), Stage)


@pytest.mark.parametrize("pattern", PATTERNS.values())
def test_every_key_of_a_pattern_is_described(pattern: type[Stage]) -> None:
    assert [name for name, field in pattern.model_fields.items() if not field.description] == []
