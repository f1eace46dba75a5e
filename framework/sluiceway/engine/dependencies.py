"""What is known of each dependency, sink or stage: is it down, or has it something against one message?"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from sluiceway.core.errors import Reject
from sluiceway.core.ports import Clock
from sluiceway.engine.surroundings import Log

THRESHOLD = 5
"""Transient failures in a row, with nothing served between them, that open a circuit."""

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
"""Seconds for which receiving pauses before it is tried again; doubled while it goes on failing."""

REMEMBERED = 10_000
"""Messages whose last failure is remembered; a forgotten one is given a chance more, never one fewer."""


@dataclass(slots=True)
class Circuit:
    """What is known of one dependency since it first failed; `pause` is set while it is down."""

    served: int = 0
    failures: int = 0
    pause: float = 0
    until: float = 0


class Dependencies:
    """Watches every dependency of one pipeline.

    While one serves nobody its circuit is open and receiving should pause. After each pause one round of messages is
    let through: one that is served closes the circuit, one that fails doubles the pause. Each opening and closing is
    logged once.

    Attributes:
        watched: The circuits, by dependency; one that has never failed has none.
    """

    def __init__(self, clock: Clock, log: Log) -> None:
        self._clock = clock
        self._log = log
        self.watched: dict[str, Circuit] = {}
        self._last: OrderedDict[tuple[str, str], int] = OrderedDict()

    def served(self, dependency: str, count: int = 1) -> None:
        """Note that a dependency has served messages; before it has ever failed, there is nothing to note."""
        circuit = self.watched.get(dependency)
        if circuit is None:
            return
        circuit.served += count
        circuit.failures = 0
        if circuit.pause:
            circuit.pause = circuit.until = 0
            self._log.info("resumed", dependency=dependency)

    def failed(self, dependency: str, message_id: str, reason: str) -> bool:
        """Note that a dependency failed a message for now, and tell whether that is the message's own failure.

        It is when the dependency has served another message since this one's last failure there: then it is not down.
        """
        circuit = self.watched.setdefault(dependency, Circuit())
        circuit.failures += 1
        now = self._clock.monotonic()
        if circuit.failures >= THRESHOLD and now >= circuit.until:
            if not circuit.pause:
                self._log.warning("paused", dependency=dependency, reason=reason, consequence="nothing is received")
            circuit.pause = min(LONGEST_PAUSE, circuit.pause * 2 or FIRST_PAUSE)
            circuit.until = now + circuit.pause
        return self._own((dependency, message_id), circuit.served)

    def _own(self, key: tuple[str, str], served: int) -> bool:
        before = self._last.pop(key, served)
        self._last[key] = served
        if len(self._last) > REMEMBERED:
            self._last.popitem(last=False)
        return served > before

    def pause(self) -> float:
        """Return for how many seconds receiving should pause; 0 or less when nothing is down."""
        now = self._clock.monotonic()
        return max((circuit.until - now for circuit in self.watched.values()), default=0)

    @property
    def down(self) -> list[str]:
        """The dependencies whose circuits are open."""
        watched = self.watched.copy()  # in one step: health asks from a thread of its own
        return [name for name, circuit in watched.items() if circuit.pause]


def is_answer(result: Exception | None) -> bool:
    """Tell whether a result shows that the dependency serves: it accepted, or itself refused.

    Any other rejection may have been made before it was asked, and must not pass for a sign of life in an outage.
    """
    return result is None or (isinstance(result, Reject) and result.error == "refused")
