"""What a stage made of a message: its children, with their ids, or its end."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import TypeAlias, cast

from sluiceway.core.message import Message
from sluiceway.core.outcome import Bypass, Claimed, Defer, Drop
from sluiceway.engine.owner import AnyOwner
from sluiceway.engine.report import Ending

HandOut: TypeAlias = Callable[[Message, AnyOwner], None]
"""Gives a message to every sink that takes it."""


def spread(message: Message, owner: AnyOwner, where: str, result: object, hand_out: HandOut) -> Sequence[Message]:
    """Return the children of a message that go on in the chain, with their ids; those that do not have ended.

    Args:
        message: What the stage was given.
        owner: Answers for it.
        where: The stage.
        result: What the stage returned.
        hand_out: Takes what bypasses the rest of the chain.

    Raises:
        TypeError: The stage returned something else. That is its bug, never a drop.
    """
    if isinstance(result, list | tuple):
        made = cast("Sequence[object]", result)
        children = [child for child in made if isinstance(child, Message | Bypass)]
        if len(children) != len(made):
            raise TypeError(f"{where} returned a list with something in it that is no message")
        if children:
            owner.fork(len(children))
            return _numbered(children, message, owner, hand_out)
        result = Drop("made no message of it")
    if isinstance(result, Bypass):
        hand_out(same_id(result.message, message), owner)
        return ()
    if isinstance(result, Claimed):
        owner.complete_with(result.complete)
        return (same_id(result.message, message),)
    if isinstance(result, Drop):
        owner.end(message, Ending("dropped", where, result.reason))
        return ()
    if isinstance(result, Defer):
        owner.end(message, Ending("returned", where, result.reason, delay=result.delay))
        return ()
    if inspect.iscoroutine(result):
        result.close()
    raise TypeError(
        f"{where} returned {type(result).__name__}, not a Message, a list of them, a Drop, a Defer, a Bypass"
        " or a Claimed"
    )


def _numbered(
    children: Sequence[Message | Bypass], message: Message, owner: AnyOwner, hand_out: HandOut
) -> list[Message]:
    going_on: list[Message] = []
    for index, child in enumerate(children):
        name = f"{message.id}/{index}"
        if isinstance(child, Bypass):
            hand_out(child.message.evolve(id=name), owner)
        else:
            going_on.append(child.evolve(id=name))
    return going_on


def same_id(result: Message, message: Message) -> Message:
    """Return what a stage made of a message, which keeps its id."""
    return result if result.id == message.id else result.evolve(id=message.id)
