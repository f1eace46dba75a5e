"""What happened, counted: the worker's closing table, its log lines and the tests all read this."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from sluiceway.core.errors import ErrorClass
from sluiceway.core.message import Message
from sluiceway.core.outcome import Facts, Verdict
from sluiceway.core.ports import Clock, Delivery
from sluiceway.core.spec import LEAVE, Pipeline, SinkSpec, SourceSpec
from sluiceway.core.units import Duration

Kind: TypeAlias = Literal["accepted", "dropped", "gathered", "rejected", "returned", "lost"]

_MOST_REASONS = 1000
"""Reasons are counted apart up to this many, so that a stage that writes ids into them cannot fill the memory."""

_MOST_SHOWN = 20
"""Reasons in one log line; how often all the others came is one number beside them."""

_LONGEST_REASON = 100
"""Characters of a reason in a line of counts."""

PROGRESS_EVERY = 60.0
"""Seconds between two log lines that say how far a worker is."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How one leg, or one child that reached no sink, ended.

    Attributes:
        kind: What happened; `gathered` when it is kept in a store, as a member of a group.
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

    def buried(self, delivery: Delivery, message: Message, ending: Ending, verdict: Verdict) -> None:
        """Count a member of a group that is dead-lettered after its own delivery was settled as done."""
        self.ended(delivery, message, ending)
        if self.on_settled is not None:
            self.on_settled(delivery, verdict)

    def done(self, delivery: Delivery, verdict: Verdict) -> None:
        """Count one confirmed settlement."""
        self.settled[type(verdict).__name__] += 1
        if self.on_settled is not None:
            self.on_settled(delivery, verdict)


def dead_letter_facts(facts: Facts) -> dict[str, object]:
    """Return the facts of a dead letter as the keys of a log line, which has a time of its own."""
    return {name: getattr(facts, name) for name in facts.__slots__ if name != "time"}


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


def count_facts(report: Report) -> dict[str, object]:
    """Return what was counted since the start, in the words of the log; settlements add up to the received.

    `dropped`, `rejected` and `returned` count messages, which a splitting stage makes more of, by place and reason or
    class.
    """
    words = {"Ack": "done", "Retry": "given_back", "DeadLetter": "dead_lettered"}
    settled = {word: report.settled[name] for name, word in words.items()}
    counted = {" ".join([name, *(f"{k}={v}" for k, v in labels)]): n for (name, labels), n in report.counts.items()}
    return {
        "received": report.received,
        **settled,
        "not_settled": report.received - sum(settled.values()),
        "dropped": _most(_ended(report, "dropped")),
        "rejected": _most(_ended(report, "rejected")),
        "returned": _most(_ended(report, "returned")),
        "counted": _most(counted),
    }


async def tell_progress(report: Report, clock: Clock, tell: Callable[[Mapping[str, object]], object]) -> None:
    """Tell the counts now and then, for ever, and only when something has happened since the last time."""
    told = count_facts(report)
    while True:
        await clock.sleep(PROGRESS_EVERY)
        facts = count_facts(report)
        if facts != told:
            tell(facts)
            told = facts


def _ended(report: Report, kind: Kind) -> dict[str, int]:
    return {f"{where}: {why}": number for (k, where, why), number in report.endings.items() if k == kind}


def _most(numbers: Mapping[str, int]) -> dict[str, int] | None:
    """Return the largest of many numbers, and the sum of the others as `others`; None when there are none."""
    cut: Counter[str] = Counter()
    for reason, number in numbers.items():
        cut[reason if len(reason) <= _LONGEST_REASON else f"{reason[:_LONGEST_REASON]}…"] += number
    most = dict(cut.most_common(_MOST_SHOWN))
    others = cut.total() - sum(most.values())
    return ({**most, "others": others} if others else most) or None


def _place(spec: SourceSpec | SinkSpec) -> str:
    names = [resource.name for resource in spec.component.resources()]
    return f"{spec.use}:{names[0]}" if names else spec.use
