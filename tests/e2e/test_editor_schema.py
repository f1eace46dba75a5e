"""The JSON Schema that the example pipelines name for editors is the one that the command prints."""

from __future__ import annotations

import json
from pathlib import Path

from sluiceway.config.registry import Registry
from sluiceway.config.schema import pipeline_schema

PIPELINES = Path(__file__).parents[2] / "pipelines"


def test_the_schema_beside_the_examples_is_current() -> None:
    ours = Registry([entry for entry in Registry().entries() if entry.is_ours])
    written = json.loads((PIPELINES / "sluiceway.schema.json").read_text())
    assert written == pipeline_schema(ours), "run `sluiceway schema -o pipelines/sluiceway.schema.json`"
