"""The catalogue of patterns: complete, and naming only what there is."""

from __future__ import annotations

import re
from pathlib import Path

from sluiceway.config.registry import Registry

PAGE = Path(__file__).parents[2] / "docs/patterns.md"
CHAPTERS = {
    "Integration styles": 4,
    "Messaging systems": 6,
    "Messaging channels": 9,
    "Message construction": 9,
    "Message routing": 12,
    "Message transformation": 6,
    "Messaging endpoints": 11,
    "System management": 8,
}
WORDS = {"errors.dead_letter", "output_schema", "concurrency", "tests:", "use:", "specversion", "type", "dataschema"}


def rows(chapter: str) -> list[list[str]]:
    text = PAGE.read_text().split(f"\n## {chapter}\n")[1].split("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("| ")][1:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_all_65_patterns_stand_in_their_chapters() -> None:
    counts = {chapter: len(rows(chapter)) for chapter in CHAPTERS}
    assert counts == CHAPTERS
    assert sum(counts.values()) == 65
    names = [row[0] for chapter in CHAPTERS for row in rows(chapter)]
    assert len(set(names)) == 65


def test_each_is_done_by_somebody_or_has_a_reason() -> None:
    for chapter in CHAPTERS:
        for name, who, how in rows(chapter):
            assert who in {"component", "engine", "platform", "out of scope"}, name
            assert how, name


def test_each_component_that_is_named_is_installed_and_each_stage_is_named() -> None:
    text = PAGE.read_text()
    entries = Registry().entries()
    names = {entry.name for entry in entries if entry.is_ours}
    named = set(re.findall(r"`([a-z_.:]+)`", text)) - WORDS
    assert named - names == set()
    assert {entry.name for entry in entries if entry.is_ours and entry.kind == "stage"} - named == set()
