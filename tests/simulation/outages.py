"""Rule 4: while something is down that a worker needs, it does not go on receiving."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from sluiceway.core.errors import Reject, Transient
from sluiceway.engine.circuit import FIRST_PAUSE, LONGEST_PAUSE, THRESHOLD

from .book import Book, Receipt
from .loop import Life
from .scenario import Outage

_SLACK = 0.001

_UNSURE = -1_000_000


class Outages:
    """Watches, as a worker does, what serves nobody; and what it receives meanwhile."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._failed: defaultdict[tuple[Life, str], int] = defaultdict(int)
        self._opened: dict[tuple[Life, str], float] = {}
        self._touched: defaultdict[tuple[Life, Outage], set[Receipt]] = defaultdict(set)

    def answered(
        self, life: Life, where: str, receipts: Sequence[Receipt], results: Sequence[BaseException | None]
    ) -> None:
        """Note how one call of a dependency has ended."""
        key = (life, where)
        if any(result is None or (isinstance(result, Reject) and result.error == "refused") for result in results):
            # What was asked before it was found to be down tells a worker nothing: from here on we would only guess.
            self._failed[key] = _UNSURE if self._opened.pop(key, None) else min(self._failed[key], 0)
        elif any(isinstance(one, Transient) or not isinstance(one, Exception) for one in results):  # or timed out
            self._failed[key] += 1
            if self._failed[key] == THRESHOLD:
                self._opened[key] = self._book.now
            self._count(life, where, receipts)

    def polls(self, life: Life) -> None:
        """Check that a poll does not start just after something has been found to be down."""
        if self._book.lives[life].longest_block:
            return
        for (whose, where), opened in self._opened.items():
            if whose is life and opened < self._book.now < opened + FIRST_PAUSE - _SLACK:
                self._book.violation("R4", f"{life.name} receives though {where} has been down since {opened:g}")

    def _count(self, life: Life, where: str, receipts: Sequence[Receipt]) -> None:
        """Check that an outage is not tried with one message after the other."""
        scenario, now = self._book.scenario, self._book.now
        for outage in dict.fromkeys(scenario.outages):
            if outage.of != where or not outage.start <= now < outage.end:
                continue
            touched = self._touched[life, outage]
            touched.update(receipts)
            rounds = 6 + (now - outage.start) / LONGEST_PAUSE  # after pauses of 1, 2, 4, 8, 16, 30, 30 … seconds
            a_round = min(scenario.in_flight, len(scenario.messages) + len(scenario.duplicates))
            if len(touched) > THRESHOLD + (rounds + 2) * 2 * a_round:  # one poll may be under way at the failure
                self._book.violation("R4", f"{life.name} has tried {len(touched)} while {where} was down")
