"""`sluiceway list`: what is installed, and the page of each."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sluiceway.cli import app

PLUGIN = '''
from pydantic import Field
from sluiceway import Duration, Message, Settings, Stage

class Window(Settings):
    """When it speaks."""

    every: Duration = Field(default=Duration("5m"), description="How often.")

class Shout(Stage):
    """Say it louder.

    Twice, if need be.

    ```yaml
    - use: acme.shout
      with: {words: [a, b]}
    ```
    """

    words: tuple[str, ...] = Field(description="What is said.")
    window: Window = Window()
'''


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """A runner beside which a plugin is installed, one of whose components is broken."""
    info = tmp_path / "acme-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    points = "acme.shout = acme_shout_plugin:Shout\nacme.broken = acme_shout_plugin:Gone\n"
    (info / "entry_points.txt").write_text(f"[sluiceway.stages]\n{points}")
    (tmp_path / "acme_shout_plugin.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "acme_shout_plugin", raising=False)
    return CliRunner()


def test_every_component_has_a_line_that_is_not_cut_in_a_pipe(runner: CliRunner) -> None:
    result = runner.invoke(app, ["list"])
    rows = {tuple(line.split()[:3]): line for line in result.stdout.splitlines()}
    assert rows["translate", "stage", "sluiceway"].endswith(
        "Make a new body from the message, in the receiver's words."
    )
    assert rows["acme.shout", "stage", "acme*"].endswith("Say it louder.")
    assert "a file that uses it names it under `plugins`" in result.stdout
    assert result.exit_code == 0


def test_a_broken_plugin_is_listed_with_its_error(runner: CliRunner) -> None:
    [line] = [line for line in runner.invoke(app, ["list"]).stdout.splitlines() if line.startswith("acme.broken")]
    assert "BROKEN: `acme.broken` cannot be imported from acme_shout_plugin:Gone: AttributeError" in line


def test_a_page_has_text_keys_defaults_and_example(runner: CliRunner) -> None:
    result = runner.invoke(app, ["list", "acme.shout"])
    assert result.stdout == (
        "stage acme.shout, from acme\n\n"
        "Say it louder.\n\n"
        "Twice, if need be.\n\n"
        "A file that uses it has `plugins: [acme]`.\n\n"
        "key           takes         default   meaning\n"
        "words         list of text  required  What is said.\n"
        "window        mapping                 When it speaks.\n"
        "window.every  duration      5m        How often.\n\n"
        "Beside `use` and `with` stand id, timeout, concurrency and routes.\n\n"
        "example\n  - use: acme.shout\n    with: {words: [a, b]}\n\n"
    )


def test_the_iam_actions_of_the_example_are_listed(runner: CliRunner) -> None:
    result = runner.invoke(app, ["list", "sqs", "--kind", "sink"])
    assert "  sqs:GetQueueAttributes\n  sqs:GetQueueUrl\n  sqs:SendMessage\n" in result.stdout
    assert "sqs:ReceiveMessage" not in result.stdout


def test_programs_get_the_same_facts(runner: CliRunner) -> None:
    [page] = json.loads(runner.invoke(app, ["list", "acme.shout", "--format", "json"]).stdout)
    assert (page["kind"], page["needs_plugins"], page["summary"]) == ("stage", True, "Say it louder.")
    assert page["keys"][2] == {
        "name": "window.every",
        "type": "duration",
        "required": False,
        "default": "5m",
        "description": "How often.",
    }
    assert page["schema"]["required"] == ["words"]
    assert page["example"] == "- use: acme.shout\n  with: {words: [a, b]}"
    everything = json.loads(runner.invoke(app, ["list", "--format", "json"]).stdout)
    assert {"sqs", "translate", "acme.broken"} <= {page["name"] for page in everything}


def test_every_component_of_ours_says_what_it_and_its_keys_mean_and_has_an_example(runner: CliRunner) -> None:
    pages = json.loads(runner.invoke(app, ["list", "--format", "json"]).stdout)
    for page in pages:
        if not page["needs_plugins"]:
            assert page["error"] is None, page["name"]
            assert page["summary"], page["name"]
            assert page["example"], page["name"]


def test_an_unknown_name_is_answered_with_the_nearest(runner: CliRunner) -> None:
    result = runner.invoke(app, ["list", "translat"])
    assert result.exit_code == 2
    assert "did you mean translate?" in " ".join(result.stderr.split())
