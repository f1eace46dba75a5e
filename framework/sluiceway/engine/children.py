"""What a stage made of a message: its children, with their ids, or its end."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import cast

from sluiceway.core.message import Message
from sluiceway.core.outcome import Claimed, Defer, Drop
from sluiceway.engine.owner import AnyOwner
from sluiceway.engine.report import Ending


def spread(message: Message, owner: AnyOwner, where: str, result: object) -> Sequence[Message]:
    """Return the children that a stage made of a message, with their ids; a Drop or a Defer has none and ends it.

    Raises:
        TypeError: The stage returned something else. That is its bug, never a drop.
    """
    if isinstance(result, list | tuple):
        made = cast("Sequence[object]", result)
        children = [child for child in made if isinstance(child, Message)]
        if len(children) != len(made):
            raise TypeError(f"{where} returned a list with something in it that is no message")
        if children:
            owner.fork(len(children))
            return [child.evolve(id=f"{message.id}/{index}") for index, child in enumerate(children)]
        result = Drop("made no message of it")
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
        f"{where} returned {type(result).__name__}, not a Message, a list of them, a Drop, a Defer or a Claimed"
    )


def same_id(result: Message, message: Message) -> Message:
    """Return what a stage made of a message, which keeps its id."""
    return result if result.id == message.id else result.evolve(id=message.id)
