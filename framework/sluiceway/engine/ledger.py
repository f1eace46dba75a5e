"""The ledger: the open owners of a pipeline, and the rules that turn what a stage or sink raises into an ending."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable, Sequence

from sluiceway.core import spec
from sluiceway.core.errors import ErrorClass, OutsideError, Reject, Transient
from sluiceway.core.message import Message
from sluiceway.core.outcome import Retry, Verdict
from sluiceway.core.ports import Delivery
from sluiceway.engine.attempts import Attempts
from sluiceway.engine.call import Calls
from sluiceway.engine.circuit import Down
from sluiceway.engine.dependencies import Dependencies
from sluiceway.engine.legs import Legs
from sluiceway.engine.owner import AnyOwner, Owner
from sluiceway.engine.report import Ending
from sluiceway.engine.retry import backoff
from sluiceway.engine.surroundings import Surroundings

_MOST_BLOCKED = 1000
"""Blocked groups that are remembered."""


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
        legs: Legs,
    ) -> None:
        self._pipeline = pipeline
        self._clock = around.clock
        self._random = around.random
        self._log = around.log
        self._report = around.report
        self._max_age = max_age
        self._blocks = pipeline.source.component.blocks
        self._blocked: set[str | None] = set()
        self._attempts = Attempts()
        self.dependencies = dependencies
        self.calls = Calls(around.clock)
        self.legs = legs
        self.owners: dict[str, Owner] = {}
        self.empty = asyncio.Event()
        self.empty.set()
        self.on_verdict: Callable[[Owner, Verdict | None], None]

    def open(self, deliveries: Sequence[Delivery]) -> list[Owner]:
        """Take responsibility for what was received."""
        now = self._clock.monotonic()
        owners = [Owner(each, now if each.taken is None else each.taken, self) for each in deliveries]
        for owner in owners:
            owner.before = self._attempts.before(owner.delivery)
            self.owners[owner.delivery.receipt] = owner
            self.empty.clear()
        self._report.received += len(owners)
        return owners

    def ended(self, owner: Owner, message: Message, ending: Ending, *, last: bool, told: bool = False) -> None:
        """Report an ending, unless it is told already; after the last one, pass the verdict on."""
        if not told:
            self._report.ended(owner.delivery, message, ending)
        if not last:
            return
        verdict = owner.verdict(self._pipeline.name, self._clock.now())
        if verdict is None or isinstance(verdict, Retry):
            self._note_return(owner)
        self.on_verdict(owner, verdict)

    def close(self, owner: Owner, *, done: bool) -> None:
        """Forget an owner whose settlement is confirmed, or whose lease is lost; `done` when it does not come again."""
        if done:
            self._attempts.forget(owner.delivery)
            if owner.delivery.group in self._blocked:
                self._blocked.remove(owner.delivery.group)
                self._log.info("group goes on", group=owner.delivery.group)
        else:
            self._note_return(owner)
        self.owners.pop(owner.delivery.receipt, None)
        if not self.owners:
            self.empty.set()

    def _note_return(self, owner: Owner) -> None:
        """Note that a message comes again: when it is given back, for the queue may be quick, or when it was lost."""
        if not owner.is_noted:
            owner.is_noted = True
            self._attempts.returned(owner.delivery, owner.own_failures)

    def used_up(self, owner: AnyOwner) -> bool:
        """Tell whether another own failure is one too many; where it blocks its group, none ever is."""
        return not self._blocks and owner.attempts >= self._pipeline.retry.attempts

    def failed(
        self, owner: AnyOwner, where: str, message: Message, error: Exception, *, own: bool | None = None
    ) -> None:
        """End a message with what a stage or sink raised.

        Of several deliveries behind it, those whose attempts are used up are dead-lettered; the others come again, and
        all of them at the same time, so that they meet again.

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
        owner.note_own_failures(own)
        times = owner.attempts if own else owner.delivery.receive_count
        delay = max(asked, backoff(self._pipeline.retry.backoff, times, self._random))
        for member, leaf in list(owner.leaves(message)):
            if own and self.used_up(leaf):
                leaf.end(member, Ending("rejected", where, reason, used_up))
            elif not isinstance(error, Down) and self._expired(leaf):
                leaf.end(member, Ending("rejected", where, reason, "expired"))
            else:
                if own and self._blocks and leaf.attempts >= self._pipeline.retry.attempts:
                    self._say_blocked(leaf.delivery, where, reason)
                leaf.end(member, Ending("returned", where, reason, delay=delay))

    def _say_blocked(self, delivery: Delivery, where: str, reason: str) -> None:
        """Say once that a group waits for somebody to look at its message."""
        if delivery.group in self._blocked:
            return
        if len(self._blocked) >= _MOST_BLOCKED:
            self._blocked.clear()  # other workers may have had them since; the rest is said once more
        self._blocked.add(delivery.group)
        self._log.warning(
            "group blocked",
            message=delivery.message.id,
            group=delivery.group,
            stage=where,
            reason=reason,
            consequence="those behind it wait; it is tried until it succeeds or expires",
        )

    def _is_own(self, where: str, message: Message, error: Transient) -> bool:
        """Note a transient failure in a stage, and tell whether it is the message's own."""
        if isinstance(error, Down):
            return False
        self.dependencies.failed(where, error.reason, error.retry_after)
        return self.dependencies.is_own(where, message.id)

    def _expired(self, owner: AnyOwner) -> bool:
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
