"""Settlement: verdicts carried out in batches, each entry until the source has confirmed it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sluiceway.core import spec
from sluiceway.core.errors import LeaseLost, Transient
from sluiceway.core.outcome import Ack, DeadLetter, Retry, Verdict
from sluiceway.core.ports import Bury, Receiver
from sluiceway.core.units import Duration
from sluiceway.engine.budget import FULL, Budget
from sluiceway.engine.call import timed
from sluiceway.engine.circuit import Down
from sluiceway.engine.dead_letters import DeadLetters
from sluiceway.engine.held import Held
from sluiceway.engine.lease import Keeper
from sluiceway.engine.ledger import Ledger
from sluiceway.engine.owner import Owner
from sluiceway.engine.retry import backoff
from sluiceway.engine.surroundings import Spawn, Surroundings

LINGER = 0.01
"""Seconds that settlements wait for each other. Where others wait for them (FIFO), only those of one moment do."""

_COMPLETION = 5.0
"""Seconds that a stage has for what it does before a settlement."""

_CALL = 90.0
"""Seconds for one call of the source: more than adapters allow their own, so that this ends only what would hang for
ever."""

_LONGEST = 12 * 3600 - 2 * _CALL
"""Seconds after its receipt at which a message can come again at the latest (SQS: 12 hours), less two such calls."""

_BACKOFF = spec.Backoff(max=Duration("30s"))


class Finished(Protocol):
    """Hears of each delivery that has been settled."""

    def __call__(self, owner: Owner, /, *, done: bool) -> None:
        """Take one; `done` when it is gone from the source for good."""
        ...


@dataclass(slots=True, eq=False)
class _Settlement:
    owner: Owner
    verdict: Verdict
    tries: int = 0
    buried: bool = False

    @property
    def order(self) -> Ack | Retry | None:
        """What is to be asked of the source now; nothing while the dead letter is not kept yet."""
        if isinstance(self.verdict, DeadLetter):
            return Ack() if self.buried else None
        return self.verdict


class Settler:
    """Carries out verdicts.

    A dead letter is confirmed by its queue before the original is deleted, and sent once however often the delete
    fails. A delete or a dead letter that fails is tried again under the lease; when the lease is lost first, the
    message comes again and the report says so.

    Attributes:
        on_finished: Hears of each delivery once its settlement is confirmed, or void.
    """

    on_finished: Finished | None = None

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
        self._dead_letters = DeadLetters(bury, ledger.dependencies, around.log)
        self._ledger = ledger
        self._keeper = keeper
        self._budget = budget
        self._report = around.report
        self._clock = around.clock
        self._random = around.random
        self._log = around.log
        self._spawn = spawn
        self._waiting: list[_Settlement] = []
        self._timer: asyncio.TimerHandle | None = None
        self._held = Held(self._enqueue)
        self._unkept = Held(self._enqueue)
        self._draining = False

    def settle(self, owner: Owner, verdict: Verdict | None) -> None:
        """Take the verdict of one delivery; None means that its lease is lost and there is nothing to settle."""
        if verdict is None:
            self._void(owner)
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
        for settlement in [*self._held.clear(), *self._unkept.clear()]:
            self._enqueue(settlement)
        self.flush()

    def _enqueue(self, settlement: _Settlement) -> None:
        self._waiting.append(settlement)
        if len(self._waiting) >= FULL or len(self._waiting) == len(self._ledger.owners):
            self.flush()
        elif self._timer is None:
            linger = LINGER if self.on_finished is None else 0
            self._timer = asyncio.get_running_loop().call_later(linger, self.flush)

    async def _carry_out(self, batch: Sequence[_Settlement]) -> None:
        held = [settlement for settlement in batch if self._is_held(settlement)]
        dead = [s for s in held if isinstance(s.verdict, DeadLetter) and not s.buried]
        if dead and len(dead) < len(held):
            self._spawn(self._carry_out(dead))  # a dead-letter queue that is slow must not hold up the others
            held = [settlement for settlement in held if settlement not in dead]
        elif dead:
            await self._bury_all(dead)
            held = [settlement for settlement in held if settlement.order is not None]  # the others wait by themselves
        if claimed := [settlement for settlement in held if settlement.owner.completions]:
            completed = await asyncio.gather(*map(self._complete, claimed))
            later = {settlement for settlement, is_done in zip(claimed, completed, strict=True) if not is_done}
            held = [settlement for settlement in held if settlement not in later]
        ready = [(s, order) for s in held if (order := self._order(s)) is not None]
        if not ready:
            return
        if given_back := [settlement.owner for settlement, order in ready if isinstance(order, Retry)]:
            await self._ledger.legs.remember(given_back)
            for owner in given_back:
                self._keeper.release(owner)  # from now on a renewal would only undo the delay
        try:
            orders = [(settlement.owner.delivery, order) for settlement, order in ready]
            results = await timed(self._receiver.settle(orders), "source", _CALL)
        except Transient as error:
            results = [error] * len(ready)
        for (settlement, _), result in zip(ready, results, strict=True):
            self._confirm(settlement, result)

    def _order(self, settlement: _Settlement) -> Ack | Retry | None:
        """Return what is to be asked of the source now, within what it can still do."""
        order = settlement.order
        if not isinstance(order, Retry):
            return order
        left = settlement.owner.taken + _LONGEST - self._clock.monotonic()
        return Retry(max(0, min(order.delay, left)), order.reason)

    def _is_held(self, settlement: _Settlement) -> bool:
        """Tell whether there is still something to settle."""
        if settlement.owner.lost:
            self._void(settlement.owner)
            return False
        return True

    def _confirm(self, settlement: _Settlement, result: Transient | LeaseLost | None) -> None:
        if result is None:
            self._report.done(settlement.owner.delivery, settlement.verdict)
            self._finish(settlement.owner, done=not isinstance(settlement.verdict, Retry))
        elif isinstance(result, LeaseLost):
            self._log.warning(
                "settled too late",
                message=settlement.owner.delivery.message.id,
                reason=result.reason,
                consequence="the message comes again",
            )
            self._void(settlement.owner)
        else:
            self._hold(settlement)

    async def _bury_all(self, dead: Sequence[_Settlement]) -> None:
        """Have dead letters kept; those that the queue cannot take now are tried again, or given back."""
        letters = [(s.owner.delivery, s.verdict.facts) for s in dead if isinstance(s.verdict, DeadLetter)]
        was_down = self._dead_letters.is_down
        results = await self._dead_letters.keep(letters)
        for settlement, result in zip(dead, results, strict=True):
            if result is None:
                settlement.buried = True
            elif not isinstance(result, Transient):
                self._give_back(settlement, str(result))
            elif self._draining:
                settlement.verdict = Retry(0, result.reason)
            elif isinstance(result, Down):
                self._unkept.hold(settlement, self._dead_letters.wait + self._random.random() / 2)
            else:
                self._unkept.hold(settlement, self._backoff(settlement))
        if was_down and not self._dead_letters.is_down:
            self._unkept.hasten(self._random.random, FULL)

    async def _complete(self, settlement: _Settlement) -> bool:
        """Let stages do what they must before this is settled; tell whether it may be settled now, or waits again."""
        owner, done = settlement.owner, isinstance(settlement.verdict, Ack)
        try:
            while owner.completions:
                await timed(owner.completions[-1](done), "completion", _COMPLETION)
                owner.completions.pop()
        except Exception as error:  # noqa: BLE001 - whatever a stage raises, its message must not be lost
            message = owner.delivery.message.id
            self._log.warning("not completed", message=message, reason=str(error), consequence="not settled yet")
            if done and not self._draining:
                self._hold(settlement)
                return False
            owner.completions.clear()  # what it claimed runs out by itself
            if done:
                settlement.verdict = Retry(0, str(error))
        return True

    def _give_back(self, settlement: _Settlement, reason: str) -> None:
        delay = backoff(_BACKOFF, settlement.owner.delivery.receive_count, self._random)
        self._log.error(
            "cannot be dead-lettered",
            message=settlement.owner.delivery.message.id,
            reason=reason,
            consequence="given back to the source",
        )
        settlement.verdict = Retry(delay, reason)

    def _hold(self, settlement: _Settlement) -> None:
        """Try a settlement again later; its lease is kept until then."""
        self._held.hold(settlement, self._backoff(settlement))

    def _backoff(self, settlement: _Settlement) -> float:
        settlement.tries += 1
        return backoff(_BACKOFF, settlement.tries, self._random)

    def _void(self, owner: Owner) -> None:
        """Count a delivery whose lease was lost before it could be settled: the source decides, not we."""
        self._report.void += 1
        self._finish(owner, done=False)

    def _finish(self, owner: Owner, *, done: bool) -> None:
        self._keeper.release(owner)
        self._dead_letters.forget(owner.delivery)
        self._ledger.close(owner, done=done)
        self._budget.release(len(owner.delivery.raw))
        if self.on_finished is not None:
            self.on_finished(owner, done=done)
