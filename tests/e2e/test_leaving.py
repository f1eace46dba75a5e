"""Workers that hang, and workers that are told to leave while something hangs: `sluiceway run` in its own process."""

from __future__ import annotations

import json
import signal
import socket
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest

STAGES = """
import asyncio
import sys
import threading
import time
from contextlib import asynccontextmanager

from sluiceway import Stage, stage


@stage
def blocks(message):
    if message.body:
        time.sleep(60)
    return message


@stage
async def clings(message):
    print('{"event": "called"}', file=sys.stderr, flush=True)
    while message.body:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            continue
    return message


@stage(blocking=True)
def waits(message):
    print('{"event": "called"}', file=sys.stderr, flush=True)
    if message.body:
        threading.Event().wait(60)
    return message


class Clings(Stage):
    @asynccontextmanager
    async def open(self, context):
        print('{"event": "called"}', file=sys.stderr, flush=True)
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                continue
        yield self.process


class Lingers(Stage):
    @asynccontextmanager
    async def open(self, context):
        self.__dict__["beside"] = asyncio.create_task(self.linger())
        yield self.same

    def same(self, message):
        return message

    async def linger(self):
        try:
            await asyncio.sleep(60)
        finally:
            print('{"event": "nearly gone"}', file=sys.stderr, flush=True)
            time.sleep(0.5)
"""
FILE = """
version: 1
name: orders
plugins: [./stages.py]
source: {use: memory, with: {messages: [{body: 0}, {body: 1}]}}
stages: [{id: ask, use: "./stages.py:%s", timeout: 100ms}]
sinks: [{use: memory}]
limits: {stall: 1s}
drain: {stop_timeout: 7s}
"""


@pytest.fixture
def stages(tmp_path: Path) -> None:
    (tmp_path / "stages.py").write_text(STAGES)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def events(command: Any) -> list[tuple[str, Any]]:
    return [(line["event"], line) for line in map(json.loads, command.said.splitlines())]


@pytest.mark.usefixtures("stages")
async def test_an_event_loop_that_is_blocked_turns_health_red_and_the_worker_leaves(run_command: Any) -> None:
    port = free_port()
    async with run_command(FILE % "blocks", SLUICEWAY_HEALTH_PORT=str(port)) as command:
        await command.see("no progress")
        async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/healthz") as answer:
            assert answer.status == 503
            trouble = (await answer.json())["orders"]["trouble"]
        assert await command.leaves() == 4
    assert trouble.startswith("the event loop has made no progress for 1s: it is in blocks (stages.py:")
    said, line = events(command)[-1]
    assert (said, line["exit_code"], line["reasons"]) == ("failed", 4, [trouble])


@pytest.mark.parametrize("kind", ["clings", "waits"])
@pytest.mark.usefixtures("stages")
async def test_a_call_that_does_not_end_makes_the_worker_drain_and_leave(run_command: Any, kind: str) -> None:
    async with run_command(FILE % kind) as command:
        assert await command.leaves() == 4
    said = dict(events(command))
    assert said["no progress"]["reason"] == "ask still runs 1s after its time-out, for message memory-2"
    assert "draining" in said
    assert said["failed"]["exit_code"] == 4


@pytest.mark.parametrize("kind", ["clings", "waits"])
@pytest.mark.usefixtures("stages")
async def test_sigterm_while_a_call_does_not_end_lets_the_worker_leave_in_time(run_command: Any, kind: str) -> None:
    async with run_command(FILE.replace("timeout: 100ms", "timeout: 1h") % kind) as command:
        await command.see("called")
        began = time.monotonic()
        command.signal(signal.SIGTERM)
        assert await command.leaves() == 0
        assert time.monotonic() - began < 7


@pytest.mark.usefixtures("stages")
async def test_sigterm_ends_a_start_that_does_not_heed_its_cancellation(run_command: Any) -> None:
    async with run_command(FILE % "Clings") as command:
        await command.see("called")
        began = time.monotonic()
        command.signal(signal.SIGTERM)
        assert await command.leaves() == 0
        assert time.monotonic() - began < 7


@pytest.mark.usefixtures("stages")
async def test_a_signal_just_before_it_leaves_changes_nothing(run_command: Any) -> None:
    text = (FILE % "Lingers").replace(
        "memory, with: {messages: [{body: 0}, {body: 1}]}", "sqs, with: {queue: '${Q}-in'}"
    )
    text += "errors: {dead_letter: {use: sqs, with: {queue: '${Q}-dlq'}}}"
    async with run_command(text.replace("7s", "30s").replace("'${Q}-in'", "'${Q}-in', wait_time: 1s")) as command:
        await command.see("started")
        command.signal(signal.SIGTERM)
        await command.see("nearly gone")
        command.signal(signal.SIGINT)
        assert await command.leaves() == 0
