"""Throttler: let so many messages go on in a time, and no more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import ClassVar, Final, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from sluiceway import (
    Context,
    Defer,
    Duration,
    Expression,
    Message,
    Process,
    Record,
    Resource,
    Stage,
    Store,
    StoreChoice,
    Transient,
    json,
    store_resources,
)
from sluiceway_patterns.pace import LONGEST_HELD, Line, Pace
from sluiceway_patterns.record_key import written_key

_TRIES: Final = 8
"""Writes of a record that others change at the same time, before the messages wait for a better moment."""

_FASTEST: Final = 10_000
"""Messages a second. The time of day in a double has some 0.2 µs: much faster ones could not be counted by it."""

_LONGEST: Final = Duration("1d")

_KEPT: Final = 60.0
"""Seconds for which a record is kept when it says nothing any more; as long as workers' clocks may differ."""


class Throttler(Stage):
    """Throttler: let so many messages go on in a time, and no more.

    It is a token bucket: `rate` messages go on in each `per`, evenly, and after a pause up to `burst` at once. So in
    any time t at most `burst + rate * t / per` do. With `by` each value has a bucket of its own, such as each
    customer's; a message without that value is rejected (`missing`).

    A message whose turn comes within 60 s is held in the worker, in the order in which messages came. One that would
    have to wait longer is given back to the queue by its visibility until its turn is likely to come, 12 hours at most,
    and asks again then. That uses up no attempt, but it is a receipt: a redrive policy on the queue itself
    (`maxReceiveCount`) must allow for it. What waits takes up places of `limits.in_flight`; when they are used up the
    worker receives nothing more, so that the backlog stays in the queue. Counted: `throttled`, the messages that had to
    wait, and `given_back`.

    **Restart.** A store in memory forgets: a `burst` may go on at once. A table remembers. What was held when the
    worker died comes again and asks again; its turn is lost, so that the rate is kept. A worker that is told to stop
    lets go on what has its turn until its drain is over (`drain.stop_timeout`), then gives the rest back at once.

    **A repeated message** takes a turn each time, as it burdens those behind it each time.

    **A late message** takes the next turn that is free; what was not used before is not made up for beyond `burst`.

    **At the cap** of 64 MiB, about 150,000 values of `by`, a store in memory forgets the one that was used longest ago,
    which may then burst (counted as `store_full`). In a table a record expires when its bucket is full.

    **Several workers** have a rate each with `store: memory`. With a table they share one: each reserves turns in it by
    conditional writes before it lets messages go on, one write for all that wait in it for the same bucket. Their
    clocks have to agree, as a message goes on at a time of day; and it goes on late by what the table took to answer.
    When too many write at once the messages come again a second later. While the table does not answer nothing goes on.

    On a FIFO queue a message that waits holds up its group, and the parts of one that was split go on together.
    Leave `timeout` at 75s, and `visibility.limit` above it: a shorter one ends a hold too early, as a failure.

    This is the Throttler of Apache Camel; AWS calls it rate limiting.

    ```yaml
    - id: as-agreed
      use: throttler
      with: {rate: 10, per: 1s, burst: 20, by: {jmes: body.partner}, store: {dynamodb: sluiceway}}
    ```
    """

    usual_timeout: ClassVar[float] = LONGEST_HELD + 15
    usual_concurrency: ClassVar[int] = 1000
    holds: ClassVar[bool] = True

    rate: int = Field(ge=1, le=1_000_000, description="How many messages go on in each `per`.", examples=[10])
    per: Duration = Field(default=Duration("1s"), gt=0, description="The time for `rate` messages; at most 1d.")
    burst: int = Field(
        default=1, ge=1, le=1_000_000, description="How many may go on at once after a pause; 1 spaces all of them."
    )
    by: Expression | None = Field(
        default=None, description="Whose rate it is: `{jmes: body.partner}`; without it all messages have one together."
    )
    store: StoreChoice

    @model_validator(mode="after")
    def _countable(self) -> Self:
        if self.per > _LONGEST:
            raise PydanticCustomError(
                "per", "per ({per}) is longer than {most}", {"per": str(self.per), "most": str(_LONGEST)}
            )
        if self.rate / self.per > _FASTEST:
            raise PydanticCustomError(
                "rate",
                "{rate} in {per} are more than {fastest} a second, which is no limit to any worker",
                {"rate": self.rate, "per": str(self.per), "fastest": _FASTEST},
            )
        return self

    def resources(self) -> Sequence[Resource]:
        """Return the table, if any."""
        return store_resources(self.store)

    @asynccontextmanager
    async def open(self, context: Context) -> AsyncGenerator[Process]:
        """Open the store."""
        yield _Throttle(self, context, await context.store(self.store)).process


@dataclass(slots=True, eq=False)
class _Ticket:
    """One message that asks for its turn.

    Attributes:
        turn: When it may go on, that it must come again, or why nobody knows; None until that is settled.
    """

    turn: float | Defer | Transient | None = None


@dataclass(slots=True)
class _Desk:
    """Where the messages ask that share a bucket; there is one while somebody asks.

    Attributes:
        lock: Held by the one who asks the store for all.
        tickets: Those who have not been told their turn, the first first.
        guests: How many are here, whether told or not.
    """

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    tickets: list[_Ticket] = field(default_factory=list[_Ticket])
    guests: int = 0


class _Throttle:
    """The stage, opened."""

    def __init__(self, settings: Throttler, context: Context, store: Store) -> None:
        self._by = settings.by
        self._pace = Pace(settings.per / settings.rate, settings.burst)
        self._context = context
        self._store = store
        self._desks: dict[str, _Desk] = {}

    async def process(self, message: Message) -> Message | Defer:
        """Return the message when its turn has come, or until when it is given back."""
        clock = self._context.clock
        # A bucket's name begins with what no other has: without `by` there is one, and its name must be nobody's value.
        key = "all" if self._by is None else f"by/{written_key(self._by.evaluate(message.view))}"
        turn = await self._turn(key)
        if isinstance(turn, Defer):
            self._context.count("given_back")
            return turn
        if turn > clock.now():
            self._context.count("throttled")
        while (left := turn - clock.now()) > 0:
            await clock.sleep(left)
        return message

    async def _turn(self, key: str) -> float | Defer:
        """Wait in line for the store, and ask it for all who stand there too."""
        desk = self._desks.setdefault(key, _Desk())
        ticket = _Ticket()
        desk.guests += 1
        desk.tickets.append(ticket)
        try:
            async with desk.lock:
                if ticket.turn is None:
                    await self._serve(key, desk)
        finally:
            if ticket.turn is None:
                desk.tickets.remove(ticket)  # it is called off: nobody need ask for it
            desk.guests -= 1
            if not desk.guests:
                del self._desks[key]
        if ticket.turn is None or isinstance(ticket.turn, Transient):
            raise ticket.turn or Transient("nobody was told a turn")
        return ticket.turn

    async def _serve(self, key: str, desk: _Desk) -> None:
        tickets = list(desk.tickets)
        turns: Sequence[float | Defer | Transient]
        try:
            turns = await self._reserve(key, len(tickets))
        except Transient as error:  # the others need not find that out one by one
            turns = [error] * len(tickets)
        for ticket, turn in zip(tickets, turns, strict=True):
            ticket.turn = turn
        desk.tickets = [ticket for ticket in desk.tickets if ticket.turn is None]

    async def _reserve(self, key: str, count: int) -> Sequence[float | Defer]:
        clock, random = self._context.clock, self._context.random
        for attempt in range(_TRIES):
            record = await self._store.get(key)
            now = clock.now()
            line, turns = self._pace.reserve(_read(record), now, count)
            ttl = max(line.full, line.away) - now + _KEPT
            version = record.version if record else None
            if await self._store.put(key, json.dump(line.dump()), ttl=ttl, version=version) is not None:
                return turns
            await clock.sleep(random.random() * min(0.02 * 2**attempt, 0.5))
        return [Defer(1 + random.random(), "too many workers ask for turns at the same time")] * count


def _read(record: Record | None) -> Line:
    match json.parse(record.value) if record else None:
        case None:
            return Line()
        case {"full": float() | int() as full, "away": float() | int() as away}:
            return Line(full, away)
        case _:
            raise Transient("the record of the rate is none of a throttler")
