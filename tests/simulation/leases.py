"""Rules 3, 8 and 9: leases are kept, a stopped worker leaves in time and empty-handed, and nothing exceeds a bound."""

from __future__ import annotations

from collections.abc import Sequence

from sluiceway.core.errors import LeaseLost, Transient
from sluiceway.core.outcome import Ack, Retry
from sluiceway.core.ports import Delivery
from sluiceway.core.spec import LEAVE

from .book import Book, Receipt, Record
from .loop import Life

_STALL = 50.0
"""Seconds that an event loop may be blocked without losing a lease; the keeper gives up at 60."""

_STALLED = 61.0
"""Seconds after which a blocked event loop must lose its leases."""

_SETTLED_AGAIN = 45.0
"""Seconds within which a settlement that failed must be asked for again; the longest wait is 30."""

_SLACK = 0.001


class Leases:
    """Watches receipts from the poll to the settlement."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._scenario = book.scenario

    def polls(self, life: Life, limit: int) -> None:
        """Check a poll that starts."""
        record = self._book.lives[life]
        self._check_alive(life, record, "receive")
        if record.stopped_at is not None:
            self._book.violation("R8", f"{life.name} receives after it was told to stop")
        record.polls.append(limit)
        now = self._book.now
        held = [r.handle for r in record.open.values() if not (r.settled or r.lost) and r.known_until > now]
        if len(held) + sum(record.polls) > self._scenario.in_flight or limit > 10:
            self._book.violation(
                "R9", f"{life.name} asks for {record.polls} and holds {held}; its budget is {self._scenario.in_flight}"
            )

    def poll_ended(self, life: Life, limit: int) -> None:
        """Note that a poll has ended, well or not."""
        self._book.lives[life].polls.remove(limit)

    def poll_cut_short(self, life: Life) -> None:
        """Check that a poll is given up only when it takes far longer than a poll does."""
        record = self._book.lives[life]
        waited = self._book.now - (record.stopped_at or 0)
        if not record.blocked_since_stop and waited < self._scenario.wait_time - _SLACK:
            self._book.violation("R8", f"{life.name} gives a poll up {waited:g}s after the stop, whatever it may bring")

    def handed_out(self, life: Life, delivery: Delivery) -> None:
        """Note that the queue has handed out a message, whether or not the answer arrives."""
        now = self._book.now
        receipt = Receipt(
            delivery.receipt,
            delivery.message.id,
            life,
            now,
            now + self._scenario.lease,
            group=delivery.group or "",
            count=delivery.receive_count,
        )
        self._book.receipts[delivery.receipt] = receipt
        self._book.counts["deliveries"] += 1
        self._book.note("queue", "hands out", (life.name, delivery.receipt))

    def opened(self, life: Life, deliveries: Sequence[Delivery]) -> None:
        """Note that the worker has what the queue has handed out."""
        record = self._book.lives[life]
        for delivery in deliveries:
            receipt = self._book.receipts[delivery.receipt]
            receipt.opened_at = self._book.now
            receipt.known_until = self._book.now + self._scenario.lease
            receipt.opened_stopping = record.stopped_at is not None
            record.open[receipt.handle] = receipt
        if deliveries:
            self._book.note(life, "received", [delivery.receipt for delivery in deliveries])

    def extended(self, life: Life, handle: str, *, until: float | None, answer: object) -> None:
        """Note a renewal: what the queue has done, and what the worker was told."""
        receipt = self._book.receipts[handle]
        if until is not None:
            receipt.lease_end = until
            self._check_renewal(life, receipt, until)
        if answer is None:
            receipt.unanswered = 0
            receipt.known_until = receipt.lease_end
            return
        self._book.note(life, "not extended", (handle, str(answer)))
        receipt.unanswered += 1
        if receipt.unanswered > 1:
            receipt.excused = True
        if isinstance(answer, LeaseLost):
            self._ran_out(receipt)
            receipt.lost = True

    def _check_renewal(self, life: Life, receipt: Receipt, until: float) -> None:
        """Check that a lease is not renewed for ever, nor for a worker that hangs."""
        blocked = self._book.lives[life].longest_block
        if until > (receipt.opened_at or 0) + blocked + self._scenario.limit + _SLACK:
            self._book.violation("R3", f"the lease of {receipt.handle} is renewed until {until:g}, beyond its limit")
        if life.blocked and self._book.now - life.blocked_at > _STALLED:
            self._book.violation("R3", f"the lease of {receipt.handle} is renewed, and {life.name} hangs")

    def sweep(self, life: Life) -> None:
        """Look for leases that have run out; called at each beat of the worker's keeper."""
        now, record = self._book.now, self._book.lives[life]
        for receipt in record.open.values():
            failed_at = None if receipt.lost else receipt.settle_failed_at
            if failed_at and now - failed_at > _SETTLED_AGAIN and receipt.lease_end > now and not record.longest_block:
                self._book.violation("R1", f"{receipt.handle} was not settled, and that is not tried again")
            if receipt.lease_end <= now and not receipt.excused:
                self._ran_out(receipt)

    def _ran_out(self, receipt: Receipt) -> None:
        """Check that the lease of an open receipt may run out."""
        if receipt.opened_at is None or receipt.order is not None or receipt.excused:
            return
        receipt.excused = True
        lag = receipt.opened_at - receipt.handed_at
        if (
            receipt.lease_end < receipt.handed_at + self._scenario.limit - _SLACK
            and lag < self._scenario.lease / (4 if receipt.unanswered else 2)
            and self._book.lives[receipt.life].longest_block < _STALL
        ):
            self._book.violation(
                "R3",
                f"the lease of {receipt.handle} ran out at {receipt.lease_end:g} while {receipt.life.name} held it",
            )

    def starts(self, receipt: Receipt, where: str) -> None:
        """Check that a stage or a sink may still be started for this receipt."""
        record = self._book.lives[receipt.life]
        receipt.started = True
        self._check_alive(receipt.life, record, where)
        grace = self._scenario.lease / 5 + (receipt.opened_at or 0) - receipt.handed_at
        if receipt.lost or (self._book.now > receipt.lease_end + grace and receipt.order is None):
            self._book.violation("R3", f"{where} is started for {receipt.handle} after its lease was lost")
        if receipt.opened_stopping:
            self._book.violation("R8", f"{where} is started for {receipt.handle}, which came after the stop")
        if isinstance(receipt.order, Ack) or receipt.settled:
            self._book.violation("R1", f"{where} is started for {receipt.handle} after its settlement")

    def settled(self, receipt: Receipt, order: Ack | Retry) -> None:
        """Note that the queue has deleted it or taken it back."""
        receipt.settled = True
        if isinstance(order, Retry):
            receipt.lease_end = self._book.now + order.delay
        self._book.note("queue", "deletes" if isinstance(order, Ack) else "takes back", receipt.handle)

    def settle_answered(self, receipt: Receipt, answer: object) -> None:
        """Note what the worker was told about a settlement."""
        receipt.settle_failed_at = self._book.now if isinstance(answer, Transient) else None
        if answer is None or isinstance(answer, LeaseLost):
            self._book.lives[receipt.life].open.pop(receipt.handle, None)
        if isinstance(answer, LeaseLost):
            self._ran_out(receipt)
            receipt.lost = True

    def stopped(self, life: Life) -> None:
        """Note that the worker was told to stop."""
        record = self._book.lives[life]
        if record.stopped_at is None:
            record.stopped_at = self._book.now
            record.settle_trouble = 0
            self._book.counts["stops"] += 1
            self._book.note(life, "is told to stop")

    def exited(self, life: Life) -> None:
        """Check how a worker has left: in time, and with nothing in its hands."""
        record = self._book.lives[life]
        record.exited = True
        self._book.note(life, "leaves")
        if record.stopped_at is None or record.blocked_since_stop:
            return
        took = self._book.now - record.stopped_at
        if took > self._scenario.stop_timeout - LEAVE + _SLACK:
            self._book.violation("R8", f"{life.name} left {took:g}s after it was told to stop")
        kept = [
            receipt.handle
            for receipt in record.open.values()
            if not receipt.settled and not receipt.lost and receipt.lease_end > self._book.now
        ]
        if kept and not record.settle_trouble:
            self._book.violation("R8", f"{life.name} left and did not give back {', '.join(kept)}")

    def _check_alive(self, life: Life, record: Record, what: str) -> None:
        if record.exited:
            self._book.violation("R8", f"{life.name} does {what} after it has left")
