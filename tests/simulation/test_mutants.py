"""The simulation finds every bug that is planted in the engine, by a rule that the bug breaks."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from .mutant import Mutant
from .mutants import MUTANTS

ROOT = Path(__file__).parents[2]


def test_each_mutant_changes_a_line_that_is_there() -> None:
    engine = ROOT / "framework" / "sluiceway" / "engine"
    for mutant in MUTANTS:
        assert (engine / f"{mutant.module}.py").read_text().count(mutant.old) == 1, mutant.name


@pytest.fixture(scope="module")
def caught_by() -> Mapping[str, str]:
    """By mutant, the rule that has caught it, with the seed that is known for it; each in a process of its own."""
    command = [sys.executable, "-m", "tests.simulation", "--mutants", "--known"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return dict(line.split()[:2] for line in ran.stdout.splitlines() if line)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_is_caught_by_a_rule_that_it_breaks(mutant: Mutant, caught_by: Mapping[str, str]) -> None:
    assert caught_by[mutant.name] in mutant.rules, "make mutants finds another seed, if the scenarios have changed"


def test_a_planted_bug_is_found_and_its_seed_is_shown() -> None:
    command = [
        sys.executable,
        "-m",
        "tests.simulation",
        "--mutant",
        "delete-before-send",
        "--seeds",
        "50",
        "--enough",
        "1",
    ]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 1, ran.stderr
    assert "play it again, whole: make simulate SEED=" in ran.stdout


def test_a_seed_that_is_played_again_ends_with_a_verdict() -> None:
    command = [sys.executable, "-m", "tests.simulation", "--seed", "7"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    lines = ran.stdout.splitlines()
    assert lines[0].split() == ["seed", "7"]
    assert lines[-1] == "0 rules broken"
