"""What holds for every command: exit codes, errors as sentences, a quick start, leaving on a signal."""

import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from sluiceway.cli import app
from sluiceway.cli.console import program
from sluiceway.cli.errors import guarded
from sluiceway.core.errors import InvalidPipeline, OutsideError
from sluiceway.core.problem import Problem

SLUICEWAY = [sys.executable, "-c", "from sluiceway_start import main; main()"]


def failing(raised: BaseException) -> typer.Typer:
    def command() -> None:
        raise raised

    made = typer.Typer()
    made.command()(guarded(command))
    return made


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [
        (OutsideError("queue a does not exist\nbus b does not exist"), 3, 2 * "sluiceway: error: {} does not exist\n"),
        (PermissionError(13, "Permission denied", "out.json"), 3, "sluiceway: error: out.json: Permission denied\n"),
        (
            InvalidPipeline([Problem("x.yaml", 3, 7, "name", "is wrong")]),
            1,
            "x.yaml:3:7: error[invalid] name: is wrong",
        ),
        (KeyError("x"), 70, "sluiceway: error: a bug, here or in a plugin: KeyError: 'x' (set SLUICEWAY_TRACEBACK=1"),
        (KeyboardInterrupt(), 130, ""),
        (BrokenPipeError(), 141, ""),
    ],
)
def test_an_error_is_a_sentence_and_an_exit_code(raised: BaseException, code: int, said: str) -> None:
    result = CliRunner().invoke(failing(raised), [])
    assert result.exit_code == code
    assert result.stderr.startswith(said.format("queue a", "bus b"))
    assert bool(result.stderr) == bool(said)
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


def test_the_traceback_of_a_bug_is_shown_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICEWAY_TRACEBACK", "1")
    assert "Traceback (most recent call last)" in CliRunner().invoke(failing(KeyError("x")), []).stderr


def test_control_characters_in_a_bug_do_not_reach_the_terminal() -> None:
    assert "\x1b" not in CliRunner().invoke(failing(ValueError("\x1b[2J")), []).stderr


@pytest.mark.parametrize(
    "arguments", [["lnt"], ["lint"], ["lint", "--nothing", "x"], ["run", "--health-port", "x", "f"]]
)
def test_wrong_usage_has_exit_code_2(arguments: list[str]) -> None:
    assert CliRunner().invoke(app, arguments).exit_code == 2


def test_help_says_what_each_command_does_and_what_exit_codes_mean() -> None:
    result = CliRunner().invoke(app, ["--help"])
    assert result.exit_code == 0
    assert all(word in result.stdout for word in ("run", "lint", "list", "schema", "Exit codes"))


def test_start_up_imports_neither_the_aws_client_nor_yaml_nor_tables() -> None:
    code = "import sys, sluiceway.cli; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    heavy = {"aiobotocore", "botocore", "aiohttp", "ministack", "ruamel", "rich.table", "structlog", "sluiceway.app"}
    assert heavy & set(found) == set()


@contextmanager
def start(*arguments: str, stdout: int, stderr: int | None = None) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen([*SLUICEWAY, *arguments], text=True, stdout=stdout, stderr=stderr) as process:
        try:
            yield process
        finally:
            process.kill()  # one that a failing test leaves behind; nothing where it has ended


def test_a_reader_that_leaves_early_ends_the_command_quietly() -> None:
    with start("schema", stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(20) == 141


@pytest.fixture
def pipeline(tmp_path: Path) -> Callable[[str], Path]:
    def write(plugin: str) -> Path:
        (tmp_path / "plugin.py").write_text(plugin)
        file = tmp_path / "orders.yaml"
        file.write_text(
            "version: 1\nname: orders\nplugins: [./plugin.py]\n"
            "source: {use: './plugin.py:Endless'}\nsinks: [{use: memory}]\n"
        )
        return file

    return write


def test_sigterm_before_the_worker_runs_ends_it_at_once_with_success(pipeline: Callable[[str], Path]) -> None:
    file = pipeline("print('importing', flush=True)\nimport threading\nthreading.Event().wait()\n")
    with start("run", str(file), stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == "importing\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


ENDLESS = """\
import asyncio
from contextlib import asynccontextmanager
from typing import ClassVar
from sluiceway import Source

class Receiver:
    async def receive(self, limit):
        print("receiving", flush=True)
        await asyncio.sleep(0.01)
        return []

    def extend(self, receipts, seconds):
        return []

    async def settle(self, settlements):
        return []

class Endless(Source):
    needs_dead_letters: ClassVar[bool] = False

    @asynccontextmanager
    async def open(self, context):
        yield Receiver()
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_running_worker_drains_on_a_signal_and_exits_with_success(
    pipeline: Callable[[str], Path], number: signal.Signals
) -> None:
    with start("run", str(pipeline(ENDLESS)), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline() == "receiving\n"
        process.send_signal(number)
        _, log = process.communicate(timeout=20)
    assert process.returncode == 0
    assert [line.split('"event": "')[1].split('"')[0] for line in log.splitlines()] == [
        "started",
        "draining",
        "stopped",
    ]


HANGING = """\
import threading
from sluiceway import stage
from sluiceway.adapters.memory import MemorySource as Endless

@stage(blocking=True)
def hang(message):
    print("hanging", flush=True)
    threading.Event().wait()
"""


def test_the_process_leaves_although_a_blocking_stage_hangs(pipeline: Callable[[str], Path]) -> None:
    file = pipeline(HANGING)
    more = "stages: [{use: './plugin.py:hang'}]\ndrain: {stop_timeout: 5.1s}\n"
    file.write_text(file.read_text().replace("Endless'", "Endless', with: {messages: [{body: 1}]}") + more)
    with start("run", str(file), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout
        assert process.stdout.readline() == "hanging\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


@pytest.mark.parametrize(
    ("argv", "path", "typed"),
    [
        (".venv/bin/sluiceway", "/usr/bin", ".venv/bin/sluiceway"),
        ("{here}/.venv/bin/sluiceway", "/usr/bin", ".venv/bin/sluiceway"),
        ("{here}/.venv/bin/sluiceway", "{here}/.venv/bin", "sluiceway"),
        ("-c", "/usr/bin", "sluiceway"),
    ],
)
def test_suggestions_name_the_command_as_one_types_it_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, argv: str, path: str, typed: str
) -> None:
    script = tmp_path / ".venv" / "bin" / "sluiceway"
    script.parent.mkdir(parents=True)
    script.touch(mode=0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", path.format(here=tmp_path))
    monkeypatch.setattr(sys, "argv", [argv.format(here=tmp_path)])
    assert program() == typed


@pytest.mark.parametrize("command", ["run", "dev", "demo", "test", "send", "lint", "list", "schema"])
def test_help_is_wrapped_once_to_the_width_of_the_terminal(command: str) -> None:
    shown = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "80", "TERMINAL_WIDTH": "80"}).stdout
    for paragraph in re.split(r"\n\s*\n", shown.partition("╭")[0].strip()):
        lines = [line.strip() for line in paragraph.strip().splitlines()]
        for line, following in pairwise(lines):
            assert len(f"{line} {following.split()[0]}") > 78, f"{line!r} ends early"


@pytest.mark.parametrize(
    ("command", "number", "code"),
    [
        ("run", signal.SIGINT, -signal.SIGINT),
        ("run", signal.SIGTERM, 0),  # a worker that is told to stop, and has nothing to drain
        ("lint", signal.SIGTERM, -signal.SIGTERM),
    ],
)
def test_a_signal_while_the_command_is_imported_ends_it_without_a_word(
    tmp_path: Path, command: str, number: signal.Signals, code: int
) -> None:
    (tmp_path / "sluiceway").mkdir()
    slow = "print('importing', flush=True)\nimport threading\nthreading.Event().wait()\n"
    (tmp_path / "sluiceway" / "__init__.py").write_text(slow)
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from sluiceway_start import main; main()"
    started = [sys.executable, "-c", program, command]
    with subprocess.Popen(started, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == "importing\n"
        process.send_signal(number)
        _, said = process.communicate(timeout=20)
    assert (process.returncode, said) == (code, "")
