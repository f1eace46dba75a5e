"""Content Enricher: add to a message what another system knows about it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from pydantic import Field

from sluiceway import (
    JSON,
    Context,
    Duration,
    HttpAnswer,
    HttpTarget,
    Message,
    OversizeAnswer,
    Process,
    Reject,
    Secret,
    Settings,
    Shape,
    Size,
    Stage,
    json,
    shown_url,
    status_error,
)
from sluiceway_patterns.body_path import BodyPath, members, put
from sluiceway_patterns.on_missing import OnMissing, without

_NO_CACHE: Final = (0.0, 0)
_NOT_THERE: Final = frozenset({204, 404, 410})
_TIMEOUT: Final = 600.0
"""Seconds for one request. The stage's own `timeout` ends it long before; this is for a stage that has set none."""


@dataclass(frozen=True, slots=True)
class Missing:
    """The answer of a service that knows nothing about the message; cached like any other.

    Attributes:
        reason: What it answered: "https://customers.internal/v1/customers/7 answered 404".
    """

    reason: str


class AnswerCache(Settings):
    """How long answers are kept, and how many, in this worker's memory: up to `entries` times `max_size` bytes."""

    ttl: Duration = Field(description="How long an answer is good for.")
    entries: int = Field(ge=1, le=1_000_000, description="How many are kept; the least recently used leaves first.")


class EnrichHttp(HttpTarget, Stage):
    """Content Enricher: ask an HTTP service about the message and put its JSON answer into the body.

    The service is asked by GET. 404, 410, 204 and an empty answer mean that it knows nothing: `on_missing` says what
    then. 408, 425, 429, 5xx, a refused connection and a time-out are transient: the message is tried again later. Any
    other status rejects the message (`refused`), as do an answer that is not JSON, such as a proxy's HTML page
    (`invalid`), and one larger than `max_size` (`oversize`).

    Messages that need the same answer at the same time share one request, with or without a `cache`. The same answer
    means the same URL and headers; secrets aside.

    See the chapter Content Enricher in Enterprise Integration Patterns.

    ```yaml
    - id: add-customer
      use: enrich.http
      timeout: 5s
      with:
        url: "https://customers.internal/v1/customers/{id}"
        params: {id: {jmes: body.customer_no}}
        headers: {authorization: {secret: "env:CUSTOMERS_TOKEN", prefix: "Bearer "}}
        into: customer
        cache: {ttl: 5m, entries: 10000}
        on_missing: reject
    ```
    """

    into: BodyPath = Field(
        description="Where the answer goes: a dotted path inside the body (`customer`, not `body.customer`). "
        "A value that is there is replaced; objects on the way are made.",
    )
    on_missing: OnMissing = Field(
        default="reject",
        description="When the service knows nothing: `reject` the message, `keep` it as it is, or a `{default: …}`.",
    )
    cache: AnswerCache | None = Field(default=None, description="Keep answers for a while, missing ones included.")
    max_size: Size = Field(default=Size("1MiB"), description="How large an answer may be.")

    def shape(self, before: Shape) -> Shape:
        """Return the shape with something unknown at `into`."""
        return before.put(self.into.split("."), Shape.anything())

    @asynccontextmanager
    async def open(self, context: Context) -> AsyncGenerator[Process]:
        """Open the connection and the cache."""
        http = context.http(timeout=_TIMEOUT, max_size=self.max_size, allow_private=self.allow_private)
        ttl, entries = (self.cache.ttl, self.cache.entries) if self.cache else _NO_CACHE
        cache = context.cache(ttl=ttl, entries=entries)

        async def process(message: Message) -> Message:
            members(message.body, "body")  # before anybody is asked in vain
            url = self.fill_url(message.view)
            headers = await self.fill_headers(message.view, context)

            async def fetch() -> JSON | Missing:
                answer = http.request("GET", url, headers=headers)
                return await read_answer(answer, shown_url(url), context.clock.now, hide=self.secret_headers(headers))

            return self._enrich(message, await cache.get(self._key(url, headers), fetch))

        yield process

    def _key(self, url: str, headers: Mapping[str, str]) -> str:
        return repr((url, [v for name, v in headers.items() if not isinstance(self.headers[name], Secret)]))

    def _enrich(self, message: Message, answer: JSON | Missing) -> Message:
        if isinstance(answer, Missing):
            return without(message, self.into, self.on_missing, answer.reason)
        return message.with_body(put(message.body, self.into, answer))


async def read_answer(
    coming: Awaitable[HttpAnswer], where: str, now: Callable[[], float], *, hide: Collection[str]
) -> JSON | Missing:
    """Wait for a service's answer and return what it says.

    Args:
        coming: The answer.
        where: What answers, as `shown_url` shows it.
        now: Tells the time of day.
        hide: The secrets that were sent.

    Raises:
        Transient: It may answer later.
        Reject: It refused (`refused`), or its answer is too large (`oversize`) or no JSON (`invalid`).
    """
    try:
        answer = await coming
    except OversizeAnswer as error:
        if error.answer.status < 300:
            raise
        answer = error.answer  # the status of a long error page says all
    if answer.status in _NOT_THERE:
        return Missing(f"{where} answered {answer.status}")
    if failed := status_error(answer, where, now(), hide=hide):
        raise failed
    return _read(answer, where)


def _read(answer: HttpAnswer, where: str) -> JSON | Missing:
    """Return what an answer with a good status says."""
    if not answer.body.strip():
        return Missing(f"{where} answered {answer.status} without a body")
    try:
        return json.parse(answer.body)
    except json.InvalidJSON as error:
        media_type = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type and not media_type.endswith("json"):
            raise Reject(f"{where} answered {ascii(media_type[:100])[1:-1]}, not JSON") from error
        raise Reject(f"{where} answered invalid JSON: {error}") from error
