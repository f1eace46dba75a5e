"""Rules 1, 2 and 7: nothing is lost or invented, results are judged entry by entry, and repeats have the same ids."""

from __future__ import annotations

from collections.abc import Sequence

from sluiceway.core.errors import Reject, Transient
from sluiceway.core.message import Message
from sluiceway.core.outcome import Ack, Retry
from sluiceway.core.ports import Delivery

from .book import Book, Receipt
from .groups import Groups
from .leases import Leases
from .loop import Life
from .oracle import Leg, root_of
from .outages import Outages
from .records import Records
from .scenario import SinkPlan


class Legs:
    """Watches stages and sinks, and judges settlements by what the worker was told."""

    def __init__(self, book: Book, leases: Leases, groups: Groups, records: Records, outages: Outages) -> None:
        self._book = book
        self._leases = leases
        self._groups = groups
        self._records = records
        self._outages = outages
        self._accepted: set[Leg] = set()
        self._known: set[Leg] = set()

    def receipt_of(self, message: Message) -> Receipt:
        """Return the receipt that a message, or what it was made of, came with."""
        return self._book.receipts[str(message.meta["receipt"])]

    def stage_starts(self, where: str, message: Message) -> None:
        """Check a stage's call."""
        self._leases.starts(self.receipt_of(message), where)
        self._groups.begins(message.id, f"{where} is started for {message.id}")

    def stage_ended(self, life: Life, where: str, message: Message, error: BaseException | None) -> None:
        """Note how a stage's call has ended."""
        record = self._book.lives[life]
        self._outages.answered(life, where, [self.receipt_of(message)], [error])
        if error is None:
            record.served[where] = self._book.count_event()
        else:
            self._failed(life, where, message, error)

    def sink_starts(self, life: Life, plan: SinkPlan, messages: Sequence[Message]) -> None:
        """Check a call of a sink."""
        self._book.note(life, "sends", (plan.id, [message.id for message in messages]))
        if len(messages) > plan.entries or sum(len(message.payload) for message in messages) > plan.size:
            self._book.violation("R9", f"{len(messages)} messages are more than a batch for {plan.id} takes")
        for message in messages:
            receipt = self.receipt_of(message)
            self._leases.starts(receipt, plan.id)
            self._groups.begins(message.id, f"{message.id} is sent to {plan.id}")
            self._groups.sink_starts(receipt, (plan.id, message.id))
            self._records.sink_starts(receipt, (plan.id, message.id))
            state = receipt.legs.get((plan.id, message.id))
            if state is not None and state != "failed":
                self._book.violation("R2", f"{message.id} is sent to {plan.id} again though it was {state}")
            receipt.legs[plan.id, message.id] = "under way"

    def sink_answered(
        self, life: Life, plan: SinkPlan, messages: Sequence[Message], results: Sequence[BaseException | None]
    ) -> None:
        """Note what the worker was told by a sink."""
        record = self._book.lives[life]
        if any(result is None or (isinstance(result, Reject) and result.error == "refused") for result in results):
            record.served[plan.id] = self._book.count_event()
        for message, result in zip(messages, results, strict=True):
            legs = self.receipt_of(message).legs
            if result is None:
                legs[plan.id, message.id] = "accepted"
                self._known.add((plan.id, message.id))
            else:
                legs[plan.id, message.id] = "rejected" if isinstance(result, Reject) else "failed"
                self._failed(life, plan.id, message, result)
        self._outages.answered(life, plan.id, [self.receipt_of(message) for message in messages], results)
        failed = [message.id for message, result in zip(messages, results, strict=True) if result is not None]
        self._book.note(life, "is answered", (plan.id, "all accepted" if not failed else f"failed: {failed}"))

    def _failed(self, life: Life, where: str, message: Message, error: BaseException) -> None:
        kind: str = error.error if isinstance(error, Reject) else "bug"
        if isinstance(error, Transient) or not isinstance(error, Exception):  # a time-out cancels the call
            kind = "transient"
            self._book.lives[life].failed_at[where] = self._book.now
        self.receipt_of(message).failures.append((where, message.id, kind))
        first = self._book.lives[life].first_failure
        first.setdefault((where, message.id), self._book.count_event())
        if where.startswith("stage"):
            self._book.note(life, "stage fails", (where, message.id, kind))

    def accepted(self, plan: SinkPlan, message: Message) -> None:
        """Check what a sink has accepted, whether or not the worker hears of it."""
        leg = (plan.id, message.id)
        self._book.counts["accepted again" if leg in self._accepted else "accepted"] += 1
        self._accepted.add(leg)
        self._book.note(plan.id, "accepts", message.id)
        self._groups.begins(message.id, f"{plan.id} has accepted {message.id}")
        fate = self._book.oracle.fates.get(root_of(message.id))
        if fate is None or leg not in fate.legs:
            self._book.violation("R7", f"{plan.id} was sent {message.id}, which nobody should have made")
        elif fate.legs[leg] != message.payload:
            self._book.violation("R7", f"{plan.id} was sent {message.id} with another body than at first")

    def settles(self, life: Life, delivery: Delivery, order: Ack | Retry) -> None:
        """Check what a worker asks of the queue against what it has been told."""
        receipt = self._book.receipts[delivery.receipt]
        receipt.order = order
        receipt.settle_failed_at = None
        if isinstance(order, Ack):
            self._book.note(life, "asks to delete", receipt.handle)
            self._check_delete(receipt)
            return
        self._book.note(life, "gives back", (receipt.handle, f"{order.delay:g}s", order.reason))
        self._groups.gives_back(receipt, order)
        self._records.gives_back(receipt)
        excused = self._book.lives[life].stopped_at is not None or self._groups.may_go_back(receipt)
        excused = excused or self._waited_for_what_is_down(life, order)
        if not excused and not any(kind in ("transient", "bug") for _, _, kind in receipt.failures):
            self._book.violation("R2", f"{receipt.handle} is given back though nothing of it has failed")

    def _waited_for_what_is_down(self, life: Life, order: Retry) -> bool:
        """Tell whether it is given back for want of something that has failed others."""
        failed = self._book.lives[life].failed_at
        return "is down" in order.reason and any(where in order.reason.split() for where in failed)

    def _check_delete(self, receipt: Receipt) -> None:
        fate = self._book.oracle.fates[receipt.message]
        for leg in fate.legs:
            if receipt.legs.get(leg) == "accepted" or (receipt.buried and receipt.has_failed(leg)):
                continue
            if self._book.scenario.store and leg in self._known:
                continue
            self._book.violation("R1", f"{receipt.handle} is deleted though {leg[0]} has not accepted {leg[1]}")
        failed_in_stage = any(where.startswith("stage") for where, _, _ in receipt.failures)
        if (fate.rejected or failed_in_stage) and not receipt.buried:
            self._book.violation("R1", f"{receipt.handle} is deleted though its dead letter is not kept")

    def at_the_end(self, dead: set[str]) -> None:
        """Check that every message has arrived wherever it should, or is a dead letter."""
        for name, fate in self._book.oracle.fates.items():
            missing = [leg for leg in fate.legs if leg not in self._accepted]
            if (missing or fate.rejected) and name not in dead:
                self._book.violation("R1", f"{name} is gone; missing are {missing or fate.rejected}")
