"""What a stage may return, and how a delivery is settled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from sluiceway.core.errors import ErrorClass
from sluiceway.core.message import Message


@dataclass(frozen=True, slots=True)
class Drop:
    """The stage's word that this message ends here, and why. It is settled as done and counted under the reason."""

    reason: str


Result: TypeAlias = Message | Sequence[Message] | Drop
"""What a stage returns: the message, several (none of them is a drop), or a Drop."""


@dataclass(frozen=True, slots=True)
class Ack:
    """Done: every sink that takes it has accepted it, or it was dropped."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Give it back to the source, to come again after `delay` seconds."""

    delay: float
    reason: str


@dataclass(frozen=True, slots=True)
class Facts:
    """Why a message lies in the dead-letter queue: the `sluiceway` attribute, and the log line.

    Attributes:
        pipeline: The pipeline's name.
        stage: The id of the stage or sink that ended it, or `source`.
        error: The class of the error.
        reason: A sentence for the person who reads it.
        attempts: How often it was tried, this time included: receives, and own failures of legs that were held.
        accepted: The ids of the sinks that had accepted it (or a child of it) by then.
        id: The message's id, or its child's.
        time: When, in ISO 8601, UTC.
    """

    pipeline: str
    stage: str
    error: ErrorClass
    reason: str
    attempts: int
    accepted: tuple[str, ...]
    id: str
    time: str


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Move it to the dead-letter queue, then settle it."""

    facts: Facts


Verdict: TypeAlias = Ack | Retry | DeadLetter
