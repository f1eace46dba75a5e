"""Rules 4 and 5: what is dead-lettered, as what and when."""

from __future__ import annotations

from sluiceway.core.outcome import Facts
from sluiceway.core.ports import Delivery

from .book import Book, Receipt
from .groups import Groups
from .loop import Life
from .oracle import body_of, headers_of

_FROM_THE_ORACLE = frozenset({"unroutable", "oversize"})
"""What the engine itself finds; all else somebody has told it."""


class DeadLetters:
    """Watches the dead-letter queue."""

    def __init__(self, book: Book, groups: Groups) -> None:
        self._book = book
        self._groups = groups
        self.kept: set[str] = set()

    def sent(self, life: Life, delivery: Delivery, facts: Facts) -> None:
        """Check a dead letter when the worker sends it."""
        self._book.note(life, "buries", (delivery.receipt, facts.stage, facts.error, facts.id))
        receipt = self._book.receipts[delivery.receipt]
        receipt.started = True
        if receipt.buried:
            self._book.violation("R5", f"{delivery.receipt} is dead-lettered again though its dead letter is kept")
        sent = self._book.oracle.sent[delivery.message.id]
        attributes = {name: {"DataType": "String", "StringValue": value} for name, value in headers_of(sent).items()}
        if delivery.raw != body_of(sent) or delivery.attributes != attributes:
            self._book.violation("R5", f"the dead letter of {sent.id} is not as it was received")
        self._check_facts(life, receipt, facts)
        self._groups.buried(receipt, facts)

    def _check_facts(self, life: Life, receipt: Receipt, facts: Facts) -> None:
        told = {kind for where, name, kind in receipt.failures if (where, name) == (facts.stage, facts.id)}
        rejected = self._book.oracle.fates[receipt.message].rejected
        if facts.error in _FROM_THE_ORACLE:
            right = (facts.stage, facts.error, facts.id) in rejected
        elif facts.error == "exhausted":
            right = "transient" in told
            self._check_exhausted(life, facts)
        elif facts.error == "expired":
            right = bool(told & {"transient", "bug"}) and self._is_old(receipt)
        else:
            right = facts.error in told
        if facts.error == "bug" and facts.attempts < self._book.scenario.attempts:
            self._book.violation("R4", f"{receipt.handle} is dead-lettered as a bug after {facts.attempts} attempts")
        if not right:
            self._book.violation(
                "R5",
                f"{receipt.handle} is dead-lettered as {facts.error} at {facts.stage}; {facts.id} failed as {told}",
            )

    def _is_old(self, receipt: Receipt) -> bool:
        scenario = self._book.scenario
        sent_at = self._book.oracle.sent[receipt.message].at
        return scenario.max_age is not None and self._book.now - sent_at >= scenario.max_age

    def _check_exhausted(self, life: Life, facts: Facts) -> None:
        record = self._book.lives[life]
        first = record.first_failure.get((facts.stage, facts.id), 0)
        if record.served.get(facts.stage, 0) < first:
            self._book.violation("R4", f"{facts.id} is dead-lettered although {facts.stage} has served nobody since")
        if facts.attempts < self._book.scenario.attempts:
            self._book.violation("R4", f"{facts.id} is dead-lettered after {facts.attempts} attempts")

    def kept_one(self, delivery: Delivery) -> None:
        """Note that the dead-letter queue has a letter, whether or not the worker hears of it."""
        self.kept.add(delivery.message.id)
        self._book.counts["dead letters"] += 1
        self._book.note("dead", "keeps", delivery.receipt)

    def answered(self, delivery: Delivery, error: BaseException | None) -> None:
        """Note what the worker was told about a dead letter."""
        receipt = self._book.receipts[delivery.receipt]
        if error is None:
            receipt.buried = True
        else:
            receipt.failures.append(("dead_letter", delivery.message.id, "transient"))
