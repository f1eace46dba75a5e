"""What a stage may return, and how a delivery is settled."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from sluiceway.core.errors import ErrorClass
from sluiceway.core.message import Message


@dataclass(frozen=True, slots=True)
class Drop:
    """The stage's word that this message ends here, and why. It is settled as done and counted under the reason."""

    reason: str


@dataclass(frozen=True, slots=True)
class Defer:
    """The stage's word that it is too early for this message: it is given back, to come again after `delay` seconds.

    That is no failure: it uses up no attempt and opens no circuit. A source has a limit of its own (SQS: 12 hours
    after receipt), so a longer delay is cut and the stage is asked again.
    """

    delay: float
    reason: str


Completion: TypeAlias = Callable[[bool], Awaitable[None]]
"""Awaited once before a delivery is settled: with True when it is done and will be acknowledged, with False when it
comes again or is dead-lettered. While it raises Transient nothing is acknowledged. Never awaited for a lost lease."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """The message goes on, and the stage is told before its delivery is settled.

    A stage that keeps a record of what it has seen (an idempotent receiver) may call it seen only once every sink has
    accepted it, and before the source forgets it.
    """

    message: Message
    complete: Completion


@dataclass(frozen=True, slots=True)
class Bypass:
    """The message leaves the chain here: no stage behind this one sees it, and it goes to the sinks of its routes.

    Sinks without `routes` take it only when it is on no route: a copy for one sink is not for all of them.
    """

    message: Message


Result: TypeAlias = Message | Sequence[Message | Bypass] | Bypass | Drop | Defer | Claimed
"""What a stage returns: the message, several (none of them is a drop), or what else becomes of it."""


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
