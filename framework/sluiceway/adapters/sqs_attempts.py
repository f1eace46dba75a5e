"""Receives of a FIFO queue whose answers were lost: asked for again by the same id, they are answered again."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

from sluiceway.core.ports import Clock, Random

REPEATABLE: Final = 300.0
"""Seconds for which SQS knows an attempt ("only for 5 minutes after a ReceiveMessage action")."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One receive.

    Attributes:
        id: What SQS knows it by.
        limit: How many messages it asked for, and may be answered with again.
        until: Up to when it can be made again, on the monotonic clock.
    """

    id: str
    limit: int
    until: float


class Attempts:
    """Chooses the ReceiveRequestAttemptId of each receive.

    The messages in an answer that was lost are in flight all the same, and block their groups until the visibility
    time-out is over. A receive with the same id is answered with the same messages and receipt handles, as nobody can
    have changed them, and their visibility time-out begins anew. Once that is over there is nothing to ask for again.

    Source: ReceiveRequestAttemptId in
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html
    """

    def __init__(self, clock: Clock, random: Random, *, visibility: float) -> None:
        self._clock = clock
        self._random = random
        self._span = min(REPEATABLE, visibility)
        self._lost: deque[Attempt] = deque()

    def next(self, limit: int) -> Attempt:
        """Return a lost attempt to repeat, if there is one that has room for its answer; else a new one."""
        now = self._clock.monotonic()
        while self._lost and self._lost[0].until <= now:
            self._lost.popleft()
        for attempt in self._lost:
            if attempt.limit <= limit:
                self._lost.remove(attempt)
                return attempt
        return Attempt(f"{self._random.getrandbits(128):032x}", limit, now + self._span)

    def lost(self, attempt: Attempt) -> None:
        """Note that no answer came."""
        self._lost.append(attempt)
