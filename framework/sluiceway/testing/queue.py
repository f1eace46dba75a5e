"""An SQS queue in memory, standard or FIFO, as AWS documents it: the judge of what the engine does with a queue.

Source: "Amazon SQS visibility timeout" and the API reference of ReceiveMessage, DeleteMessage and
ChangeMessageVisibility.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import ClassVar, Final, TypeAlias

import orjson

from sluiceway.core.body import BodyFormat, decoder
from sluiceway.core.errors import LeaseLost, SourceExhausted, Transient
from sluiceway.core.json import JSON
from sluiceway.core.message import Message
from sluiceway.core.outcome import Ack, Retry
from sluiceway.core.ports import Clock, Delivery
from sluiceway.testing.faults import AfterEffect, CallFaults, Fault, fault_of, raise_after, raise_before
from sluiceway.testing.fifo import Groups

BATCH: Final = 10
"""The most that one receive hands out."""

LONGEST: Final = 12 * 3600.0
"""Seconds for which one receipt can be held at most."""

REPEATABLE: Final = 300.0
"""Seconds after which a FIFO queue has forgotten what it answered a receive with."""

Settled: TypeAlias = Transient | LeaseLost | None


class Stored:
    """One message in the queue.

    Attributes:
        id: Its id.
        raw: Its body.
        headers: Its attributes, all of them strings.
        sent_at: When it was sent, in seconds since 1970.
        receive_count: How often it has been handed out.
        visible_at: From when on it can be received, on the monotonic clock.
        receipt: The handle of its last receipt; empty before the first.
        received_at: When that was, on the monotonic clock.
        group: Its message group; empty on a standard queue.
    """

    def __init__(self, id: str, raw: bytes, headers: Mapping[str, str], sent_at: float, group: str = "") -> None:  # noqa: A002 - the message's own word for it
        self.id = id
        self.raw = raw
        self.headers = headers
        self.sent_at = sent_at
        self.receive_count = 0
        self.visible_at = 0.0
        self.receipt = ""
        self.received_at = 0.0
        self.group = group


class StrictQueue:
    """A standard or FIFO queue; it is the `Receiver` that a real source's `open` yields.

    A delete of what has been deleted succeeds. So does one with the handle of an earlier receipt from a standard queue,
    and deletes nothing.

    A FIFO queue hands out the messages of a group in order, and none while one of them is in flight; it refuses to
    delete on an expired handle, and gives what a receive whose answer was lost had taken to the next one, as it does
    for a source that repeats the ReceiveRequestAttemptId.

    Args:
        clock: Time, best virtual.
        visibility: Seconds for which a receipt is held.
        fifo: It is a FIFO queue: `send` puts each message into a group.
        wait_time: Seconds for which a receive waits for the first message.
        body_format: How bodies are read.
        close_when_empty: Raise SourceExhausted once no message is left, so that a worker ends by itself.
        expired_deletes: A delete whose lease has ended succeeds when nobody has received the message since, which
            AWS allows; otherwise it is answered with LeaseLost.
        receives: Faults of receive calls.
        settles: Faults of settle calls.
        entries: Faults of single settlements, from the message's id, the verdict and how often it was asked for this
            message; each must be a Transient or a LeaseLost.
        extends: Faults of extend calls; each must be a Transient or a LeaseLost, and every entry answers it.
        duplicates: Whether a message is handed out a second time, from its id and its receive count.

    Attributes:
        received: Ids, one for each receipt, in order.
        deleted: Ids, in the order of the deletes.
        released: Ids that were given back, and after how many seconds each comes again.
        extended: When a lease was extended, on the monotonic clock, and whose.
        most_in_flight: How many messages were invisible at a time, at most.
    """

    _longest: ClassVar[float] = LONGEST

    def __init__(  # noqa: PLR0913 - a hostile queue has many ways to be hostile, all of them off
        self,
        clock: Clock,
        *,
        fifo: bool = False,
        visibility: float = 60,
        wait_time: float = 10,
        body_format: BodyFormat = "json",
        close_when_empty: bool = False,
        expired_deletes: bool = False,
        receives: CallFaults = (),
        settles: CallFaults = (),
        entries: Callable[[str, Ack | Retry, int], Fault] | None = None,
        extends: CallFaults = (),
        duplicates: Callable[[str, int], bool] | None = None,
    ) -> None:
        if fifo and (expired_deletes or duplicates):
            raise ValueError("a FIFO queue neither deletes on an expired handle nor hands out duplicates")
        self.deleted: list[str] = []
        self.received: list[str] = []
        self.released: list[tuple[str, float]] = []
        self.extended: list[tuple[float, str]] = []
        self.most_in_flight = 0
        self._clock = clock
        self._visibility = visibility
        self._wait_time = wait_time
        self._decode = decoder(body_format)
        self._close_when_empty = close_when_empty
        self._expired_deletes = expired_deletes
        self._receive_faults, self._settle_faults, self._extend_faults = receives, settles, extends
        self._entry_faults = entries
        self._duplicates = duplicates
        self._calls = {"receive": count(1), "settle": count(1), "extend": count(1)}
        self._sent = count(1)
        self._receipts = count(1)
        self._asked: dict[str, int] = {}
        self._changed = asyncio.Event()
        self._messages: list[Stored] = []
        self._groups = Groups() if fifo else None
        self._by_receipt: dict[str, Stored] = {}
        self._void: set[str] = set()  # handles for which a delete is answered with success, and deletes nothing
        self._unanswered: deque[tuple[float, Sequence[Delivery]]] = deque()

    def send(
        self,
        body: bytes | JSON,
        *,
        headers: Mapping[str, str] | None = None,
        id: str = "",  # noqa: A002 - the message's own word for it
        group: str = "",
    ) -> str:
        """Put a message into the queue and return its id. A body that is not bytes is written as JSON.

        Raises:
            ValueError: A FIFO queue was given no group, or a standard one was given one.
        """
        if (group != "") is not (self._groups is not None):
            raise ValueError("a FIFO queue needs a group for each message, and a standard one takes none here")
        raw = body if isinstance(body, bytes) else orjson.dumps(body)
        stored = Stored(id or f"m{next(self._sent)}", raw, headers or {}, self._clock.now(), group)
        if self._groups is not None:
            self._groups.add(stored)
        else:
            self._messages.append(stored)
        self._changed.set()
        return stored.id

    @property
    def messages(self) -> list[Stored]:
        """What is left, visible or not, in the order in which it was sent."""
        return self._messages if self._groups is None else list(self._groups)

    @property
    def is_empty(self) -> bool:
        """Nothing is left, visible or not."""
        return not (self._messages if self._groups is None else self._groups)

    @property
    def in_flight(self) -> list[Stored]:
        """The messages that somebody holds, or that wait for their delay to end."""
        now = self._clock.monotonic()
        if self._groups is not None:
            return self._groups.in_flight(now)
        return [stored for stored in self._messages if stored.visible_at > now]

    async def receive(self, limit: int) -> Sequence[Delivery]:
        """Wait for up to the wait time for messages; hand out at most `limit`, never more than ten.

        Raises:
            SourceExhausted: No message is left, visible or held, and the queue closes when empty.
        """
        if limit < 1:
            raise ValueError(f"a receive must ask for 1 message at least, not {limit}")
        fault = fault_of(self._receive_faults, next(self._calls["receive"]))
        raise_before(fault)
        deliveries = self._answered_again(limit)
        if not deliveries:
            visible = await self._wait(self._clock.monotonic() + self._wait_time, min(limit, BATCH))
            deliveries = [self._hand_out(stored) for stored in visible]
        self.most_in_flight = max(self.most_in_flight, len(self.in_flight))
        if isinstance(fault, AfterEffect) and self._groups is not None:
            self._unanswered.append((self._clock.monotonic(), deliveries))
        raise_after(fault)
        return deliveries

    def _answered_again(self, limit: int) -> Sequence[Delivery]:
        """Return what a receive of a FIFO queue had taken whose answer was lost, if nothing has changed since."""
        now = self._clock.monotonic()
        while self._unanswered and len(self._unanswered[0][1]) <= limit:
            asked_at, deliveries = self._unanswered.popleft()
            held = [stored for delivery in deliveries if (stored := self._held(delivery.receipt)) is not None]
            if held and len(held) == len(deliveries) and now - asked_at < REPEATABLE:
                for stored in held:
                    self._set_visible(stored, now + self._visibility)
                return deliveries
        return ()

    async def _wait(self, deadline: float, limit: int) -> list[Stored]:
        while True:
            now = self._clock.monotonic()
            if visible := self._visible(limit, now):
                return visible
            if self._close_when_empty and self.is_empty:
                raise SourceExhausted("the queue is empty")
            if now >= deadline:
                return []
            self._changed.clear()
            soonest = self._soonest(deadline)
            try:
                async with asyncio.timeout(min(soonest, deadline) - now):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def _visible(self, limit: int, now: float) -> list[Stored]:
        if self._groups is not None:
            return self._groups.visible(limit, now)
        return [stored for stored in self._messages if stored.visible_at <= now][:limit]

    def _soonest(self, deadline: float) -> float:
        if self._groups is not None:
            return self._groups.next_free(deadline)
        return min((stored.visible_at for stored in self._messages), default=deadline)

    def _set_visible(self, stored: Stored, at: float) -> None:
        stored.visible_at = at
        if self._groups is not None:
            self._groups.changed(stored)

    def _hand_out(self, stored: Stored) -> Delivery:
        now = self._clock.monotonic()
        stored.receive_count += 1
        if stored.receipt:
            del self._by_receipt[stored.receipt]
            if self._groups is None:
                self._void.add(stored.receipt)
        stored.receipt = f"{stored.id}#{next(self._receipts)}"
        self._by_receipt[stored.receipt] = stored
        stored.received_at = now
        self._set_visible(stored, now + self._visibility)
        self.received.append(stored.id)
        if self._duplicates is not None and self._duplicates(stored.id, stored.receive_count):
            copy = Stored(stored.id, stored.raw, stored.headers, stored.sent_at)
            copy.receive_count = stored.receive_count
            self._messages.append(copy)
        meta: dict[str, JSON] = {"source": "strict", "receive_count": stored.receive_count}
        if stored.group:
            meta["group"] = stored.group
        return Delivery(
            Message.received(stored.raw, self._decode, id=stored.id, headers=stored.headers, meta=meta),
            stored.receipt,
            stored.raw,
            attributes={name: {"DataType": "String", "StringValue": value} for name, value in stored.headers.items()},
            receive_count=stored.receive_count,
            sent_at=stored.sent_at,
            group=stored.group or None,
            taken=now,
        )

    def extend(self, receipts: Sequence[str], seconds: float) -> Sequence[Settled]:
        """Hold these receipts for `seconds` from now, at most twelve hours after they were handed out."""
        fault = fault_of(self._extend_faults, next(self._calls["extend"]))
        if isinstance(fault, Exception):
            return [_result(fault)] * len(receipts)
        results = [self._extend(receipt, seconds) for receipt in receipts]
        return [_result(fault.error)] * len(receipts) if fault else results

    def _extend(self, receipt: str, seconds: float) -> Settled:
        stored = self._change_visibility(receipt, seconds)
        if isinstance(stored, LeaseLost):
            return stored
        self.extended.append((self._clock.monotonic(), stored.id))
        return None

    def _change_visibility(self, receipt: str, seconds: float) -> Stored | LeaseLost:
        stored = self._held(receipt)
        until = self._clock.monotonic() + seconds
        if stored is None:
            return LeaseLost(f"receipt {receipt} is not valid any more")
        if until > stored.received_at + self._longest:
            return LeaseLost("the total visibility time-out for a message is 12 hours")
        self._set_visible(stored, until)
        return stored

    async def settle(self, settlements: Sequence[tuple[Delivery, Ack | Retry]]) -> Sequence[Settled]:
        """Delete or give back; one result each."""
        fault = fault_of(self._settle_faults, next(self._calls["settle"]))
        raise_before(fault)
        results = [self._settle(delivery, verdict) for delivery, verdict in settlements]
        self._changed.set()
        raise_after(fault)
        return results

    def _settle(self, delivery: Delivery, verdict: Ack | Retry) -> Settled:
        name = delivery.message.id
        self._asked[name] = self._asked.get(name, 0) + 1
        fault = self._entry_faults(name, verdict, self._asked[name]) if self._entry_faults else None
        if isinstance(fault, Exception):
            return _result(fault)
        done = self._delete(delivery.receipt) if isinstance(verdict, Ack) else self._release(delivery, verdict)
        return _result(fault.error) if isinstance(fault, AfterEffect) else done

    def _delete(self, receipt: str) -> Settled:
        stored = self._held(receipt, expired=self._expired_deletes)
        if stored is None:
            return None if receipt in self._void else LeaseLost(f"receipt {receipt} is not valid any more")
        del self._by_receipt[receipt]
        self._void.add(receipt)
        if self._groups is not None:
            self._groups.remove(stored)
        else:
            self._messages.remove(stored)
        self.deleted.append(stored.id)
        return None

    def _release(self, delivery: Delivery, verdict: Retry) -> Settled:
        stored = self._change_visibility(delivery.receipt, verdict.delay)
        if isinstance(stored, LeaseLost):
            return stored
        self.released.append((stored.id, verdict.delay))
        return None

    def _held(self, receipt: str, *, expired: bool = False) -> Stored | None:
        stored = self._by_receipt.get(receipt)
        return stored if stored and (expired or stored.visible_at > self._clock.monotonic()) else None


def _result(error: Exception) -> Transient | LeaseLost:
    if not isinstance(error, Transient | LeaseLost):
        raise TypeError(f"a queue's result for one entry must be a Transient or a LeaseLost, not {error!r}")
    return error
