"""Task scale-in protection, against a container agent that answers as the documentation says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from tests.unit.engine.conftest import RecordedLog

from sluiceway import app
from sluiceway.adapters import ecs
from sluiceway.adapters.ecs import LINGER, RENEWED_AFTER, TRIED_AGAIN_AFTER, Protection, protected
from sluiceway.core.component import Stage
from sluiceway.core.message import Message
from sluiceway.core.spec import Pipeline, StageSpec
from sluiceway.testing import ManualClock

ON = {"ProtectionEnabled": True, "ExpiresInMinutes": 10}
OFF = {"ProtectionEnabled": False}
DENIED = {"error": {"Arn": "arn:task", "Code": "AccessDeniedException", "Message": "not authorized"}, "requestID": "1"}
NO_SERVICE = {"failure": {"Arn": "arn:task", "Detail": None, "Reason": "TASK_NOT_VALID"}}


class Agent:
    """A container agent, and a worker that holds what it is told to."""

    def __init__(self) -> None:
        self.url = ""
        self.clock = ManualClock()
        self.log = RecordedLog()
        self.held = 0
        self.asked: list[Any] = []
        self.answers: list[tuple[int, Any]] = []
        self.silent = False
        self.called = asyncio.Event()
        self.protection: Protection

    async def answer(self, request: web.Request) -> web.Response:
        asked = await request.json()
        self.asked.append(asked)
        self.called.set()
        if self.silent:
            await asyncio.Event().wait()
        if self.answers:
            status, answer = self.answers.pop(0)
            return answer if isinstance(answer, web.Response) else web.json_response(answer, status=status)
        return web.json_response({"protection": {**asked, "TaskArn": "arn:task"}})

    async def after(self, seconds: float, *, held: int) -> None:
        """Let time pass with so many messages held, and look at each second."""
        self.held = held
        for _ in range(int(seconds)):
            self.clock.time += 1
            await self.protection.look()

    @property
    def warnings(self) -> list[dict[str, object]]:
        return [facts for level, _, facts in self.log.lines if level == "warning"]


@pytest.fixture
async def agent() -> AsyncIterator[Agent]:
    agent = Agent()
    server = web.Application()
    server.router.add_put("/api/7/task-protection/v1/state", agent.answer)
    async with TestServer(server, host="127.0.0.1", shutdown_timeout=0) as served, aiohttp.ClientSession() as session:
        agent.url = f"{served.make_url('/api/7')}"
        agent.protection = Protection(agent.url, lambda: agent.held, agent.clock, agent.log, session)
        yield agent


async def test_a_task_without_work_is_never_protected(agent: Agent) -> None:
    await agent.after(1000, held=0)
    await agent.protection.end()
    assert agent.asked == []


async def test_a_task_is_protected_while_it_holds_messages_and_released_a_while_after_the_last(agent: Agent) -> None:
    await agent.after(5, held=3)
    assert agent.asked == [ON]
    await agent.after(LINGER - 1, held=0)
    assert agent.asked == [ON]
    await agent.after(1, held=0)
    assert agent.asked == [ON, OFF]
    await agent.after(1000, held=0)
    await agent.after(1, held=1)
    assert agent.asked == [ON, OFF, ON]
    assert [event for _, event, _ in agent.log.lines] == ["task protected", "task released", "task protected"]


async def test_pauses_between_messages_call_nobody(agent: Agent) -> None:
    for _ in range(10):
        await agent.after(1, held=1)
        await agent.after(LINGER - 5, held=0)
    assert agent.asked == [ON]


async def test_long_work_renews_the_protection_before_it_expires(agent: Agent) -> None:
    await agent.after(2 * RENEWED_AFTER + 10, held=1)
    assert agent.asked == [ON, ON, ON]
    assert ON["ExpiresInMinutes"] * 60 > RENEWED_AFTER + 2 * TRIED_AGAIN_AFTER
    assert agent.log.count("task protected") == 1


async def test_an_answer_that_comes_in_pieces_is_read_whole() -> None:
    async def in_pieces(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for piece in (b'{"protection": {"Protec', b'tionEnabled": true}}'):
            await response.write(piece)
            for _ in range(50):
                await asyncio.sleep(0)  # until the first piece has been read
        return response

    agent, server = Agent(), web.Application()
    server.router.add_put("/api/7/task-protection/v1/state", in_pieces)
    async with TestServer(server, host="127.0.0.1", shutdown_timeout=0) as served, aiohttp.ClientSession() as session:
        agent.url = f"{served.make_url('/api/7')}"
        agent.protection = Protection(agent.url, lambda: 1, agent.clock, agent.log, session)
        await agent.protection.look()
    assert agent.log.count("task protected") == 1
    assert agent.warnings == []


async def test_what_is_protected_at_the_end_is_released(agent: Agent) -> None:
    await agent.after(1, held=1)
    await agent.protection.end()
    assert agent.asked == [ON, OFF]


@pytest.mark.parametrize(
    ("status", "answer", "reason"),
    [
        (400, DENIED, "ECS answered AccessDeniedException: not authorized"),
        (200, NO_SERVICE, "ECS answered TASK_NOT_VALID"),
        (404, "no such path", "the ECS agent answered with status 404"),
        (200, {"neither": "nor"}, "the ECS agent answered with status 200"),
        (0, web.Response(text="x" * 100_000), "the ECS agent answered with status 200"),
        (
            0,
            web.Response(status=302, headers={"location": "http://127.0.0.1:1/"}),
            "the ECS agent answered with status 302",
        ),
    ],
)
async def test_a_refusal_is_one_warning_and_tried_again_later(
    agent: Agent, status: int, answer: Any, reason: str
) -> None:
    agent.answers = [(status, answer)] * (1 if status == 0 else 3)
    await agent.after(2 * TRIED_AGAIN_AFTER + 3, held=1)
    assert agent.asked == [ON] * (2 if status == 0 else 3)
    assert [facts["reason"] for facts in agent.warnings] == [reason]


async def test_a_missing_permission_is_named(agent: Agent) -> None:
    agent.answers = [(400, DENIED)]
    await agent.after(1, held=1)
    assert agent.warnings[0]["fix"] == "allow ecs:UpdateTaskProtection to the task role"


async def test_a_failure_after_a_success_is_a_warning_again(agent: Agent) -> None:
    agent.answers = [(500, {}), (200, {"protection": {}}), (500, {})]
    await agent.after(TRIED_AGAIN_AFTER + RENEWED_AFTER + 10, held=1)
    assert len(agent.warnings) == 2


async def test_an_agent_that_is_gone_or_silent_costs_a_bounded_time_and_one_warning(
    agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ecs, "_PATIENCE", 0.01)
    agent.silent = True
    await agent.after(1, held=1)
    agent.protection._url = "http://127.0.0.1:1/gone"
    await agent.after(TRIED_AGAIN_AFTER, held=1)
    agent.protection._url = "no-url"
    await agent.after(TRIED_AGAIN_AFTER, held=1)
    assert [facts["reason"] for facts in agent.warnings] == ["the ECS agent does not answer: TimeoutError"]


async def test_the_release_at_the_end_waits_for_nobody(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ecs, "_LAST_PATIENCE", 0.01)
    await agent.after(1, held=1)
    agent.silent = True
    await agent.protection.end()
    assert agent.asked == [ON, OFF]
    assert agent.warnings[0]["consequence"] == "scaling in and deployments wait for the task for up to 10m"


async def test_the_block_protects_and_releases(agent: Agent) -> None:
    class Clock(ManualClock):
        looked = asyncio.Event()

        async def sleep(self, seconds: float) -> None:
            self.looked.set()
            await asyncio.Event().wait()

    agent.held = 1
    clock = Clock()
    async with protected(agent.url, lambda: agent.held, clock, agent.log), asyncio.timeout(10):
        await clock.looked.wait()
    assert agent.asked == [ON, OFF]


def pipeline(folder: Path, name: str, called: asyncio.Event, *, protect: bool) -> Pipeline:
    """Return a pipeline that holds a message until the agent has been called."""

    class Waits(Stage):
        async def process(self, message: Message) -> Message:
            async with asyncio.timeout(0.1 if not protect else 10):
                await called.wait()
            return message

    file = folder / f"{name}.yaml"
    file.write_text(
        f"version: 1\nname: {name}\nsource: {{use: memory, with: {{messages: [{{body: 1}}]}}}}\n"
        f"sinks: [{{use: memory}}]\ndrain: {{protect: {str(protect).lower()}}}\nerrors: {{retry: {{attempts: 1}}}}\n"
    )
    return replace(app.load(file), stages=(StageSpec("waits", "waits", Waits()),))


@pytest.mark.parametrize(
    ("protect", "asked"), [((True, True), [ON, OFF]), ((True, False), [ON, OFF]), ((False, False), [])]
)
async def test_pipelines_that_ask_for_it_share_one_protection(
    agent: Agent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, protect: tuple[bool, bool], asked: list[Any]
) -> None:
    monkeypatch.setenv("ECS_AGENT_URI", agent.url)
    monkeypatch.setattr(ecs, "_LOOK_EVERY", 0.01)
    pipelines = [
        pipeline(tmp_path, name, agent.called, protect=wanted)
        for name, wanted in zip(("orders", "returns"), protect, strict=True)
    ]
    async with asyncio.timeout(10):
        await app.serve(pipelines, app.Options())
    assert agent.asked == asked


async def test_outside_of_ecs_nothing_is_protected(
    agent: Agent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ECS_AGENT_URI", raising=False)
    agent.called.set()
    async with asyncio.timeout(10):
        await app.serve([pipeline(tmp_path, "orders", agent.called, protect=True)], app.Options())
    assert agent.asked == []
