"""Stages of the pipelines beside this file."""

from __future__ import annotations

import asyncio
import time

from sluiceway import Message, stage


@stage
async def think(message: Message) -> Message:
    """Take as long as the message says: long ones need their leases renewed."""
    await asyncio.sleep(message.body.get("takes", 0))
    return message


@stage
async def block(message: Message) -> Message:
    """Hold up the event loop, as no stage should, when the message comes for the first time."""
    if message.meta["receive_count"] == 1:
        time.sleep(message.body["blocks"])  # noqa: ASYNC251 - the point of this stage
    return message


@stage
def note(message: Message) -> Message:
    """Note how often the message has been received, and how many tasks the worker has."""
    return message.with_body(
        {**message.body, "receives": message.meta["receive_count"], "tasks": len(asyncio.all_tasks())}
    )
