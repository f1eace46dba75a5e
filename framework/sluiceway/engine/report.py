"""What happened, counted: the worker's closing table, its log lines and the tests all read this."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from sluiceway.core.errors import ErrorClass
from sluiceway.core.message import Message
from sluiceway.core.outcome import Facts, Verdict
from sluiceway.core.ports import Delivery
from sluiceway.core.spec import LEAVE, Pipeline, SinkSpec, SourceSpec
from sluiceway.core.units import Duration

Kind: TypeAlias = Literal["accepted", "dropped", "rejected", "returned", "lost"]

_MOST_REASONS = 1000
"""Reasons are counted apart up to this many, so that a stage that writes ids into them cannot fill the memory."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How one leg, or one child that reached no sink, ended.

    Attributes:
        kind: What happened.
        where: The id of the stage or sink, or `source`.
        reason: Why, for a person; empty when accepted.
        error: The class, when rejected.
        delay: Seconds until it is to come again, when returned.
    """

    kind: Kind
    where: str
    reason: str = ""
    error: ErrorClass | None = None
    delay: float = 0


Counts: TypeAlias = Counter[tuple[str, tuple[tuple[str, str], ...]]]
"""What components have counted: by name and sorted labels."""

Listener: TypeAlias = Callable[[Delivery, Message, Ending], None]
"""Hears of each ending as it happens: `dev` prints it, tests collect it."""

SettledListener: TypeAlias = Callable[[Delivery, Verdict], None]
"""Hears of each settlement once it is confirmed."""


@dataclass(slots=True)
class Report:
    """Counts, by what happened, where and why.

    Attributes:
        received: Deliveries taken.
        settled: Settlements that the source has confirmed, by the verdict's name.
        void: Deliveries that could not be settled because their lease was lost first: these messages come again.
        endings: What happened to each message at each place: (kind, where, class or reason).
        counts: What components have counted.
        on_ending: Hears of each ending.
        on_settled: Hears of each confirmed settlement.
    """

    received: int = 0
    void: int = 0
    settled: Counter[str] = field(default_factory=Counter[str])
    endings: Counter[tuple[Kind, str, str]] = field(default_factory=Counter[tuple[Kind, str, str]])
    counts: Counts = field(default_factory=Counter[tuple[str, tuple[tuple[str, str], ...]]])
    on_ending: Listener | None = None
    on_settled: SettledListener | None = None

    def ended(self, delivery: Delivery, message: Message, ending: Ending) -> None:
        """Count one ending under its place and reason (under its class, when rejected)."""
        key = (ending.kind, ending.where, ending.error or ending.reason)
        if key not in self.endings and len(self.endings) >= _MOST_REASONS:
            key = (ending.kind, ending.where, "other reasons")
        self.endings[key] += 1
        if self.on_ending is not None:
            self.on_ending(delivery, message, ending)

    def done(self, delivery: Delivery, verdict: Verdict) -> None:
        """Count one confirmed settlement."""
        self.settled[type(verdict).__name__] += 1
        if self.on_settled is not None:
            self.on_settled(delivery, verdict)


def dead_letter_facts(facts: Facts) -> dict[str, object]:
    """Return the facts of a dead letter as the keys of a log line."""
    return {name: getattr(facts, name) for name in facts.__slots__}


def start_facts(pipeline: Pipeline) -> dict[str, object]:
    """Return what a worker reads and writes, and within which bounds, for the line it logs when it starts."""
    limits, visibility = pipeline.limits, pipeline.source.component.visibility
    return {
        "source": _place(pipeline.source),
        "sinks": ", ".join(f"{sink.id}={_place(sink)}" for sink in pipeline.sinks),
        "dead_letter": _place(pipeline.dead_letter) if pipeline.dead_letter else None,
        "in_flight": f"{limits.in_flight}/{limits.in_flight_bytes}",
        "lease": str(visibility.initial),
        "drain": str(Duration(max(1.0, pipeline.drain.stop_timeout - LEAVE))),
    }


def settled_facts(report: Report) -> dict[str, int]:
    """Return how many deliveries were settled in which way, in the words of the log; they add up to the received."""
    words = {"Ack": "done", "Retry": "given_back", "DeadLetter": "dead_lettered"}
    settled = {word: report.settled[name] for name, word in words.items()}
    return {**settled, "not_settled": report.received - sum(settled.values())}


def _place(spec: SourceSpec | SinkSpec) -> str:
    names = [resource.name for resource in spec.component.resources()]
    return f"{spec.use}:{names[0]}" if names else spec.use
