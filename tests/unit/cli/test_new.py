"""`sluiceway new`: what it writes is right at once, whatever the sample."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from typer.testing import CliRunner, Result

from sluiceway.cli import app
from sluiceway.config.load import check
from sluiceway.core.json import JSON, dump
from sluiceway.core.schema import Schema
from sluiceway.scaffold.pipeline import propose
from sluiceway.testing import run_pipeline
from sluiceway.testing.strategies import changed, json_values

ORDER = {"order_no": "A-1", "total": 12, "lines": [{"sku": "tea", "qty": 1}], "buyer": {"full-name": "Ada"}}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def command(*arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments])


def test_a_pipeline_from_a_sample_lints_and_passes_its_test(folder: Path) -> None:
    result = command("new", "pipeline", "orders", "--sample", json.dumps(ORDER))
    assert result.exit_code == 0, result.output
    text = (folder / "orders.yaml").read_text()
    assert "orderNo: {jmes: body.order_no}" in text
    assert "total: {jmes: body.total, type: integer}" in text
    assert 'fullName: {jmes: "body.buyer.\\"full-name\\""}' in text
    assert "each: {jmes: body.lines}" in text
    assert command("lint", "orders.yaml").output == "orders.yaml: ok\n"
    assert command("test", "orders.yaml").output.endswith("1 passed, 0 failed\n")


def test_what_is_not_in_all_samples_is_optional(folder: Path) -> None:
    (folder / "samples.ndjson").write_text('{"a": 1, "b": null}\n{"a": 2.5, "c": "x"}\n')
    command("new", "pipeline", "mixed", "-s", "samples.ndjson")
    text = (folder / "mixed.yaml").read_text()
    assert "c: {jmes: body.c, optional: true}" in text
    schema = json.loads((folder / "schemas/mixed.v1.json").read_text())
    assert schema["required"] == ["a"]
    assert schema["properties"]["a"] == {"type": "number"}


def test_without_a_sample_it_passes_on_what_comes() -> None:
    command("new", "pipeline", "plain")
    assert command("lint", "plain.yaml").output == "plain.yaml: ok\n"
    assert command("test", "plain.yaml").exit_code == 0


def test_nothing_is_overwritten(folder: Path) -> None:
    (folder / "orders.yaml").write_text("mine")
    result = command("new", "pipeline", "orders")
    assert (result.exit_code, result.stderr) == (
        1,
        "sluiceway: error: orders.yaml is there already, and nothing is overwritten\n",
    )
    assert (folder / "orders.yaml").read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("pipeline", "../x"), "is no name"),
        (("pipeline", "x", "-s", "{"), "is not valid JSON"),
        (("pipeline", "x", "-s", '"\\ud800"'), "half of a surrogate pair"),
        (("pipeline", "x", "-s", "nothing.json"), "cannot be read"),
        (("plugin", "Price"), "is no name for a package"),
        (("plugin", "x" * 41), "at most 40"),
    ],
)
def test_what_cannot_be_used_is_said(arguments: tuple[str, ...], said: str, folder: Path) -> None:
    result = command("new", *arguments)
    assert result.exit_code in (1, 2)
    assert said in " ".join(result.stderr.replace("│", " ").split())
    assert list(folder.iterdir()) == []


def _can_be_written(sample: JSON) -> bool:
    try:
        dump(sample)
    except ValueError:
        return False
    return True


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given((changed(ORDER) | json_values()).filter(_can_be_written))
def test_whatever_the_sample_what_is_proposed_is_right_and_takes_it(folder: Path, sample: object) -> None:
    proposal = propose("any", [sample])  # type: ignore[list-item] # JSON, by its strategy
    (folder / "schemas").mkdir(exist_ok=True)
    (folder / proposal.schema_file).write_text(proposal.schema or "", encoding="utf-8")
    (folder / "any.yaml").write_text(proposal.text(), encoding="utf-8")
    checked = check(folder / "any.yaml", environ={})
    assert checked.problems == ()
    assert Schema(folder / proposal.schema_file).is_valid(sample)  # type: ignore[arg-type] # as above
    ran = run_pipeline(folder / "any.yaml", [{"body": sample}])
    assert len(ran.sinks["out"]) == 1, ran


def test_a_plugin_passes_its_own_tests_and_the_suite(folder: Path) -> None:
    """In a fresh interpreter, with the package's metadata beside the path: `pip install` is shown elsewhere."""
    result = command("new", "plugin", "price-list")
    assert result.exit_code == 0, result.output
    package = folder / "sluiceway-price-list"
    metadata = folder / "site/sluiceway_price_list-0.1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: sluiceway-price-list\nVersion: 0.1.0\n")
    (metadata / "entry_points.txt").write_text("[sluiceway.stages]\nprice_list = sluiceway_price_list:PriceList\n")
    path = os.pathsep.join([str(folder / "site"), str(package / "src"), *filter(None, sys.path)])
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", str(package)],
        capture_output=True,
        text=True,
        cwd=package,
        env={**os.environ, "PYTHONPATH": path},
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "11 passed" in ran.stdout
