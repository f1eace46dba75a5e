"""Claim Check: leave a large body in a bucket, send a small claim in its place, and fetch the body with it.

Two forms of claim are known, each by a header together with a body of a fixed shape; a body of that shape without
the header, or the header with another body, is no claim and passes unchanged.

`sluiceway`: the header `sluiceway-claim: 1`, and in the body the place, the SHA-256 in hexadecimal and the number of
bytes: `{"claim": {"bucket": …, "key": …, "sha256": …, "size": …}}`.

`extended_client`: what Amazon's SQS extended client libraries send and understand. The attribute
`ExtendedPayloadSize`, or `SQSLargePayloadSize` from older ones, of type Number, has the number of bytes; the body is
`["software.amazon.payloadoffloading.PayloadS3Pointer", {"s3BucketName": …, "s3Key": …}]`, or with the older class
name `com.amazon.sqs.javamessaging.MessageS3Pointer`.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-managing-large-messages.html
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Literal

from pydantic import Field

from sluiceway import JSON, Context, Message, Process, Reject, Resource, Size, Stage, json

_OWN: Final = "sluiceway-claim"
_EXTENDED: Final = "ExtendedPayloadSize"
_MARKS: Final = (_OWN, _EXTENDED, "SQSLargePayloadSize")

_POINTER: Final = "software.amazon.payloadoffloading.PayloadS3Pointer"
_POINTERS: Final = (_POINTER, "com.amazon.sqs.javamessaging.MessageS3Pointer")

_LONGEST_KEY: Final = 1024
"""Bytes. https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html"""


@dataclass(frozen=True, slots=True)
class Claim:
    """Where a body waits, and how to know it again.

    Attributes:
        bucket: The bucket's name.
        key: The object's key.
        size: The number of bytes, as it was written: nobody has checked it yet.
        sha256: The digest in hexadecimal; the extended client gives none.
    """

    bucket: str
    key: str
    size: str
    sha256: str | None = None


class Store(Stage):
    """Claim Check: leave a large body in an S3 bucket and send a claim in its place.

    The body is written before the claim goes on, under its SHA-256: the same body is stored once, however often it is
    sent. For the extended client the message's id is part of the key too, because its consumers delete what they have
    fetched, and must not delete another message's body. A message that is a claim already passes unchanged.

    The claim is known by a header, so a sink must `forward` it: `sluiceway-claim`, or `ExtendedPayloadSize` for the
    extended client. Nothing here deletes the objects: give the bucket a lifecycle rule longer than the retention of
    the queues (dead-letter queues too) that the claims pass through.

    See the chapter Claim Check in Enterprise Integration Patterns.

    ```yaml
    - id: park-large-bodies
      use: claim_check.store
      with: {bucket: order-bodies, over: 256KiB, prefix: orders/}
    ```
    """

    bucket: str = Field(min_length=1, description="The bucket to write to.")
    over: Size = Field(default=Size("256KiB"), description="Store bodies of more bytes than this; others pass.")
    always: bool = Field(default=False, description="Store every body, whatever its size.")
    prefix: str = Field(default="", max_length=512, description="What each key begins with: `orders/`.")
    format: Literal["sluiceway", "extended_client"] = Field(
        default="sluiceway", description="Who reads the claim: `claim_check.restore`, or an SQS extended client."
    )

    def required_headers(self) -> Sequence[str]:
        """Return the header by which a claim is known."""
        return (_OWN if self.format == "sluiceway" else _EXTENDED,)

    def resources(self) -> Sequence[Resource]:
        """Return the bucket, which the start check asks for."""
        return (Resource("bucket", self.bucket, ("s3:PutObject", "s3:ListBucket")),)

    @asynccontextmanager
    async def open(self, context: Context) -> AsyncGenerator[Process]:
        """Open the bucket."""
        bucket = context.bucket(self.bucket)

        async def process(message: Message) -> Message:
            payload = message.payload
            if not (self.always or len(payload) > self.over) or _claim_in(message) is not None:
                return message
            digest = sha256(payload).hexdigest()
            if self.format == "sluiceway":
                key = self.prefix + digest
                claim = _own_claim(message, self.bucket, key, digest, len(payload))
            else:
                key = f"{self.prefix}{digest}-{sha256(message.id.encode()).hexdigest()[:16]}"
                claim = _extended_claim(message, self.bucket, key, len(payload))
            await bucket.put(key, payload)
            return claim

        yield process


class Restore(Stage):
    """Claim Check: fetch the body that waits in an S3 bucket and put it in the place of the claim.

    Claims of `claim_check.store` and of Amazon's SQS extended client libraries, new and old, are known by header and
    body together; any other message passes unchanged. The body is checked: against its SHA-256 and size, or against
    the size that the extended client gives. What is gone is rejected as `missing`, what differs as `invalid`, what
    is larger than `max_size` as `oversize`, and a claim on a bucket that is not named here as `refused`.

    The object is never deleted: another copy of the claim may need it. In the dead-letter queue lies the claim as it
    was received.

    See the chapter Claim Check in Enterprise Integration Patterns.

    ```yaml
    - id: fetch-body
      use: claim_check.restore
      with: {buckets: [shop-order-bodies], max_size: 64MiB}
    ```
    """

    buckets: tuple[str, ...] = Field(min_length=1, description="The buckets that may be read; no others are.")
    max_size: Size = Field(default=Size("64MiB"), description="How large a body may be.")

    def resources(self) -> Sequence[Resource]:
        """Return the buckets. Only to who may list one does S3 say that an object is missing; else it is denied.

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
        """
        return [Resource("bucket", name, ("s3:GetObject", "s3:ListBucket")) for name in self.buckets]

    @asynccontextmanager
    async def open(self, context: Context) -> AsyncGenerator[Process]:
        """Open the buckets."""
        buckets = {name: context.bucket(name) for name in self.buckets}

        async def process(message: Message) -> Message:
            claim = _claim_in(message)
            if claim is None:
                return message
            self._check(claim)
            payload = await buckets[claim.bucket].get(claim.key, max_size=self.max_size)
            _compare(claim, payload)
            return _unmarked(message).with_payload(payload)

        yield process

    def _check(self, claim: Claim) -> None:
        """Raise Reject for a claim that is not to be fetched."""
        if claim.bucket not in self.buckets:
            named = ", ".join(self.buckets)
            raise Reject(f"the body lies in bucket {claim.bucket[:100]}, and `buckets` has {named}", error="refused")
        if not 1 <= len(claim.key.encode()) <= _LONGEST_KEY:
            raise Reject(f"the claim's key has {len(claim.key.encode())} bytes; keys in S3 have 1 to {_LONGEST_KEY}")
        if not (claim.size.isascii() and claim.size.isdigit() and len(claim.size) <= 18):
            raise Reject(f"the claim's size is {claim.size[:40]!r}, not a number of bytes")
        if int(claim.size) > self.max_size:
            raise Reject(f"the body has {claim.size} bytes; max_size is {self.max_size}", error="oversize")


def _compare(claim: Claim, payload: bytes) -> None:
    """Raise Reject unless these are the bytes that were stored."""
    where = f"the object {claim.key} in bucket {claim.bucket}"
    if len(payload) != int(claim.size):
        raise Reject(f"{where} has {len(payload)} bytes, and the claim says {claim.size}")
    if claim.sha256 is not None and sha256(payload).hexdigest() != claim.sha256:
        raise Reject(f"{where} is not what was stored: its SHA-256 differs")


def _own_claim(message: Message, bucket: str, key: str, digest: str, size: int) -> Message:
    body: JSON = {"claim": {"bucket": bucket, "key": key, "sha256": digest, "size": size}}
    return _unmarked(message).with_headers({_OWN: "1"}).with_body(body)


def _extended_claim(message: Message, bucket: str, key: str, size: int) -> Message:
    body: JSON = [_POINTER, {"s3BucketName": bucket, "s3Key": key}]
    claim = _unmarked(message).with_headers({_EXTENDED: str(size)}).with_body(body)
    return claim.evolve(meta={**claim.meta, "header_types": {**_header_types(claim), _EXTENDED: "Number"}})


def _claim_in(message: Message) -> Claim | None:
    """Return the claim that a message is, if it is one. The body is read only when a header says that it may be."""
    marks = [mark for mark in _MARKS if mark in message.headers]
    if not marks:
        return None
    try:
        body = json.parse(message.payload)  # claims are JSON whatever the `format` of the bodies that they stand for
    except json.InvalidJSON:
        return None
    if _OWN in marks and (own := _own_in(body)) is not None:
        return own
    extended = [mark for mark in marks if mark != _OWN]
    return _extended_in(body, message.headers[extended[0]]) if extended else None


def _own_in(body: JSON) -> Claim | None:
    match body:
        case {
            "claim": {"bucket": str(bucket), "key": str(key), "sha256": str(digest), "size": int(size), **more},
            **rest,
        } if not more and not rest:
            return Claim(bucket, key, str(size), digest)
        case _:
            return None


def _extended_in(body: JSON, size: str) -> Claim | None:
    match body:
        case [str(pointer), {"s3BucketName": str(bucket), "s3Key": str(key)}] if pointer in _POINTERS:
            return Claim(bucket, key, size)
        case _:
            return None


def _header_types(message: Message) -> dict[str, JSON]:
    """Return the types of the headers that are not text in SQS."""
    types = message.meta.get("header_types")
    return types if isinstance(types, dict) else {}


def _unmarked(message: Message) -> Message:
    """Return the message without the headers that make it a claim."""
    headers = {name: value for name, value in message.headers.items() if name not in _MARKS}
    meta = dict(message.meta)
    if types := {name: value for name, value in _header_types(message).items() if name not in _MARKS}:
        meta["header_types"] = types
    else:
        meta.pop("header_types", None)
    return message.evolve(headers=headers, meta=meta)
