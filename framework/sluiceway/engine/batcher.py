"""Batches for one sink: filled to the service's limits, judged entry by entry, failed legs tried again alone."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

from sluiceway.core.errors import Reject, Transient
from sluiceway.core.message import Message
from sluiceway.core.ports import Send
from sluiceway.core.spec import Pipeline, SinkSpec
from sluiceway.engine.call import as_bug
from sluiceway.engine.circuit import Down
from sluiceway.engine.dependencies import is_answer
from sluiceway.engine.held import Held
from sluiceway.engine.ledger import Ledger
from sluiceway.engine.owner import LOST, AnyOwner
from sluiceway.engine.report import Ending
from sluiceway.engine.results import is_bug, results_of
from sluiceway.engine.retry import RetryBudget, backoff
from sluiceway.engine.surroundings import Spawn, Surroundings

LINGER = 0.01
"""Seconds that a batch waits to be filled while the queue has more. With a FIFO source it waits only for what comes at
the same moment: the next of each group waits for it."""

HEAD_START = 0.5
"""Seconds by which a message just received may try a sink that is down before those that are held for it: if they
were what it has something against, they would never find out that it serves others."""

SPREAD = 1.0
"""Seconds over which what was held goes on when the sink serves again."""


class Leg:
    """One message on its way to one sink.

    Attributes:
        message: The message.
        owner: Whose it is.
        size: What it takes of a batch, in bytes.
        tries: How often it has failed for now.
        own_failures: How many of these were its own.
        held_since: When it first had to wait, on the monotonic clock.
    """

    __slots__ = ("held_since", "message", "own_failures", "owner", "size", "tries")

    def __init__(self, message: Message, owner: AnyOwner, size: int) -> None:
        self.message = message
        self.owner = owner
        self.size = size
        self.tries = 0
        self.own_failures = 0
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
        self._held = Held(self._enqueue)
        self._parked = Held(self._enqueue)
        self._circuit = ledger.dependencies.circuit(sink.id)
        self._retries = RetryBudget(around.clock)
        self._draining = False
        self._permits = asyncio.Semaphore(sink.concurrency)
        self._accepted = Ending("accepted", sink.id)
        self._ordered = pipeline.source.component.ordered
        self._linger = 0 if self._ordered else LINGER
        self._behind: dict[AnyOwner, deque[Leg]] = {}

    def add(self, message: Message, owner: AnyOwner) -> None:
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
        for leg in [*self._held.clear(), *self._parked.clear()]:
            self._give_back(leg, "the worker stops")

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
            legs = self._admitted([leg for leg in batch if not self._lost(leg)])
            if not legs:
                return
            since = self._clock.monotonic()
            messages = [leg.message for leg in legs]
            with self._ledger.calls.noted(self.sink.id, messages, self.sink.timeout):
                results = await results_of(self._send, messages, self.sink.id, self.sink.timeout)
        if isinstance(results, Exception):
            if len(legs) > 1 and is_bug(results):
                # Any one of them may have provoked it: alone, it uses up no attempt of those beside it.
                for leg in legs:
                    self._spawn(self._deliver([leg]))
                return
            results = [results] * len(legs)
        self._note(legs, results, since)
        for leg, result in zip(legs, results, strict=True):
            self._judge(leg, result)

    def _lost(self, leg: Leg) -> bool:
        if is_lost := leg.owner.lost:
            leg.owner.end(leg.message, LOST)
            self._over(leg.owner)
        return is_lost

    def _admitted(self, legs: list[Leg]) -> list[Leg]:
        """Return what may be sent now; the others wait for the sink, or for room among its retries."""
        if self._circuit.is_open:
            if self._circuit.admits():
                return legs
            for leg in legs:
                wait = self._circuit.wait + HEAD_START * (1 + self._random.random()) / 2
                self._defer(leg, wait, self._parked, "is down")
            return []
        admitted: list[Leg] = []
        for leg in legs:
            if not leg.tries or self._retries.take():
                admitted.append(leg)
            else:
                wait = backoff(self._pipeline.retry.backoff, leg.tries + 1, self._random)
                self._defer(leg, wait, self._held, "has failed too often of late to be tried again now")
        return admitted

    def _defer(self, leg: Leg, wait: float, held: Held[Leg], why: str) -> None:
        """Let a leg wait that has not been sent, for as long as a failed one may be held."""
        if leg.held_since is None:
            self._remember(leg)
        left = self._time_left(leg)
        if self._draining:
            self._give_back(leg, "the worker stops")
        elif left <= 0:
            error = Transient if leg.tries else Down  # what has not been tried cannot be too old for it
            self._ledger.failed(leg.owner, self.sink.id, leg.message, error(f"{self.sink.id} {why}"), own=False)
            self._over(leg.owner)
        else:
            held.hold(leg, min(left, wait))

    def _note(self, legs: Sequence[Leg], results: Sequence[Exception | None], since: float) -> None:
        """Note whether the sink serves; when it does again, what was held for it goes on."""
        if served := [leg for leg, result in zip(legs, results, strict=True) if is_answer(result)]:
            again = len([leg for leg in served if leg.tries])
            self._retries.served(len(served) - again, again)
            self._circuit.served(len(served), since=since)
            if self._parked and not self._circuit.is_open:
                self._parked.hasten(lambda: SPREAD * self._random.random(), self.sink.component.batch_entries)
        elif failures := [result for result in results if isinstance(result, Transient)]:
            asked = max(failure.retry_after or 0 for failure in failures)
            self._circuit.failed(failures[0].reason, asked)

    def _judge(self, leg: Leg, result: Exception | None) -> None:
        if isinstance(result, Transient):
            self._hold(leg, result)
            return
        if result is None:
            leg.owner.end(leg.message, self._accepted)
        else:
            self._ledger.failed(leg.owner, self.sink.id, leg.message, result)
        self._over(leg.owner)

    def _over(self, owner: AnyOwner) -> None:
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
        own = self._ledger.dependencies.is_own(self.sink.id, leg.message.id)
        leg.tries += 1
        leg.own_failures += own
        leg.owner.note_own_failures(leg.own_failures)
        wait = max(backoff(retry.backoff, leg.tries, self._random), error.retry_after or 0)
        if self._draining:
            self._give_back(leg, error.reason)
        elif wait > self._time_left(leg) or (own and self._ledger.used_up(leg.owner)):
            self._ledger.failed(leg.owner, self.sink.id, leg.message, error, own=own)
            self._over(leg.owner)
        else:
            if leg.tries == 1:
                self._remember(leg)
            self._held.hold(leg, wait)

    def _remember(self, leg: Leg) -> None:
        """Record what other sinks have accepted: this worker may not live to give the delivery back."""
        if owners := [owner for owner in leg.owner.owners() if owner.legs is not None]:
            self._spawn(self._ledger.legs.remember(owners))

    def _time_left(self, leg: Leg) -> float:
        """Return for how many seconds a leg may wait here from now on."""
        now = self._clock.monotonic()
        leg.held_since = now if leg.held_since is None else leg.held_since
        limit = self._pipeline.source.component.visibility.limit
        return min(leg.held_since + self._pipeline.retry.hold, leg.owner.taken + limit) - now

    def _give_back(self, leg: Leg, reason: str) -> None:
        leg.owner.end(leg.message, Ending("returned", self.sink.id, reason))
        self._over(leg.owner)
