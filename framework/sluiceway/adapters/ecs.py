"""ECS task scale-in protection: while messages are held, neither scaling in nor a deployment stops the task.

The container agent offers it under `$ECS_AGENT_URI`; what it takes and answers:
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-scale-in-protection-endpoint.html
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final, cast

import aiohttp
import orjson
from structlog.typing import FilteringBoundLogger

from sluiceway.core.ports import Clock

AGENT: Final = "ECS_AGENT_URI"
"""The environment variable that ECS sets in every container."""

EXPIRES: Final = 10
"""Minutes for which the task is protected at a time: so long it stays protected after a crash."""

RENEWED_AFTER: Final = 300.0
"""Seconds after which the protection is renewed: early enough for a few attempts."""

LINGER: Final = 30.0
"""Seconds without a message after which it is released: a busy queue must not call the agent for each message."""

TRIED_AGAIN_AFTER: Final = 60.0
"""Seconds after a failure."""

_LOOK_EVERY: Final = 1.0
_PATIENCE: Final = 10.0
"""Seconds for one call: the agent itself gives up on ECS a little earlier."""

_LAST_PATIENCE: Final = 2.0
"""Seconds for the release at the end, when the stop time-out is nearly over."""

_LONGEST_ANSWER: Final = 16 * 1024


class Protection:
    """The protection of this task.

    Args:
        agent: The agent's URL.
        held: Tells how many messages are held at the moment.
        clock: Time.
        log: Where changes are said, and failures: once, until something has succeeded again.
        session: The connection to the agent.
    """

    def __init__(
        self,
        agent: str,
        held: Callable[[], int],
        clock: Clock,
        log: FilteringBoundLogger,
        session: aiohttp.ClientSession,
    ) -> None:
        self._url = f"{agent}/task-protection/v1/state"
        self._held = held
        self._clock = clock
        self._log = log
        self._session = session
        self._held_at = -math.inf
        self._renew_at = self._try_at = -math.inf
        self._protected = False  # or perhaps: the answer to the last call may have been lost
        self._warned = False

    async def keep(self) -> None:
        """Look every second, for ever."""
        while True:
            await self.look()
            await self._clock.sleep(_LOOK_EVERY)

    async def look(self) -> None:
        """Protect the task, renew that or release it, when it is time to."""
        now = self._clock.monotonic()
        if self._held():
            self._held_at = now
        if now < self._try_at:
            return
        if now - self._held_at < LINGER:
            if now >= self._renew_at:
                await self._protect(now)
        elif self._protected:
            await self._release(_PATIENCE)

    async def end(self) -> None:
        """Release what is protected: the worker has left nothing behind."""
        if self._protected:
            await self._release(_LAST_PATIENCE)

    async def _protect(self, now: float) -> None:
        begins, self._protected = not self._protected, True
        body = {"ProtectionEnabled": True, "ExpiresInMinutes": EXPIRES}
        consequence = "scaling in or a deployment may stop the task while it works; it drains then"
        if await self._put(body, _PATIENCE, consequence):
            self._renew_at = now + RENEWED_AFTER
            if begins:
                self._log.info("task protected", minutes=EXPIRES)

    async def _release(self, patience: float) -> None:
        self._renew_at = -math.inf
        consequence = f"scaling in and deployments wait for the task for up to {EXPIRES}m"
        if await self._put({"ProtectionEnabled": False}, patience, consequence):
            self._protected = False
            self._log.info("task released")

    async def _put(self, body: Mapping[str, object], patience: float, consequence: str) -> bool:
        """Tell the agent, and whether ECS has done it. A failure is no reason to stop working."""
        try:
            async with (
                asyncio.timeout(patience),
                self._session.put(self._url, json=body, allow_redirects=False) as answer,
            ):
                problem = _problem(answer.status, await _content(answer.content))
        except (aiohttp.ClientError, OSError) as error:  # a TimeoutError is an OSError
            problem = f"the ECS agent does not answer: {str(error) or type(error).__name__}"
        if problem is None:
            self._warned, self._try_at = False, -math.inf
            return True
        self._try_at = self._clock.monotonic() + TRIED_AGAIN_AFTER
        if not self._warned:
            self._warned = True
            fix = "allow ecs:UpdateTaskProtection to the task role" if "AccessDenied" in problem else None
            self._log.warning("task protection failed", reason=problem, consequence=consequence, fix=fix)
        return False


@asynccontextmanager
async def protected(
    agent: str, held: Callable[[], int], clock: Clock, log: FilteringBoundLogger
) -> AsyncGenerator[None]:
    """Protect this task while the block runs and messages are held; release it after the block."""
    async with aiohttp.ClientSession(trust_env=False) as session:
        protection = Protection(agent, held, clock, log, session)
        keeping = asyncio.create_task(protection.keep())
        try:
            yield
        finally:
            keeping.cancel()
            await asyncio.wait([keeping])
            await protection.end()


async def _content(stream: aiohttp.StreamReader) -> bytes:
    """Return an answer whole, however many pieces it comes in; of one that is too long, the beginning."""
    content = b""
    while len(content) < _LONGEST_ANSWER and (piece := await stream.read(_LONGEST_ANSWER - len(content))):
        content += piece
    return content


def _problem(status: int, content: bytes) -> str | None:
    """Return what an answer says has gone wrong; None when nothing has.

    A failure of the agent's own or of its call has a status; one that ECS reports for the task comes with 200.
    """
    try:
        answer = cast("object", orjson.loads(content))
    except orjson.JSONDecodeError:
        answer = None
    if isinstance(answer, dict):
        for key, names in (("error", ("Code", "Message")), ("failure", ("Reason", "Detail"))):
            said = cast("dict[str, object]", answer).get(key)
            if isinstance(said, dict):
                words = [str(word)[:300] for name in names if (word := cast("dict[str, object]", said).get(name))]
                return f"ECS answered {': '.join(words) or status}"
        if status == 200 and "protection" in answer:
            return None
    return f"the ECS agent answered with status {status}"
