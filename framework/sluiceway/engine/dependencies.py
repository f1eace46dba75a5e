"""What is known of each dependency, sink or stage: is it down, or has it something against one message?"""

from __future__ import annotations

import math
from collections import OrderedDict

from sluiceway.core.errors import Reject
from sluiceway.core.ports import Clock
from sluiceway.engine.circuit import FIRST_PAUSE, Circuit, Down
from sluiceway.engine.surroundings import Log

REMEMBERED = 10_000
"""Messages whose last failure is remembered; a forgotten one is given a chance more, never one fewer."""

CALLS = 10
"""Calls of a stage that is down with which it is tried after each pause: if only one was, and that for a message that
it has something against, nobody would ever learn that it serves the others."""


class Dependencies:
    """Watches every dependency of one pipeline.

    While one serves nobody its circuit is open and receiving should pause. Each opening and closing is logged once.

    Attributes:
        clock: Time, by which it is judged what was asked when.
        watched: The circuits, by dependency; a stage that has never failed has none.
        outside: The stages of which each real call is watched. That such a stage has passed a message on says nothing
            of what it depends on: the answer may have come from a cache.
    """

    def __init__(self, clock: Clock, log: Log) -> None:
        self.clock = clock
        self._log = log
        self.watched: dict[str, Circuit] = {}
        self.outside: set[str] = set()
        self._last: OrderedDict[tuple[str, str], int] = OrderedDict()

    def check_up(self, stage: str) -> None:
        """Let a stage call what it depends on.

        Raises:
            Down: It is down, and enough others try it already.
        """
        circuit = self.watched.get(stage)
        if circuit is not None and not circuit.admits(CALLS):
            raise Down(f"what {stage} calls is down, and was not called", retry_after=circuit.wait)

    def served(self, dependency: str, count: int = 1, *, since: float | None = None) -> None:
        """Note that a dependency has served messages; before a stage has ever failed, there is nothing to note.

        Args:
            dependency: Which.
            count: How many messages.
            since: When it was asked, on the monotonic clock; just now, if nothing is said.
        """
        circuit = self.watched.get(dependency)
        if circuit is not None:
            circuit.served(count, since=since)

    def failed(self, dependency: str, reason: str, retry_after: float | None = None) -> None:
        """Note that a call of a dependency has failed for now."""
        self.circuit(dependency).failed(reason, retry_after)

    def is_own(self, dependency: str, message_id: str) -> bool:
        """Tell whether it is a message's own failure that a dependency has failed it for now.

        It is when the dependency has served another message since this one's last failure there: then it is not down.
        """
        served = self.circuit(dependency).served_count
        key = (dependency, message_id)
        before = self._last.pop(key, served)
        self._last[key] = served
        if len(self._last) > REMEMBERED:
            self._last.popitem(last=False)
        return served > before

    def circuit(self, dependency: str) -> Circuit:
        """Return a dependency's circuit."""
        if dependency not in self.watched:
            self.watched[dependency] = Circuit(dependency, self.clock, self._log)
        return self.watched[dependency]

    def pause(self) -> float:
        """Return for how many seconds receiving should pause; 0 or less when what comes may try what is down."""
        return max((_pause(circuit) for circuit in self.watched.values()), default=0)

    def quiet(self) -> float:
        """Return for how many seconds nothing has been down, so that nothing has kept messages from being received."""
        return min((circuit.quiet for circuit in self.watched.values()), default=math.inf)

    @property
    def down(self) -> list[str]:
        """The dependencies whose circuits are open."""
        watched = self.watched.copy()  # in one step: health asks from a thread of its own
        return [name for name, circuit in watched.items() if circuit.is_open]


def _pause(circuit: Circuit) -> float:
    return max(circuit.wait, FIRST_PAUSE) if circuit.is_open and circuit.waiting else circuit.wait


def is_answer(result: Exception | None) -> bool:
    """Tell whether a result shows that the dependency serves: it accepted, or itself refused.

    Any other rejection may have been made before it was asked, and must not pass for a sign of life in an outage.
    """
    return result is None or (isinstance(result, Reject) and result.error == "refused")
