"""What a component is given when it is opened."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar

from sluiceway.core.ports import Clock, Random, Store
from sluiceway.core.secret import Secret
from sluiceway.core.store import DynamoDbStore

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An answer to an HTTP request, whole.

    Attributes:
        status: The status code.
        headers: The headers, with names in lower case.
        body: The bytes, decompressed.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


class Http(Protocol):
    """Outgoing HTTP for one component: guarded, bounded, shared connections."""

    async def request(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> HttpAnswer:
        """Send one request and return the whole answer, whatever its status.

        Raises:
            Transient: The connection was refused or broke off, or the answer did not come in time.
            Reject: The answer is larger than the limit (`oversize`), or the address is not one that may be
                called (`refused`).
        """
        ...


class Bucket(Protocol):
    """One S3 bucket."""

    async def get(self, key: str, *, max_size: int) -> bytes:
        """Return an object's bytes.

        Raises:
            Reject: There is no such object (`missing`), or it is larger than `max_size` bytes (`oversize`).
            Transient: S3 did not answer, or throttled.
        """
        ...

    async def put(self, key: str, body: bytes) -> None:
        """Write an object.

        Raises:
            Transient: S3 did not answer, or throttled.
        """
        ...


class Cache(Protocol):
    """A bounded cache in which equal keys share one fetch under way."""

    async def get(self, key: str, fetch: Callable[[], Awaitable[T]]) -> T:
        """Return the value under `key`, fetching it when it is absent or too old. A failed fetch is not kept."""
        ...


class Context(Protocol):
    """What a component is given when it is opened: its surroundings, and the only way to the world outside.

    Attributes:
        pipeline: The pipeline's name.
        component: The component's id in the file.
        clock: Time.
        random: Chance.
    """

    pipeline: str
    component: str
    clock: Clock
    random: Random

    def http(self, *, timeout: float, max_size: int, allow_private: bool = False) -> Http:
        """Return outgoing HTTP with a time-out in seconds and a limit in bytes for each whole answer.

        Loopback and private addresses are refused unless `allow_private`; link-local and metadata ones always.
        """
        ...

    def bucket(self, name: str) -> Bucket:
        """Return an S3 bucket."""
        ...

    async def store(self, choice: Literal["memory"] | DynamoDbStore) -> Store:
        """Return the store that the settings name; in it, a component sees its own records only.

        Keys in a table begin with the pipeline's name and the component's id, so that all workers of a pipeline share
        them, and components and pipelines can share the table. A store in memory is new with each call.

        Raises:
            OutsideError: There is no AWS region, or there are no credentials.
        """
        ...

    def cache(self, *, ttl: float, entries: int) -> Cache:
        """Return a cache of at most `entries` values that are kept for `ttl` seconds."""
        ...

    async def secret(self, secret: Secret) -> str:
        """Return a secret's present value, its prefix before it. Fetched once, then refreshed; never log it.

        Raises:
            OutsideError: The secret is not there, or may not be read.
        """
        ...

    def count(self, name: str, amount: int = 1, **labels: str) -> None:
        """Add to a counter that the worker reports: `context.count("unknown_field", path="body.extra")`."""
        ...
