"""Batches for one sink: filled to the service's limits, judged entry by entry, failed legs tried again alone."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

from sluiceway.core.errors import MessageError, OutsideError, Reject, Transient
from sluiceway.core.message import Message
from sluiceway.core.ports import Send
from sluiceway.core.spec import Pipeline, SinkSpec
from sluiceway.engine.call import as_bug, timed
from sluiceway.engine.chain import LOST
from sluiceway.engine.dependencies import is_answer
from sluiceway.engine.ledger import Ledger, Owner
from sluiceway.engine.report import Ending
from sluiceway.engine.retry import backoff
from sluiceway.engine.surroundings import Spawn, Surroundings

LINGER = 0.01
"""Seconds that a batch waits to be filled while the queue has more. With a FIFO source it waits only for what comes at
the same moment: the next of each group waits for it."""


class Leg:
    """One message on its way to one sink."""

    __slots__ = ("held_since", "message", "owner", "size", "tries")

    def __init__(self, message: Message, owner: Owner, size: int) -> None:
        self.message = message
        self.owner = owner
        self.size = size
        self.tries = 0
        self.held_since: float | None = None


class Batcher:
    """The way to one sink."""

    def __init__(
        self,
        sink: SinkSpec,
        send: Send,
        pipeline: Pipeline,
        ledger: Ledger,
        around: Surroundings,
        spawn: Spawn,
    ) -> None:
        self.sink = sink
        self.routes = frozenset(sink.routes)
        self._send = send
        self._pipeline = pipeline
        self._ledger = ledger
        self._clock = around.clock
        self._random = around.random
        self._spawn = spawn
        self._waiting: list[Leg] = []
        self._bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._held: dict[Leg, asyncio.TimerHandle] = {}
        self._draining = False
        self._permits = asyncio.Semaphore(sink.concurrency)
        self._accepted = Ending("accepted", sink.id)
        self._ordered = pipeline.source.component.ordered
        self._linger = 0 if self._ordered else LINGER
        self._behind: dict[Owner, deque[Leg]] = {}

    def add(self, message: Message, owner: Owner) -> None:
        """Take a message; its leg ends when the sink has accepted or refused it, or when it is given back."""
        try:
            size = self._weigh(message)
        except KeyboardInterrupt:  # the user's
            raise
        except BaseException as error:  # noqa: BLE001 - whatever a sink raises, its message must not be lost
            self._ledger.failed(owner, self.sink.id, message, as_bug(error, self.sink.id))
            return
        leg = Leg(message, owner, size)
        if self._ordered:
            if owner in self._behind:
                self._behind[owner].append(leg)
                return
            self._behind[owner] = deque()
        self._enqueue(leg)

    def _weigh(self, message: Message) -> int:
        component = self.sink.component
        size = component.weigh(message)
        if size > component.batch_bytes:
            raise Reject(
                f"{size} bytes are more than {self.sink.use} takes ({component.batch_bytes});"
                " a claim_check.store stage before it would make it fit",
                error="oversize",
            )
        return size

    def flush(self) -> None:
        """Send what waits: nothing more can come to fill the batch."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waiting:
            batch, self._waiting, self._bytes = self._waiting, [], 0
            self._spawn(self._deliver(batch))

    def drain(self) -> None:
        """Send what waits, give back what is held, hold nothing more."""
        self._draining = True
        self.flush()
        for leg, timer in self._held.items():
            timer.cancel()
            self._give_back(leg, "the worker stops")
        self._held.clear()

    def _enqueue(self, leg: Leg) -> None:
        component = self.sink.component
        if self._bytes + leg.size > component.batch_bytes:
            self.flush()
        self._waiting.append(leg)
        self._bytes += leg.size
        if len(self._waiting) >= component.batch_entries:
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._linger, self.flush)

    async def _deliver(self, batch: Sequence[Leg]) -> None:
        async with self._permits:
            legs = [leg for leg in batch if not self._lost(leg)]
            if not legs:
                return
            results = await self._results([leg.message for leg in legs])
        if isinstance(results, Exception):
            if len(legs) > 1 and _is_bug(results):
                # Any one of them may have provoked it: alone, it uses up no attempt of those beside it.
                for leg in legs:
                    self._spawn(self._deliver([leg]))
                return
            results = [results] * len(legs)
        if served := sum(map(is_answer, results)):
            self._ledger.dependencies.served(self.sink.id, served)
        for leg, result in zip(legs, results, strict=True):
            self._judge(leg, result)

    def _lost(self, leg: Leg) -> bool:
        if leg.owner.lost:
            leg.owner.end(leg.message, LOST)
            self._over(leg.owner)
        return leg.owner.lost

    async def _results(self, messages: Sequence[Message]) -> Sequence[Exception | None] | Exception:
        """Return one result each, or what made the whole call fail."""
        try:
            with self._ledger.calls.noted(self.sink.id, messages, self.sink.timeout):
                results = await timed(self._send(messages), self.sink.id, self.sink.timeout)
        except Exception as error:  # noqa: BLE001 - whatever a sink raises, its messages must not be lost
            return error
        judged = [_result(result) for result in results] if isinstance(results, list | tuple) else []
        if len(judged) == len(messages):
            return judged
        return TypeError(f"{self.sink.id} gave {len(judged)} results for {len(messages)} messages")

    def _judge(self, leg: Leg, result: Exception | None) -> None:
        if isinstance(result, Transient):
            self._hold(leg, result)
            return
        if result is None:
            leg.owner.end(leg.message, self._accepted)
        else:
            self._ledger.failed(leg.owner, self.sink.id, leg.message, result)
        self._over(leg.owner)

    def _over(self, owner: Owner) -> None:
        """Let the next leg of a message go, or none when the message comes again: children arrive in their order."""
        if not self._ordered:
            return
        behind = self._behind.get(owner)
        if behind and not owner.lost and not owner.comes_again:
            self._enqueue(behind.popleft())
            return
        ending = LOST if owner.lost else Ending("returned", self.sink.id, "one before it comes again")
        for leg in self._behind.pop(owner, ()):
            owner.end(leg.message, ending)

    def _hold(self, leg: Leg, error: Transient) -> None:
        """Try a failed leg again, alone and under its lease, for as long as that is sensible; else give it back."""
        retry = self._pipeline.retry
        own = self._ledger.dependencies.failed(self.sink.id, leg.message.id, error.reason)
        now = self._clock.monotonic()
        leg.tries += 1
        leg.held_since = now if leg.held_since is None else leg.held_since
        wait = max(backoff(retry.backoff, leg.tries, self._random), error.retry_after or 0)
        until = min(leg.held_since + retry.hold, leg.owner.taken + self._pipeline.source.component.visibility.limit)
        if self._draining:
            self._give_back(leg, error.reason)
        elif now + wait > until or (own and self._ledger.used_up(leg.owner)):
            self._ledger.failed(leg.owner, self.sink.id, leg.message, error, own=own)
            self._over(leg.owner)
        else:
            leg.owner.own_failures += own
            if leg.tries == 1 and leg.owner.legs is not None:  # this worker may not live to give it back
                self._spawn(self._ledger.legs.remember([leg.owner]))
            self._held[leg] = asyncio.get_running_loop().call_later(wait, self._try_again, leg)

    def _try_again(self, leg: Leg) -> None:
        del self._held[leg]
        self._enqueue(leg)

    def _give_back(self, leg: Leg, reason: str) -> None:
        leg.owner.end(leg.message, Ending("returned", self.sink.id, reason))
        self._over(leg.owner)


def _is_bug(error: Exception) -> bool:
    return not isinstance(error, MessageError | OutsideError)


def _result(result: object) -> Exception | None:
    """Return one result as the engine judges it: a sink of somebody's may give anything."""
    if result is None or isinstance(result, Exception):
        return result
    return TypeError(f"a result is {type(result).__name__}, not None, a Reject or a Transient")
