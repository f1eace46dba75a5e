"""What components are given in a real run."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol, TypeAlias

from sluiceway.adapters.clients import Clients
from sluiceway.adapters.dynamodb import DynamoDbTable
from sluiceway.adapters.memory_store import MemoryStore
from sluiceway.adapters.s3 import S3Bucket
from sluiceway.adapters.secrets import SecretStore
from sluiceway.core.cache import MemoryCache
from sluiceway.core.context import Bucket, Cache, Context, Http
from sluiceway.core.ports import Clock, Random, Store
from sluiceway.core.secret import Secret
from sluiceway.core.store import DynamoDbStore

Counts: TypeAlias = Counter[tuple[str, tuple[tuple[str, str], ...]]]
"""How often: by name and sorted labels."""

MOST_COUNTERS: Final = 1000
"""Counters with labels of their own; beyond them those of one name share one, lest labels fill the memory."""


class HttpClients(Protocol):
    """Whoever hands out outgoing HTTP: connections are shared, limits are each component's own."""

    def client(self, *, timeout: float, max_size: int, allow_private: bool = False) -> Http:
        """Return outgoing HTTP with these limits."""
        ...


@dataclass(slots=True)
class RunContext:
    """The context of one component; `dataclasses.replace` makes the next one's, with everything else shared.

    Attributes:
        pipeline: The pipeline's name.
        component: The component's id in the file.
        clock: Time.
        random: Chance.
        clients: The AWS clients, for our own adapters.
        secrets: The values behind references.
        connections: Outgoing HTTP.
        counts: What `count` has added up.
    """

    pipeline: str
    component: str
    clock: Clock
    random: Random
    clients: Clients
    secrets: SecretStore
    connections: HttpClients
    counts: Counts = field(default_factory=Counts)

    def http(self, *, timeout: float, max_size: int, allow_private: bool = False) -> Http:
        """Return outgoing HTTP."""
        return self.connections.client(timeout=timeout, max_size=max_size, allow_private=allow_private)

    def bucket(self, name: str) -> Bucket:
        """Return an S3 bucket."""
        return S3Bucket(self.clients, name)

    async def store(self, choice: Literal["memory"] | DynamoDbStore) -> Store:
        """Return the store that the settings name; a full one in memory is counted as `store_full`, by record."""
        if choice == "memory":
            return MemoryStore(self.clock, forgot=lambda: self.count("store_full", component=self.component))
        await self.clients.open("dynamodb")  # a region or credentials that are missing are said now
        return DynamoDbTable(self.clients, choice.dynamodb, self.clock, prefix=f"{self.pipeline}/{self.component}/")

    def cache(self, *, ttl: float, entries: int) -> Cache:
        """Return a cache of this component's own."""
        return MemoryCache(self.clock, ttl=ttl, entries=entries)

    async def secret(self, secret: Secret) -> str:
        """Return a secret's present value, its prefix before it."""
        return await self.secrets.get(secret)

    def count(self, name: str, amount: int = 1, **labels: str) -> None:
        """Add to a counter."""
        key = name, tuple(sorted(labels.items()))
        if key not in self.counts and len(self.counts) >= MOST_COUNTERS:
            key = name, (("labels", "others"),)
        self.counts[key] += amount


def clients_of(context: Context) -> Clients:
    """Return the AWS clients behind a context.

    Raises:
        TypeError: It is not a run's context: an AWS adapter was opened in a test that has no AWS.
    """
    if not isinstance(context, RunContext):
        raise TypeError(
            f"{context.component} is an AWS adapter and needs a RunContext, not a {type(context).__name__}: "
            "use a memory source or sink in tests, or the embedded AWS"
        )
    return context.clients
