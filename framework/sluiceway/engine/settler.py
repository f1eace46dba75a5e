"""Settlement: verdicts carried out in batches, each entry until the source has confirmed it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from sluiceway.core import spec
from sluiceway.core.errors import LeaseLost, MessageError, Transient
from sluiceway.core.outcome import Ack, DeadLetter, Retry, Verdict
from sluiceway.core.ports import Bury, Receiver
from sluiceway.engine.budget import FULL, Budget
from sluiceway.engine.lease import Keeper
from sluiceway.engine.ledger import Ledger, Owner
from sluiceway.engine.report import dead_letter_facts
from sluiceway.engine.retry import backoff
from sluiceway.engine.surroundings import Spawn, Surroundings

LINGER = 0.01
"""Seconds that settlements wait for each other."""

DEAD_LETTER = "dead_letter"
"""The dead-letter queue's name as a dependency."""

_BACKOFF = spec.Backoff()


@dataclass(slots=True)
class _Settlement:
    owner: Owner
    verdict: Verdict
    tries: int = 0


class Settler:
    """Carries out verdicts.

    A dead letter is confirmed by its queue before the original is deleted. A delete or a dead letter that fails is
    tried again under the lease; when the lease is lost first, the message comes again and the report says so.
    """

    def __init__(  # noqa: PLR0913 - the last station gives back what every other one holds
        self,
        receiver: Receiver,
        bury: Bury | None,
        ledger: Ledger,
        keeper: Keeper,
        budget: Budget,
        *,
        around: Surroundings,
        spawn: Spawn,
    ) -> None:
        self._receiver = receiver
        self._bury = bury
        self._ledger = ledger
        self._keeper = keeper
        self._budget = budget
        self._report = around.report
        self._random = around.random
        self._log = around.log
        self._spawn = spawn
        self._waiting: list[_Settlement] = []
        self._timer: asyncio.TimerHandle | None = None
        self._draining = False

    def settle(self, owner: Owner, verdict: Verdict | None) -> None:
        """Take the verdict of one delivery; None means that its lease is lost and there is nothing to settle."""
        if verdict is None:
            self._finish(owner)
        else:
            self._enqueue(_Settlement(owner, verdict))

    def flush(self) -> None:
        """Settle what waits."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._waiting:
            batch, self._waiting = self._waiting[:FULL], self._waiting[FULL:]
            self._spawn(self._carry_out(batch))

    def drain(self) -> None:
        """Let nothing wait any longer."""
        self._draining = True
        self.flush()

    def _enqueue(self, settlement: _Settlement) -> None:
        self._waiting.append(settlement)
        if len(self._waiting) >= FULL or len(self._waiting) == len(self._ledger.owners):
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LINGER, self.flush)

    async def _carry_out(self, batch: Sequence[_Settlement]) -> None:
        buried = await self._buried([s for s in batch if isinstance(s.verdict, DeadLetter)])
        ready = [(s, s.verdict) for s in batch if isinstance(s.verdict, Ack | Retry)]
        ready += [(s, Ack()) for s in buried]
        if not ready:
            return
        try:
            results = await self._receiver.settle([(s.owner.delivery, verdict) for s, verdict in ready])
        except Transient as error:
            results = [error] * len(ready)
        for (settlement, _), result in zip(ready, results, strict=True):
            self._confirm(settlement, result)

    def _confirm(self, settlement: _Settlement, result: Transient | LeaseLost | None) -> None:
        if result is None:
            self._report.done(settlement.owner.delivery, settlement.verdict)
            self._finish(settlement.owner)
        elif isinstance(result, LeaseLost):
            self._log.warning(
                "settled too late",
                message=settlement.owner.delivery.message.id,
                reason=result.reason,
                consequence="the message comes again",
            )
            self._finish(settlement.owner)
        else:
            self._again(settlement, result.reason)

    async def _buried(self, dead: Sequence[_Settlement]) -> list[_Settlement]:
        """Return those whose dead letter is confirmed; the others are tried again, or given back."""
        if not dead:
            return []
        letters = [(s.owner.delivery, s.verdict.facts) for s in dead if isinstance(s.verdict, DeadLetter)]
        results: Sequence[MessageError | None]
        try:
            results = await self._bury(letters) if self._bury else [None] * len(letters)
        except MessageError as error:
            results = [error] * len(letters)
        confirmed: list[_Settlement] = []
        for settlement, (_, facts), result in zip(dead, letters, results, strict=True):
            if result is None:
                self._ledger.dependencies.served(DEAD_LETTER)
                self._log.warning("dead-lettered", **dead_letter_facts(facts))
                confirmed.append(settlement)
            elif isinstance(result, Transient):
                self._ledger.dependencies.failed(DEAD_LETTER, facts.id, result.reason)
                self._again(settlement, result.reason)
            else:
                self._give_back(settlement, result.reason)
        return confirmed

    def _give_back(self, settlement: _Settlement, reason: str) -> None:
        delay = backoff(_BACKOFF, settlement.owner.delivery.receive_count, self._random)
        self._log.error(
            "cannot be dead-lettered",
            message=settlement.owner.delivery.message.id,
            reason=reason,
            consequence="given back to the source",
        )
        settlement.verdict = Retry(delay, reason)
        self._enqueue(settlement)

    def _again(self, settlement: _Settlement, reason: str) -> None:
        """Try a settlement again later; one that is overtaken by the end of its lease is given up."""
        settlement.tries += 1
        if settlement.owner.lost:
            self._log.warning("not settled", message=settlement.owner.delivery.message.id, reason=reason)
            self._finish(settlement.owner)
            return
        if self._draining and isinstance(settlement.verdict, DeadLetter):
            settlement.verdict = Retry(0, reason)
        wait = backoff(_BACKOFF, settlement.tries, self._random)
        asyncio.get_running_loop().call_later(wait, self._enqueue, settlement)

    def _finish(self, owner: Owner) -> None:
        self._keeper.release(owner)
        self._ledger.close(owner)
        self._budget.release(len(owner.delivery.raw))
