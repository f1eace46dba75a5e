"""Idempotent Receiver: let each message through once, however often it is sent.

The record of a key is made before its message goes on, by a conditional write, so that of several workers one wins. It
says by whom the key is claimed and until when; it says that the message is done once every sink has accepted it, and
before the source forgets it. Each claim has a token of its own: a worker that comes back late finds another token, or
another version, and changes nothing.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import ClassVar, Final, Self

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from sluiceway import (
    JSON,
    Claimed,
    Context,
    Defer,
    Drop,
    Duration,
    Expression,
    Message,
    Process,
    Record,
    Resource,
    Result,
    Stage,
    Store,
    StoreChoice,
    Transient,
    json,
    store_resources,
)
from sluiceway_patterns.record_key import written_key

_TRIES: Final = 3
"""Reads of a record that others change at the same time, before the message waits for a better moment."""


class IdempotentReceiver(Stage):
    """Idempotent Receiver: let each message through once, and drop its repeats.

    A message is known by its `key`. Its record is made before it goes on, and it is done when every sink has accepted
    it. A message that is given back or dead-lettered leaves no trace, so that its retry or its redrive is let in. While
    the store does not answer nothing goes through. Counted: `repeat`, `in_progress`, `taken_over` (a lease was over)
    and `superseded` (it was this worker's).

    **Restart.** A worker that stops gives its messages back, and they are let in again. When it is killed, its message
    waits for what is left of the `lease` and is then let in again. So the sinks may see a message twice when the worker
    dies, or loses its lease on it, after they have accepted it and before that is recorded; killed after that, the
    message is dropped when it comes again. With `store: memory` a worker knows only what it has seen itself since it
    was started.

    **A repeated message.** While one with the same key is in progress, in this worker or another, a repeat is given
    back and asked again later; once it is done repeats are dropped for as long as the `window`. A message that takes
    longer than the `lease` may be overtaken by its repeat: make the lease no shorter than `errors.retry.hold` and the
    time-outs of the stages together.

    **A late message**, a repeat that comes after the `window`, is let in as a new one.

    **At the cap.** A table has none: one record a key, which expires after `lease` and `window`. A store in memory has
    64 MiB, about 150,000 keys: beyond that it forgets what was written longest ago, and lets its repeats in.

    **Several workers** need a table: of all that claim a key at the same time one wins, by a conditional write.

    This is the Idempotent Receiver of Enterprise Integration Patterns (Hohpe and Woolf, chapter 10).

    ```yaml
    - id: once
      use: idempotent_receiver
      with: {key: {jmes: body.order_no}, store: {dynamodb: sluiceway}, window: 7d}
    ```
    """

    keeps_body: ClassVar[bool] = True

    key: Expression = Field(
        default=Expression(jmes="id"), description="By what a message is known again; by default its id."
    )
    store: StoreChoice
    window: Duration = Field(
        default=Duration("24h"), gt=0, description="How long repeats of a message that is done are dropped."
    )
    lease: Duration = Field(
        default=Duration("5m"), gt=0, description="How long a message may be in progress before another may take over."
    )

    @field_validator("key")
    @classmethod
    def _differs(cls, key: Expression) -> Expression:
        if key.is_literal:
            raise PydanticCustomError(
                "key",
                "this key is the same for every message, so that all but the first would be dropped as repeats:"
                " write {fix}",
                {"fix": f"{{jmes: {_path_meant(key.evaluate({}))}}}"},
            )
        return key

    @model_validator(mode="after")
    def _remembered(self) -> Self:
        if self.window < self.lease:
            raise PydanticCustomError(
                "window",
                "window ({window}) is shorter than lease ({lease}): a repeat would be let in sooner when its message"
                " is done than while it is in progress",
                {"window": str(self.window), "lease": str(self.lease)},
            )
        return self

    def resources(self) -> Sequence[Resource]:
        """Return the table, if any."""
        return store_resources(self.store)

    @asynccontextmanager
    async def open(self, context: Context) -> AsyncGenerator[Process]:
        """Open the store."""
        yield _Receiver(self, context, await context.store(self.store)).process


@dataclass(frozen=True, slots=True)
class _Claim:
    """What a record says.

    Attributes:
        by: The id of the message.
        token: Tells this claim from every other.
        until: When the lease is over, in seconds since 1970; None when the message is done.
    """

    by: str
    token: str
    until: float | None

    def dump(self) -> bytes:
        return json.dump({"by": self.by, "token": self.token, "until": self.until})


class _Receiver:
    """The stage, opened."""

    def __init__(self, settings: IdempotentReceiver, context: Context, store: Store) -> None:
        self._key = settings.key
        self._window = settings.window
        self._lease = settings.lease
        self._context = context
        self._store = store

    async def process(self, message: Message) -> Result:
        """Claim the message's key, or say what becomes of it instead."""
        key = written_key(self._key.evaluate(message.view))
        for _ in range(_TRIES):
            record = await self._store.get(key)
            if record is not None and (result := self._repeat(message, _read(record))) is not None:
                return result
            if (claimed := await self._claim(message, key, record)) is not None:
                return claimed
        raise Transient("several messages with the same key came at once")

    def _repeat(self, message: Message, claim: _Claim) -> Drop | Defer | None:
        """Return what becomes of a message whose key is claimed; None when that claim is over."""
        if claim.until is None:
            self._context.count("repeat")
            return Drop("a repeat of a message that is done")
        left = claim.until - self._context.clock.now()
        if left <= 0:
            return None
        if claim.by != message.id and _root(claim.by) == _root(message.id):
            # Both are settled together, so that one would wait for the other for ever.
            return Drop("a repeat within the same message")
        self._context.count("in_progress")
        return Defer(left + 1 + self._context.random.random() * left / 10, "a message with the same key is in progress")

    async def _claim(self, message: Message, key: str, over: Record | None) -> Claimed | None:
        """Write a claim in the place of nothing, or of one that is over; None when somebody else was quicker."""
        claim = _Claim(message.id, secrets.token_hex(8), self._context.clock.now() + self._lease)
        try:
            version = await self._store.put(
                key, claim.dump(), ttl=self._lease + self._window, version=over.version if over else None
            )
        except Transient:
            version = await self._version_if_written(key, claim)
            if version is None:
                raise
        if version is None:
            return None
        if over is not None:
            self._context.count("taken_over")

        async def complete(done: bool) -> None:  # noqa: FBT001 - the engine's word
            if done:
                await self._finish(key, claim, version)
            else:
                await self._store.delete(key, version=version)

        return Claimed(message, complete)

    async def _version_if_written(self, key: str, claim: _Claim) -> str | None:
        """Look whether a write whose answer got lost was made: else the message would wait for its own lease."""
        record = await self._store.get(key)
        return record.version if record is not None and _read(record).token == claim.token else None

    async def _finish(self, key: str, claim: _Claim, version: str) -> None:
        """Record that a message is done, unless another worker has taken over: then that is its to say."""
        done = _Claim(claim.by, claim.token, None).dump()
        if await self._store.put(key, done, ttl=self._window, version=version) is not None:
            return
        record = await self._store.get(key)
        if record is None:
            await self._store.put(key, done, ttl=self._window)
        elif _read(record).token != claim.token:  # else it is this very write, made before its answer got lost
            self._context.count("superseded")


def _path_meant(constant: JSON) -> str:
    """Return the path that a constant key was probably meant to be, or an example of one."""
    is_path = isinstance(constant, str) and re.fullmatch(r"id|(body|headers|meta)(\.\w+)+", constant)
    return str(constant) if is_path else "body.order_no"


def _read(record: Record) -> _Claim:
    match json.parse(record.value):
        case {"by": str(by), "token": str(token), "until": float() | int() | None as until}:
            return _Claim(by, token, until)
        case _:
            raise Transient("the record under the message's key is none of an idempotent receiver")


def _root(message_id: str) -> str:
    """Return the id of the message that a child was made of."""
    return re.sub(r"(/\d+)+$", "", message_id)
