"""The `http` sink: one request a message, signed when asked to."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import ClassVar, Final, Literal

from pydantic import Field

from sluiceway.core.component import Sink
from sluiceway.core.context import Context, Http
from sluiceway.core.errors import MessageError, OutsideError, Reject
from sluiceway.core.http import HttpTarget, OversizeAnswer, status_error
from sluiceway.core.json import JSON
from sluiceway.core.message import Message
from sluiceway.core.ports import Send
from sluiceway.core.resource import Resource
from sluiceway.core.secret import Secret
from sluiceway.core.settings import Settings
from sluiceway.core.units import Size
from sluiceway.core.url import shown_url

LONGEST: Final = 12 * 3600.0
"""Seconds for a request at the very most. What ends one in practice is the sink's `timeout`, which the engine keeps."""


class StandardWebhooks(Settings):
    """Signing by the Standard Webhooks specification 1.0.0, symmetric scheme (`v1`)."""

    secret: Secret = Field(description="The key shared with the receiver: whsec_ and base64 of 24 to 64 bytes.")


class Sign(Settings):
    """How requests are signed."""

    standard_webhooks: StandardWebhooks


class HttpSink(HttpTarget, Sink):
    """Send each message's body by one HTTP request.

    2xx accepts. 408, 425, 429, 5xx, refused connections and time-outs are tried again, after Retry-After when the
    answer has one; any other status dead-letters the message as `refused`. The message's id goes along as
    `webhook-id` when requests are signed, else as `idempotency-key`, so that a receiver can recognise a repeat.
    Redirects are not followed. Header names are sent in lower case.
    """

    # One message a call: `concurrency` is then the number of requests under way, and a `timeout` ends one
    # request and not those beside it, which may have been accepted.
    batch_entries: ClassVar[int] = 1
    # HTTP has no limit of its own; a receiver that has one answers 413.
    batch_bytes: ClassVar[int] = 2**40

    method: Literal["POST", "PUT", "PATCH"] = Field(default="POST", description="The HTTP method.")
    content_type: str = Field(
        default="application/json", pattern=r"^[\x20-\x7e]+$", description="What the body is said to be."
    )
    sign: Sign | None = Field(default=None, description="How to sign requests; not at all by default.")
    max_answer: Size = Field(default=Size("64KiB"), description="How much of an answer is read.")

    def resources(self) -> Sequence[Resource]:
        """Return the secrets behind the headers and the signature."""
        signing = self.sign.standard_webhooks.secret.resources() if self.sign else ()
        return [*super().resources(), *signing]

    def preview(self, message: Message) -> Mapping[str, JSON]:
        """Return the request that would be made; what holds a secret is named only."""
        at_sending = {"webhook-timestamp": "(when it is sent)", "webhook-signature": "(when it is sent)"}
        signature = {"webhook-id": message.id, **at_sending} if self.sign else {}
        return {
            "request": f"{self.method} {shown_url(self.fill_url(message.view))}",
            "headers": {**self._facts(message), **self.shown_headers(message.view), **signature},
            "body": message.payload.decode(errors="replace"),
        }

    @asynccontextmanager
    async def open(self, context: Context) -> AsyncGenerator[Send, None]:
        """Open the sink and yield the function that sends."""
        http = context.http(timeout=LONGEST, max_size=self.max_answer, allow_private=self.allow_private)
        await self._signing_key(context)  # a wrong one stops the worker at start, not at the first message

        async def send(messages: Sequence[Message]) -> Sequence[MessageError | None]:
            return [await self._result(message, http, context) for message in messages]

        yield send

    async def _result(self, message: Message, http: Http, context: Context) -> MessageError | None:
        try:
            url = self.fill_url(message.view)
            own = await self.fill_headers(message.view, context)
            headers = {**self._facts(message), **own, **await self._signature(message, context)}
            try:
                answer = await http.request(self.method, url, headers=headers, body=message.payload)
            except OversizeAnswer as error:
                # What counts is the status: a receiver that accepts and then talks at length has accepted.
                answer = error.answer
        except MessageError as error:
            return error
        return status_error(answer, shown_url(url), context.clock.now(), hide=self.secret_headers(own))

    def _facts(self, message: Message) -> dict[str, str]:
        names = {name.lower() for name in self.forward}
        forwarded = {name.lower(): value for name, value in message.headers.items() if name.lower() in names}
        repeat = {} if self.sign else {"idempotency-key": message.id}
        return {**forwarded, "content-type": self.content_type, **repeat}

    async def _signature(self, message: Message, context: Context) -> dict[str, str]:
        key = await self._signing_key(context)
        return {} if key is None else sign(message.id, int(context.clock.now()), message.payload, key)

    async def _signing_key(self, context: Context) -> bytes | None:
        if self.sign is None:
            return None
        secret = self.sign.standard_webhooks.secret
        try:
            return signing_key(await context.secret(secret))
        except ValueError as error:
            raise OutsideError(f"{secret.reference} {error}") from None


def signing_key(secret: str) -> bytes:
    """Return the key in a Standard Webhooks secret.

    Raises:
        ValueError: It is no such secret. The message does not show it.
    """
    try:
        key = base64.b64decode(secret.strip().removeprefix("whsec_"), validate=True)
    except ValueError:
        key = b""
    if not 24 <= len(key) <= 64:
        raise ValueError("holds no Standard Webhooks secret: expected whsec_ and base64 of 24 to 64 bytes")
    return key


def sign(message_id: str, timestamp: int, payload: bytes, key: bytes) -> dict[str, str]:
    """Return the headers that sign a message by Standard Webhooks.

    Args:
        message_id: The message's id, which stays the same on every attempt.
        timestamp: When this attempt is made, in whole seconds since 1970.
        payload: The body as it is sent.
        key: The shared key.

    Raises:
        Reject: The id has a full stop, which would make the signed text ambiguous.
    """
    if "." in message_id:
        raise Reject(f"the id {message_id!r} has a full stop, so that it cannot be signed by Standard Webhooks")
    signed = f"{message_id}.{timestamp}.".encode() + payload
    digest = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return {"webhook-id": message_id, "webhook-timestamp": str(timestamp), "webhook-signature": f"v1,{digest}"}
