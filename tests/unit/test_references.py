"""Reference pages: complete, and with an example that works when it is copied into a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sluiceway.config.load import check
from sluiceway.config.reference import describe
from sluiceway.config.registry import Entry, Registry

ENTRIES = [entry for entry in Registry().entries() if entry.is_ours]

BESIDE = {"enrich.table": "tables: {countries: {rows: {DE: {name: Germany}}}}\n"}
"""What an example needs of the rest of its file."""

DEFAULTS = {"source": "use: memory", "stage": "[]", "sink": "- use: memory"}
PLACES = {"source": "source", "stage": "stages", "sink": "sinks"}


def names(entry: Entry) -> str:
    return f"{entry.kind} {entry.name}"


def pipeline(kind: str, example: str) -> str:
    """Return a whole file with an example in its place."""
    parts = {**DEFAULTS, kind: example}
    lines = ["version: 1", "name: example", "errors: {dead_letter: {use: sqs, with: {queue: example-dlq}}}"]
    for place, text in parts.items():
        lines += [f"{PLACES[place]}:", *(f"  {line}" for line in text.splitlines())]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("entry", ENTRIES, ids=names)
def test_the_example_of_a_component_is_right_as_it_stands(entry: Entry, tmp_path: Path) -> None:
    (tmp_path / "schemas").mkdir()
    for name in ("shop-order.v1.json", "order-accepted.v1.json"):
        (tmp_path / "schemas" / name).write_text(json.dumps({"type": "object"}))
    text = pipeline(entry.kind, describe(entry).example) + BESIDE.get(entry.name, "")
    assert f"use: {entry.name}" in text
    assert check(tmp_path / "example.yaml", text=text, environ={}).problems == ()


@pytest.mark.parametrize("entry", ENTRIES, ids=names)
def test_every_key_of_a_component_is_described(entry: Entry) -> None:
    assert [key.name for key in describe(entry).keys if not key.description] == []


@pytest.mark.parametrize("entry", ENTRIES, ids=names)
def test_the_keys_that_stages_and_sinks_share_are_named(entry: Entry) -> None:
    shared = ["schema", "sample"] if entry.kind == "source" else ["id", "timeout", "concurrency", "routes"]
    assert describe(entry).beside == shared
