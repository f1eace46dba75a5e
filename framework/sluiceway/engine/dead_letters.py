"""The way to the dead-letter queue: what it has not confirmed is not dead-lettered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from sluiceway.core.errors import Transient
from sluiceway.core.outcome import Facts
from sluiceway.core.ports import Bury, Delivery
from sluiceway.engine.circuit import Down
from sluiceway.engine.dependencies import Dependencies
from sluiceway.engine.ledger import last_frame
from sluiceway.engine.report import dead_letter_facts
from sluiceway.engine.results import is_bug, results_of
from sluiceway.engine.surroundings import Log

NAME = "dead_letter"
"""The dead-letter queue's name as a dependency."""

TIMEOUT = 90.0
"""Seconds for one call: more than adapters allow their own, so that this ends only what would hang for ever."""

Letter: TypeAlias = tuple[Delivery, Facts]


class DeadLetters:
    """Has dead letters kept, and knows whether their queue serves.

    While it serves nobody, nothing is received: what is held tries it. A queue that is gone or denied is the same, for
    its operator can put it right.

    Args:
        bury: The open dead-letter queue; None for a source that needs none.
        dependencies: Where its circuit is.
        log: Where it is said what is dead-lettered, and that nothing can be.
    """

    def __init__(self, bury: Bury | None, dependencies: Dependencies, log: Log) -> None:
        self._bury = bury
        self._dependencies = dependencies
        self._circuit = dependencies.circuit(NAME)
        self._log = log

    @property
    def is_down(self) -> bool:
        """The queue serves nobody."""
        return self._circuit.is_open

    @property
    def wait(self) -> float:
        """Seconds until the queue may be tried again."""
        return self._circuit.wait

    async def keep(self, letters: Sequence[Letter]) -> Sequence[Exception | None]:
        """Return one result each: None when kept, Transient when not now, anything else when it cannot be."""
        if self._bury is None:
            results: Sequence[Exception | None] = [None] * len(letters)
        elif not self._circuit.admits():
            results = [Down("the dead-letter queue is down")] * len(letters)
        else:
            results = await self._try(self._bury, letters)
        for (delivery, facts), result in zip(letters, results, strict=True):
            if isinstance(result, Transient):
                self._circuit.waiting.add(delivery.receipt)
            else:
                self.forget(delivery)
            if result is None:
                self._log.warning("dead-lettered", **dead_letter_facts(facts))
        return results

    def forget(self, delivery: Delivery) -> None:
        """Expect this one no longer: it is kept, or its lease has ended."""
        self._circuit.waiting.discard(delivery.receipt)

    async def _try(self, bury: Bury, letters: Sequence[Letter]) -> Sequence[Exception | None]:
        results = await results_of(bury, letters, NAME, TIMEOUT)
        if isinstance(results, Exception):
            if is_bug(results) and len(letters) > 1:
                # Any one of them may have provoked it: alone, it keeps none of the others out.
                return [(await self._try(bury, [letter]))[0] for letter in letters]
            results = [results] * len(letters)
        if kept := sum(result is None for result in results):
            self._circuit.served(kept)
        judged = [self._judged(facts, result) for (_, facts), result in zip(letters, results, strict=True)]
        if not kept and (failures := [result for result in judged if isinstance(result, Transient)]):
            self._note_failure(failures[0])
        return judged

    def _judged(self, facts: Facts, result: Exception | None) -> Exception | None:
        """Take a bug for an outage until others are kept: then it is this letter that cannot be."""
        own = self._dependencies.is_own(NAME, facts.id) if result is not None else False
        return Transient(last_frame(result)) if result is not None and is_bug(result) and not own else result

    def _note_failure(self, failure: Transient) -> None:
        was_open = self._circuit.is_open
        self._circuit.failed(failure.reason, failure.retry_after)
        if self._circuit.is_open and not was_open:
            self._log.error(
                "nothing can be dead-lettered",
                reason=failure.reason,
                consequence="what is rejected is held until its lease ends, and comes again; nothing of it is deleted",
                fix="see that the dead-letter queue exists, and that the worker's role may send to it",
            )
