"""`sluiceway dev`, as a person at two terminals uses it."""

from __future__ import annotations

import queue
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sluiceway.cli import app
from sluiceway.cli.dev import PORT

START = [sys.executable, "-W", "error", "-c", "from sluiceway.cli import main; main()"]
PATIENCE = 20  # seconds for a line that must come

RUNS = "orders runs: sqs:dev-orders → bus=eventbridge:dev-orders"

PIPELINE = """
version: 1
name: orders
plugins: [./stages.py]
source: {use: sqs, with: {queue: dev-orders}}
stages:
  - {id: agreed, use: validate, with: {schema: order.json}}
  - {id: only-ones, use: filter, with: {pattern: {body: {n: [1]}}}}
  - {id: ours, use: "./stages.py:ours"}
sinks: [{id: bus, use: eventbridge, with: {bus: dev-orders, source: dev, detail_type: Order}}]
errors: {dead_letter: {use: sqs, with: {queue: dev-orders-dlq}}}
"""
PLUGIN = '''
from sluiceway import Drop, Message, stage

@stage
def ours(message: Message) -> Message | Drop:
    """Let every order through."""
    return message
'''


class Dev:
    """The command, running; its output arrives line by line."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [*START, "dev", "orders.yaml"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.lines: list[str] = []
        self._coming: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._coming.put(line)
        self._coming.put(None)

    def see(self, text: str) -> str:
        """Return the next line that has the text."""
        while True:
            line = self._coming.get(timeout=PATIENCE)
            assert line is not None, f"dev ended before it said {text!r}:\n{''.join(self.lines)}"
            self.lines.append(line)
            if text in line:
                return line

    def send(self, *messages: str, file: str = "orders.yaml") -> list[str]:
        """Send messages to the file's source as from another terminal, and return their ids."""
        export = next(line for line in self.lines if "export " in line)
        variables = dict(pair.split("=", 1) for pair in export.split()[1:])
        sent = CliRunner().invoke(app, ["send", str(self.folder / file), *messages], env=variables)
        assert sent.exit_code == 0, sent.output
        return sent.stdout.split()

    def save(self, name: str, old: str, new: str) -> None:
        file = self.folder / name
        file.write_text(file.read_text().replace(old, new))

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(PATIENCE)
        self._reader.join()
        return code

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "orders.yaml").write_text(PIPELINE)
    (tmp_path / "order.json").write_text('{"type": "object"}')
    (tmp_path / "stages.py").write_text(PLUGIN)
    return tmp_path


@pytest.fixture
def dev(folder: Path) -> Iterator[Dev]:
    with closing(Dev(folder)) as running:
        yield running


def test_each_message_s_way_is_told_and_ctrl_c_drains(dev: Dev) -> None:
    dev.see(RUNS)
    (accepted,) = dev.send('{"n": 1}')
    dev.see(f"{accepted} → accepted bus")
    (dropped,) = dev.send('{"n": 2}')
    dev.see(f"{dropped} → dropped at only-ones: no pattern matched")
    (dead,) = dev.send("[]")
    dev.see(f"{dead} → dead-lettered at agreed: invalid: ")
    assert dev.stop() == 0
    dev.see("stopped")
    assert sum(dead in line for line in dev.lines) == 1


def test_a_fifo_source_is_created_sent_to_and_carried_in_order(folder: Path) -> None:
    file = folder / "orders.yaml"
    file.write_text(PIPELINE.replace("queue: dev-orders}", "queue: dev-orders.fifo}"))
    with closing(Dev(folder)) as dev:
        dev.see("sqs:dev-orders.fifo")
        for name in dev.send('{"n": 1}', '{"n": 1}', '{"n": 1}'):
            dev.see(f"{name} → accepted bus")
        assert dev.stop() == 0


def test_a_save_of_the_file_its_schema_or_its_plugin_is_loaded(dev: Dev) -> None:
    dev.see(RUNS)
    for name, old, new, message, way in (
        ("orders.yaml", "n: [1]", "n: [2]", '{"n": 2}', "accepted bus"),
        ("stages.py", "return message", "return Drop('seen')", '{"n": 2}', "dropped at ours: seen"),
        ("order.json", '"object"', '"array"', '{"n": 2}', "dead-lettered at agreed"),
    ):
        dev.save(name, old, new)
        dev.see("reloaded")
        (sent,) = dev.send(message)
        dev.see(f"{sent} → {way}")
    assert dev.stop() == 0
    dev.see("stopped")
    own_words = [line for line in dev.lines if re.search("runs:|reloaded|started|draining|stopped", line)]
    assert own_words == [f"{RUNS}\n", *["reloaded\n"] * 3, "stopped\n"]


def test_mistakes_are_shown_and_the_old_pipeline_runs_on(dev: Dev) -> None:
    dev.see(RUNS)
    (dev.folder / "old.yaml").write_text(PIPELINE)
    dev.save("orders.yaml", "use: filter", "use: filtre")
    dev.see("orders.yaml:8:26: error[unknown-component]")
    dev.see("run on")
    (sent,) = dev.send('{"n": 1}', file="old.yaml")
    dev.see(f"{sent} → accepted bus")
    dev.save("orders.yaml", "use: filtre", "use: filter")
    dev.see("reloaded")
    assert dev.stop() == 0


def test_another_port_is_taken_when_the_usual_one_is_in_use(folder: Path) -> None:
    with ExitStack() as stack:
        with suppress(OSError):  # somebody else has it already, and that is all that is needed
            stack.enter_context(socket.create_server(("127.0.0.1", PORT)))
        dev = stack.enter_context(closing(Dev(folder)))
        dev.see(RUNS)
        found = re.search(r"AWS_ENDPOINT_URL=http://127\.0\.0\.1:(\d+)", "".join(dev.lines))
        assert found
        assert int(found[1]) != PORT
        assert f"Port {PORT} is taken" in "".join(dev.lines)
        assert dev.stop() == 0


def test_a_file_that_is_wrong_at_the_start_is_shown_and_nothing_runs(tmp_path: Path) -> None:
    (tmp_path / "orders.yaml").write_text("version: 1\n")
    failed = subprocess.run([*START, "dev", "orders.yaml"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert failed.returncode == 1
    assert failed.stdout == ""
    assert "orders.yaml:1:1: error[" in failed.stderr


def test_a_secret_that_is_not_on_the_laptop_has_a_stand_in_that_is_said_once(tmp_path: Path) -> None:
    http = "{id: partner, use: http, with: {url: https://h.example, sign: {standard_webhooks: {secret: file:/gone}}}}"
    (tmp_path / "stages.py").write_text(PLUGIN)
    (tmp_path / "order.json").write_text('{"type": "object"}')
    (tmp_path / "orders.yaml").write_text(PIPELINE.replace("sinks: [", f"sinks: [{http}, "))
    with closing(Dev(tmp_path)) as dev:
        dev.see("runs:")
        dev.see("the secret file:/gone is not here: whsec_")
        dev.save("stages.py", "return message", "return Drop('seen')")
        dev.see("reloaded")
        (sent,) = dev.send('{"n": 1}')
        dev.see(f"{sent} → dropped at ours: seen")
        assert dev.stop() == 0
        assert sum("is not here" in line for line in dev.lines) == 1
