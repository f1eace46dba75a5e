"""A third-party package is found, listed, linted, tested and run from YAML without touching the project."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PLUGIN = REPOSITORY / "tests" / "plugin_example"


def run(*command: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "NO_COLOR": "1", "COLUMNS": "160"},
    )


@pytest.fixture(scope="module")
def sluiceway(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command in a fresh venv that has wheels of the project and of the plugin, and no checkout."""
    folder = tmp_path_factory.mktemp("plugin")
    wheels = folder / "wheels"
    for project in (REPOSITORY, PLUGIN):
        source = folder / project.name
        shutil.copytree(
            project, source, ignore=shutil.ignore_patterns(".venv", ".git", ".*cache", "__pycache__", "tests")
        )
        built = run(
            sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", wheels, source
        )
        assert built.returncode == 0, built.stderr
    venv.create(folder / "venv", with_pip=False)
    python = folder / "venv" / "bin" / "python"
    installed = run(
        *(sys.executable, "-m", "pip", "--python", python),
        *("install", "--quiet", "--no-deps", "--no-index", *sorted(wheels.glob("*.whl"))),
    )
    assert installed.returncode == 0, installed.stderr
    # The dependencies are those of this environment: a test may not fetch them again.
    site = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").stdout.strip()
    dependencies = folder / "dependencies"
    dependencies.mkdir()
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if "sluiceway" not in entry.name:
            (dependencies / entry.name).symlink_to(entry)
    (Path(site) / "dependencies.pth").write_text(f"{dependencies}\n")
    return folder / "venv" / "bin" / "sluiceway"


def test_its_stages_are_listed_beside_the_built_in_ones(sluiceway: Path, tmp_path: Path) -> None:
    listed = run(sluiceway, "list", "--format", "json", cwd=tmp_path)
    assert listed.returncode == 0, listed.stderr
    stages = {entry["name"] for entry in json.loads(listed.stdout)}
    assert {"shout", "whisper", "filter", "translate", "validate", "enrich.http", "claim_check.restore"} <= stages


def test_its_reference_page_has_its_keys_and_example(sluiceway: Path, tmp_path: Path) -> None:
    page = run(sluiceway, "list", "shout", cwd=tmp_path)
    assert page.returncode == 0, page.stderr
    assert "capital letters" in page.stdout
    assert "How many exclamation marks to add." in page.stdout
    assert "with: {field: greeting}" in page.stdout


def test_a_file_that_uses_it_is_linted_and_its_tests_run(sluiceway: Path, tmp_path: Path) -> None:
    shutil.copy(PLUGIN / "greetings.yaml", tmp_path)
    linted = run(sluiceway, "lint", "greetings.yaml", cwd=tmp_path)
    assert linted.returncode == 0, linted.stdout + linted.stderr
    tested = run(sluiceway, "test", "greetings.yaml", cwd=tmp_path)
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_it_runs_from_yaml(sluiceway: Path, tmp_path: Path) -> None:
    text = (PLUGIN / "greetings.yaml").read_text()
    text = text.replace("{use: memory}", "{use: memory, with: {messages: [{body: {greeting: Hello}}]}}", 1)
    (tmp_path / "greetings.yaml").write_text(text)
    ran = run(sluiceway, "run", "greetings.yaml", cwd=tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_file_that_does_not_name_it_is_told_how(sluiceway: Path, tmp_path: Path) -> None:
    text = (PLUGIN / "greetings.yaml").read_text().replace("plugins: [sluiceway-shout]\n", "")
    (tmp_path / "greetings.yaml").write_text(text)
    linted = run(sluiceway, "lint", "greetings.yaml", cwd=tmp_path)
    assert linted.returncode == 1
    assert "plugins: [sluiceway-shout]" in linted.stdout
