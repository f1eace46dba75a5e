"""The book: what each worker was told about each receipt, what is wrong, and the trace of everything."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from sluiceway.core.outcome import Ack, Retry

from .loop import Life
from .oracle import Leg, Oracle
from .scenario import Scenario

LegState: TypeAlias = Literal["under way", "accepted", "failed", "rejected"]

_LONGEST_TRACE: Final = 50_000
"""Lines."""


@dataclass(eq=False)
class Receipt:
    """One receipt, as the worker that holds it knows it.

    Attributes:
        handed_at: When the queue handed it out.
        opened_at: When the worker had the answer; None while it has not.
        lease_end: Until when the queue keeps it from others.
        known_until: Until when the worker knows that it is its own: it may not have heard of a renewal.
        legs: How its legs stand, as the worker was told.
        failures: What has failed in this receipt: where, which child, and as what.
        order: What the worker has last asked the queue to do with it.
        settled: The queue has done that.
        lost: The worker knows that its lease is gone.
        buried: The worker was told that its dead letter is kept.
        unanswered: Renewals in a row that failed.
        settle_failed_at: When the worker was told that its last order was not carried out.
        excused: Its lease may run out.
        group: Its group on a FIFO queue.
        count: How often the queue had handed it out, this time included.
        started: A stage or a sink has been started for it.
        behind: What the worker held, when it was received, that is earlier in its group.
        free_since: Since when, as far as was looked, nothing of its group is before it.
        overtaken: By sink, parts of it that had failed there when a later one was sent.
        recorded: What was recorded as accepted when it was received.
    """

    handle: str
    message: str
    life: Life
    handed_at: float
    lease_end: float
    known_until: float = 0
    opened_at: float | None = None
    opened_stopping: bool = False
    legs: dict[Leg, LegState] = field(default_factory=dict)
    failures: list[tuple[str, str, str]] = field(default_factory=list)
    order: Ack | Retry | None = None
    settled: bool = False
    lost: bool = False
    buried: bool = False
    unanswered: int = 0
    settle_failed_at: float | None = None
    excused: bool = False
    group: str = ""
    count: int = 1
    started: bool = False
    behind: list[Receipt] = field(default_factory=list["Receipt"])
    free_since: float | None = None
    overtaken: list[tuple[str, str, str]] = field(default_factory=list[tuple[str, str, str]])
    recorded: set[Leg] = field(default_factory=set[Leg])

    def has_failed(self, leg: Leg) -> bool:
        """Tell whether something has failed that this leg needed."""
        sink, child = leg
        return any(where == sink and name == child for where, name, _ in self.failures) or any(
            not where.startswith("sink") and (child == name or child.startswith(f"{name}/"))
            for where, name, _ in self.failures
        )


@dataclass(frozen=True)
class Violation:
    """A rule that was broken, when, and how."""

    rule: str
    at: float
    text: str


class Record:
    """What is known of one life beside its receipts."""

    def __init__(self) -> None:
        self.open: dict[str, Receipt] = {}
        self.polls: list[int] = []
        self.stopped_at: float | None = None
        self.exited = False
        self.longest_block = 0.0
        self.blocked_since_stop = False
        self.store_trouble = -1.0
        self.settle_trouble = 0
        self.served: dict[str, int] = {}
        self.first_failure: dict[tuple[str, str], int] = {}
        self.failed_at: dict[str, float] = {}


class Book:
    """Everything that is known while one scenario plays.

    Attributes:
        receipts: By handle.
        violations: In the order in which they were seen.
        trace: When, who, what, and about what; the end of it, where it is long.
        counts: What has happened how often, for the totals.
    """

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.oracle = Oracle(scenario)
        self.receipts: dict[str, Receipt] = {}
        self.lives: defaultdict[Life, Record] = defaultdict(Record)
        self.violations: list[Violation] = []
        self.trace: deque[tuple[float, str, str, object]] = deque(maxlen=_LONGEST_TRACE)
        self.counts: Counter[str] = Counter()
        self.over = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._events = 0

    @property
    def now(self) -> float:
        """The time, in seconds since the start."""
        return self._loop.time()

    def note(self, who: Life | str, what: str, about: object = "") -> None:
        """Write a line of the trace."""
        self.trace.append((self._loop.time(), who.name if isinstance(who, Life) else who, what, about))

    def violation(self, rule: str, text: str) -> None:
        """Record that a rule was broken; the scenario ends here."""
        self.violations.append(Violation(rule, self.now, text))
        self.note(rule, "VIOLATION", text)
        self.over.set()

    def count_event(self) -> int:
        """Return a number that is larger than that of every earlier event."""
        self._events += 1
        return self._events

    def lines(self) -> Iterator[str]:
        """Return the trace as text."""
        for at, who, what, about in self.trace:
            yield f"{at:9.3f}  {who:8} {what:14} {about}"
