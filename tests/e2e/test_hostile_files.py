"""Pipeline files that are no pipeline files: `lint` and `run` say what is wrong and where, and nothing starts."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from sluiceway.cli import app

GOOD = """\
version: 1
name: orders
source: {use: sqs, with: {queue: orders}}
sinks: [{id: bus, use: eventbridge, with: {bus: orders, source: shop, detail_type: Order}}]
errors: {dead_letter: {use: sqs, with: {queue: orders-dlq}}}
"""
BOMB = "version: 1\na: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


def refused(command: str, file: Path) -> str:
    """Return what the command says of a file that it refuses."""
    result: Result = CliRunner().invoke(app, [command, str(file)])
    said = result.stdout + result.stderr
    assert result.exit_code == 1, said
    assert "Traceback" not in said
    assert "started" not in said
    assert re.search(r"^(\d+ errors?), \d+ warnings?$", said, re.MULTILINE), said
    return said


@pytest.mark.parametrize("command", ["lint", "run"])
@pytest.mark.parametrize(
    ("content", "place", "says"),
    [
        pytest.param(b"", "1:1", "empty", id="empty"),
        pytest.param(b"# nothing but a comment\n", "1:1", "empty", id="nothing but a comment"),
        pytest.param(b"\x7fELF\x02\x01\x01\x00\x00\xff\xfe", "1:1", "", id="binary"),
        pytest.param(b"version: 1\nname: \xff\xfe\n", "2:7", "UTF-8", id="not UTF-8"),
        pytest.param(
            b"\xef\xbb\xbfversion: 1\nname: \xc3\xa9\xff\n", "2:8", "UTF-8", id="a byte order mark, not UTF-8"
        ),
        pytest.param(b"version: 1\nname: a\x00b\n", "2:8", "NUL", id="a null character"),
        pytest.param(b"{oh: no", "1:1", "the { of 1:1 is not closed", id="not YAML"),
        pytest.param(
            b"version: 1\nname: [a, b\nsource: {use: sqs}\n",
            "2:7",
            "close it with ]",
            id="a bracket that is not closed",
        ),
        pytest.param(b"\tversion: 1\n", "1:1", "tab", id="a tab"),
        pytest.param(b"- a\n- b\n", "1:1", "", id="a list"),
        pytest.param(b"just words\n", "1:1", "", id="a text"),
        pytest.param(b"a: " + b"[" * 1000 + b"]" * 1000, "1:67", "64", id="a thousand levels"),
        pytest.param(b"[" * 100_000, "1:65", "64", id="a hundred thousand levels, never closed"),
        pytest.param(BOMB.encode(), "6:8", "10,000", id="an alias bomb"),
        pytest.param(b"a: &a [*a]\n", "1:8", "a", id="an alias of itself"),
        pytest.param(b"x" * (1024 * 1024 + 1), "1:1", "1 MiB", id="too large"),
        pytest.param(GOOD.replace("use: sqs", "use: sqz", 1).encode(), "3:15", "did you mean", id="unknown component"),
        pytest.param(GOOD.replace("sinks", "sink").encode(), "4:1", "did you mean", id="unknown key"),
        pytest.param(GOOD.replace("queue: orders}", "qeue: orders}").encode(), "3:27", "did you mean", id="a setting"),
        pytest.param(
            GOOD.replace("queue: orders}", "queue: '${NO_SUCH}'}").encode(),
            "3:35",
            "set it, or give a default",
            id="unset",
        ),
        pytest.param(GOOD.replace("version: 1", "version: 99").encode(), "1:10", "", id="another version"),
        pytest.param(GOOD.replace("name: orders\n", "name: orders\nname: b\n").encode(), "3:1", "", id="a key twice"),
        pytest.param(GOOD.replace("name: orders", "name: !!python/name:os.system").encode(), "2:7", "", id="a tag"),
        pytest.param(GOOD.replace("use: sqs", "use: './gone.py:x'", 1).encode(), "3:15", "gone.py", id="no plugin"),
    ],
)
def test_a_file_that_is_wrong_is_refused_with_its_place(
    tmp_path: Path, command: str, content: bytes, place: str, says: str
) -> None:
    file = tmp_path / "orders.yaml"
    file.write_bytes(content)
    said = refused(command, file)
    assert f"{file}:{place}" in said
    assert says in said
    assert len(said) < 5000


@pytest.mark.parametrize("command", ["lint", "run"])
def test_what_is_no_file_is_refused_by_its_name(tmp_path: Path, command: str) -> None:
    unreadable = Path("/proc/self/mem")  # for root too
    for path, reason in (
        (tmp_path, "directory"),
        (tmp_path / "gone.yaml", "no such file"),
        (unreadable, "output error"),
    ):
        said = refused(command, path)
        assert f"{path}:1:1" in said
        assert reason.lower() in said.lower()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
@pytest.mark.parametrize("command", ["lint", "run"])
def test_a_file_that_may_not_be_read_is_refused_by_its_name(tmp_path: Path, command: str) -> None:
    file = tmp_path / "orders.yaml"
    file.write_text(GOOD)
    file.chmod(0)
    said = refused(command, file)
    assert f"{file}:1:1" in said
    assert "Permission denied" in said


@pytest.mark.parametrize("command", ["lint", "run"])
def test_a_file_that_never_ends_is_refused(command: str) -> None:
    said = refused(command, Path("/dev/zero"))
    assert "/dev/zero:1:1" in said


@pytest.mark.parametrize("command", ["lint", "run"])
def test_control_characters_in_a_file_do_not_reach_the_terminal(tmp_path: Path, command: str) -> None:
    file = tmp_path / "orders.yaml"
    file.write_text(GOOD.replace("sinks", '"\\e[2Jsinks"'))
    assert "\x1b" not in refused(command, file)
