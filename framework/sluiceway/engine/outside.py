"""The world outside as stages are given it: each call is watched, and none is made of what is down."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from sluiceway.core.context import Bucket, Cache, Context, Http, HttpAnswer
from sluiceway.core.errors import Reject
from sluiceway.core.http import OversizeAnswer, is_try_later
from sluiceway.core.ports import Record, Store
from sluiceway.core.secret import Secret
from sluiceway.core.store import DynamoDbStore
from sluiceway.engine.dependencies import Dependencies


class WatchedContext:
    """A stage's context, whose clients note each real answer: who is answered has been served.

    Without it a message whose answer came from a cache would pass for a sign of life in an outage. What fails is not
    noted here but where the stage says so: it may be the stage's own time-out that ended the call.

    Args:
        context: The context.
        dependencies: Where answers are noted, under the stage's id.
    """

    def __init__(self, context: Context, dependencies: Dependencies) -> None:
        self.pipeline = context.pipeline
        self.component = context.component
        self.clock = context.clock
        self.random = context.random
        self._context = context
        self._dependencies = dependencies

    def http(self, *, timeout: float, max_size: int, allow_private: bool = False) -> Http:
        """Return outgoing HTTP, watched."""
        return _Http(self._context.http(timeout=timeout, max_size=max_size, allow_private=allow_private), self._watch())

    def bucket(self, name: str) -> Bucket:
        """Return an S3 bucket, watched."""
        return _Bucket(self._context.bucket(name), self._watch())

    async def store(self, choice: Literal["memory"] | DynamoDbStore) -> Store:
        """Return a store, watched unless it is in memory and cannot be down."""
        store = await self._context.store(choice)
        return store if choice == "memory" else _Store(store, self._watch())

    def cache(self, *, ttl: float, entries: int) -> Cache:
        """Return a cache."""
        return self._context.cache(ttl=ttl, entries=entries)

    async def secret(self, secret: Secret) -> str:
        """Return a secret's present value."""
        return await self._context.secret(secret)

    def count(self, name: str, amount: int = 1, **labels: str) -> None:
        """Add to a counter."""
        self._context.count(name, amount, **labels)

    def _watch(self) -> _Watch:
        self._dependencies.outside.add(self.component)
        return _Watch(self._context, self._dependencies)


class _Watch:
    """Watches the calls of one stage."""

    def __init__(self, context: Context, dependencies: Dependencies) -> None:
        self._stage = context.component
        self._clock = context.clock
        self._dependencies = dependencies

    def ask(self) -> float:
        """Return when a call begins.

        Raises:
            Down: What is called is down, and enough others try it already.
        """
        self._dependencies.check_up(self._stage)
        return self._clock.monotonic()

    def answered(self, since: float) -> None:
        """Note that a call was answered."""
        self._dependencies.served(self._stage, since=since)


class _Http:
    def __init__(self, http: Http, watch: _Watch) -> None:
        self._http = http
        self._watch = watch

    async def request(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> HttpAnswer:
        """Send one request; any answer but "try later" serves."""
        since = self._watch.ask()
        try:
            answer = await self._http.request(method, url, headers=headers, body=body)
        except OversizeAnswer as error:
            self._note(error.answer, since)
            raise
        self._note(answer, since)
        return answer

    def _note(self, answer: HttpAnswer, since: float) -> None:
        if not is_try_later(answer.status):
            self._watch.answered(since)


class _Bucket:
    def __init__(self, bucket: Bucket, watch: _Watch) -> None:
        self._bucket = bucket
        self._watch = watch

    async def get(self, key: str, *, max_size: int) -> bytes:
        """Return an object's bytes; that there is none is an answer too."""
        since = self._watch.ask()
        try:
            content = await self._bucket.get(key, max_size=max_size)
        except Reject:
            self._watch.answered(since)
            raise
        self._watch.answered(since)
        return content

    async def put(self, key: str, body: bytes) -> None:
        """Write an object."""
        since = self._watch.ask()
        await self._bucket.put(key, body)
        self._watch.answered(since)


class _Store:
    def __init__(self, store: Store, watch: _Watch) -> None:
        self._store = store
        self._watch = watch

    async def get(self, key: str) -> Record | None:
        """Return a record."""
        since = self._watch.ask()
        record = await self._store.get(key)
        self._watch.answered(since)
        return record

    async def put(self, key: str, value: bytes, *, ttl: float, version: str | None = None) -> str | None:
        """Write a record."""
        since = self._watch.ask()
        written = await self._store.put(key, value, ttl=ttl, version=version)
        self._watch.answered(since)
        return written

    async def delete(self, key: str, *, version: str) -> bool:
        """Delete a record."""
        since = self._watch.ask()
        deleted = await self._store.delete(key, version=version)
        self._watch.answered(since)
        return deleted
