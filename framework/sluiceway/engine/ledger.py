"""The ledger: who owes what before a delivery may be settled.

An owner has a count of what is still under way. A child that splits in n forks n - 1 more; each ends exactly once;
at zero the endings are combined to one verdict. An owner that is forgotten stays open: it is never read as delivered.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sluiceway.core import spec
from sluiceway.core.errors import ErrorClass, OutsideError, Reject, Transient
from sluiceway.core.message import Message
from sluiceway.core.outcome import Ack, Completion, DeadLetter, Facts, Retry, Verdict
from sluiceway.core.ports import Delivery
from sluiceway.engine.attempts import Attempts
from sluiceway.engine.call import Calls
from sluiceway.engine.circuit import Down
from sluiceway.engine.dependencies import Dependencies
from sluiceway.engine.legs import AcceptedLegs, Legs
from sluiceway.engine.report import Ending
from sluiceway.engine.retry import backoff
from sluiceway.engine.surroundings import Surroundings

if TYPE_CHECKING:  # a lease knows its owner, too
    from sluiceway.engine.lease import Lease


class Owner:
    """One delivery under way.

    Attributes:
        delivery: What must be settled.
        taken: When it was received, on the monotonic clock.
        lease: The time for which it is ours; None before the keeper holds it.
        accepted: The ids of the sinks that accepted it or a child of it.
        before: The attempts that were used up before it was received this time.
        own_failures: Since then, the most own failures that any one of its children or legs has had.
        completions: What stages want to do before it is settled.
        legs: Its accepted legs, where they are recorded for whoever has it next.
    """

    __slots__ = (
        "_ledger",
        "_open",
        "_rejected",
        "_returned",
        "accepted",
        "before",
        "completions",
        "delivery",
        "lease",
        "legs",
        "own_failures",
        "taken",
    )

    def __init__(self, delivery: Delivery, taken: float, ledger: Ledger) -> None:
        self.delivery = delivery
        self.taken = taken
        self.lease: Lease | None = None
        self.accepted: list[str] = []
        self.before = delivery.receive_count - 1
        self.own_failures = 0
        self.completions: list[Completion] = []
        self.legs: AcceptedLegs | None = None
        self._open = 1
        self._rejected: tuple[Message, Ending] | None = None
        self._returned: Ending | None = None
        self._ledger = ledger

    @property
    def lost(self) -> bool:
        """Its lease is gone: nothing more may be started for it, and its verdict is void."""
        return self.lease is not None and self.lease.lost

    @property
    def attempts(self) -> int:
        """How many attempts are used up, this one included."""
        return self.before + max(1, self.own_failures)

    @property
    def comes_again(self) -> bool:
        """A part of it is given back, so that the whole will come again."""
        return self._returned is not None

    def fork(self, count: int) -> None:
        """Expect `count` endings where one was expected."""
        self._open += count - 1

    def end(self, message: Message, ending: Ending) -> None:
        """Record one ending; the last one settles the delivery."""
        if ending.kind == "accepted":
            if ending.where not in self.accepted:
                self.accepted.append(ending.where)
            if self.legs is not None:
                self.legs.add(message, ending.where)
        elif ending.kind == "rejected":
            self._rejected = self._rejected or (message, ending)
        elif ending.kind == "returned":
            self._returned = max(self._returned or ending, ending, key=lambda e: e.delay)
        self._open -= 1
        self._ledger.ended(self, message, ending, last=self._open == 0)

    def had_accepted(self, message: Message, sink: str) -> bool:
        """Tell whether a sink has accepted exactly this message in an earlier receipt."""
        return self.legs is not None and self.legs.has(message, sink)

    def verdict(self, pipeline: str, now: float) -> Verdict | None:
        """Combine the endings: lost before returned before rejected before done.

        Returned comes first because the message comes again then, and its rejected child will be rejected again:
        the other way round, the child that may still succeed would lie in the dead-letter queue.

        Returns:
            The verdict, or None for a lost lease: the source decides, not we.
        """
        if self.lost:
            return None
        if self._returned is not None:
            return Retry(self._returned.delay, self._returned.reason)
        if self._rejected is None:
            return Ack()
        message, ending = self._rejected
        time = datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds")
        return DeadLetter(
            Facts(
                pipeline=pipeline,
                stage=ending.where,
                error=ending.error or "bug",
                reason=ending.reason,
                attempts=self.attempts,
                accepted=tuple(self.accepted),
                id=message.id,
                time=time,
            )
        )


class Ledger:
    """The open owners of one pipeline, and the rules that turn a failure into an ending.

    Args:
        pipeline: Whose messages they are.
        dependencies: Tells a message's own failures from an outage.
        around: Time, jitter, and the report that hears of each ending.
        legs: The record of accepted legs.
        max_age: Seconds after which a message that has just failed expires; None when unknown.
    """

    def __init__(
        self,
        pipeline: spec.Pipeline,
        dependencies: Dependencies,
        around: Surroundings,
        *,
        max_age: float | None,
        legs: Legs | None = None,
    ) -> None:
        self._pipeline = pipeline
        self._clock = around.clock
        self._random = around.random
        self._report = around.report
        self._max_age = max_age
        self._blocks = pipeline.source.component.blocks
        self._attempts = Attempts()
        self.dependencies = dependencies
        self.calls = Calls(around.clock)
        self.legs = legs or Legs(None, around)
        self.owners: dict[str, Owner] = {}
        self.empty = asyncio.Event()
        self.empty.set()
        self.on_verdict: Callable[[Owner, Verdict | None], None]

    def open(self, deliveries: Sequence[Delivery]) -> list[Owner]:
        """Take responsibility for what was received."""
        taken = self._clock.monotonic()
        owners = [Owner(delivery, taken, self) for delivery in deliveries]
        for owner in owners:
            owner.before = self._attempts.before(owner.delivery)
            self.owners[owner.delivery.receipt] = owner
            self.empty.clear()
        self._report.received += len(owners)
        return owners

    def ended(self, owner: Owner, message: Message, ending: Ending, *, last: bool) -> None:
        """Report an ending; after the last one, pass the verdict on."""
        self._report.ended(owner.delivery, message, ending)
        if not last:
            return
        verdict = owner.verdict(self._pipeline.name, self._clock.now())
        if verdict is None or isinstance(verdict, Retry):
            self._attempts.returned(owner.delivery, owner.own_failures)
        else:
            self._attempts.forget(owner.delivery)
        self.on_verdict(owner, verdict)

    def close(self, owner: Owner) -> None:
        """Forget an owner whose settlement is confirmed, or whose lease is lost."""
        self.owners.pop(owner.delivery.receipt, None)
        if not self.owners:
            self.empty.set()

    def used_up(self, owner: Owner) -> bool:
        """Tell whether another own failure is one too many; where it blocks its group, none ever is."""
        return not self._blocks and owner.attempts >= self._pipeline.retry.attempts

    def failed(self, owner: Owner, where: str, message: Message, error: Exception, *, own: bool | None = None) -> None:
        """End a message with what a stage or sink raised.

        Args:
            owner: Whose message it is.
            where: The id of the stage or sink.
            message: The message.
            error: What was raised.
            own: Whether a transient failure was the message's own, when that has been noted already.
        """
        if isinstance(error, Reject):
            owner.end(message, Ending("rejected", where, error.reason, error.error))
            return
        if isinstance(error, OutsideError):  # a secret or a resource that was there at start is gone: an outage
            error = Transient(str(error))
        used_up: ErrorClass
        if isinstance(error, Transient):
            own = self._is_own(where, message, error) if own is None else own
            used_up, reason, asked = "exhausted", error.reason, error.retry_after or 0
        else:
            own, used_up, reason, asked = True, "bug", last_frame(error), 0
        owner.own_failures = max(owner.own_failures, own)
        if own and self.used_up(owner):
            owner.end(message, Ending("rejected", where, reason, used_up))
        elif not isinstance(error, Down) and self._expired(owner):
            owner.end(message, Ending("rejected", where, reason, "expired"))
        else:
            times = owner.attempts if own else owner.delivery.receive_count
            delay = backoff(self._pipeline.retry.backoff, times, self._random)
            owner.end(message, Ending("returned", where, reason, delay=max(delay, asked)))

    def _is_own(self, where: str, message: Message, error: Transient) -> bool:
        """Note a transient failure in a stage, and tell whether it is the message's own."""
        if isinstance(error, Down):
            return False
        self.dependencies.failed(where, error.reason, error.retry_after)
        return self.dependencies.is_own(where, message.id)

    def _expired(self, owner: Owner) -> bool:
        sent_at = owner.delivery.sent_at
        return bool(self._max_age and sent_at) and self._clock.now() - sent_at > (self._max_age or 0)


def last_frame(error: Exception) -> str:
    """Return what a bug is and where: `ValueError: no such key (stages.py:12 in upper_case)`."""
    frames = traceback.extract_tb(error.__traceback__)
    text = "".join(traceback.format_exception_only(error)).strip().splitlines()[0][:300]
    if not frames:
        return text
    last = frames[-1]
    return f"{text} ({last.filename.rpartition('/')[2]}:{last.lineno} in {last.name})"
