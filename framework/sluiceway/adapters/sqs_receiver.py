"""An open SQS queue: receive, hold, settle."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TypeAlias

from sluiceway.adapters.aws_errors import AWS_ERRORS, classify, failure_of_each, is_absent
from sluiceway.adapters.clients import BlockingSqs
from sluiceway.adapters.sqs_attempts import Attempts
from sluiceway.adapters.sqs_attributes import headers_of, typed
from sluiceway.adapters.sqs_queue import BATCH_ENTRIES, MAX_VISIBILITY, chunks, judge_entries, queue_name
from sluiceway.core import json
from sluiceway.core.body import decoder
from sluiceway.core.errors import LeaseLost, OutsideError, Transient
from sluiceway.core.json import JSON
from sluiceway.core.message import Message
from sluiceway.core.outcome import Ack, Retry
from sluiceway.core.ports import Clock, Delivery

if TYPE_CHECKING:
    from types_aiobotocore_sqs import SQSClient
    from types_aiobotocore_sqs.literals import MessageSystemAttributeNameType
    from types_aiobotocore_sqs.type_defs import MessageTypeDef, ReceiveMessageRequestTypeDef

    from sluiceway.adapters.sqs import SqsSource

Settled: TypeAlias = Transient | LeaseLost | None

_SYSTEM_ATTRIBUTES: Final[tuple[MessageSystemAttributeNameType, ...]] = (
    "ApproximateReceiveCount",
    "SentTimestamp",
    "MessageGroupId",
    "MessageDeduplicationId",
)
# InvalidParameterValue: the receipt has expired, or the twelve hours from first receipt are over.
_LEASE_LOST: Final = ("ReceiptHandleIsInvalid", "MessageNotInflight", "InvalidParameterValue")
_LATEST: Final = 253_402_300_799_999  # the last millisecond that `datetime` knows
_DEFAULT_RETENTION: Final = 4 * 86400.0


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """What a queue itself does to messages that stay; the defaults are SQS's own."""

    retention: float = _DEFAULT_RETENTION
    max_receives: int | None = None


class SqsReceiver:
    """The receiver of `SqsSource`.

    Attributes:
        retention: Seconds after which SQS deletes a message; its default, four days, when we may not ask.
        redrive_max_receives: Receipts after which SQS moves a message to the queue's own dead-letter queue, if known.
    """

    def __init__(  # noqa: PLR0913 - what the source has found and opened
        self,
        sqs: SQSClient,
        blocking: BlockingSqs,
        *,
        url: str,
        source: SqsSource,
        limits: QueueLimits,
        clock: Clock,
        attempts: Attempts | None = None,
    ) -> None:
        self.retention = limits.retention
        self.redrive_max_receives = limits.max_receives
        self._sqs = sqs
        self._blocking = blocking
        self._url = url
        self._clock = clock
        self._decode = decoder(source.format, exact=source.numbers == "exact")
        self._attempts = attempts
        self._subject = f"queue {source.queue}"
        self._name = queue_name(source.queue)
        self._lease = math.ceil(source.visibility.initial)
        self._wait = math.ceil(source.wait_time)

    async def receive(self, limit: int) -> Sequence[Delivery]:
        """Wait for up to `wait_time` and return at most `limit` deliveries, never more than ten.

        On a FIFO queue a call that got no answer is made again with the same id, so that what it was given is not held
        up, and its groups with it, until its visibility time-out is over.

        Raises:
            Transient: SQS did not answer, or throttled.
            OutsideError: The queue is gone or access is denied.
        """
        request: ReceiveMessageRequestTypeDef = {
            "QueueUrl": self._url,
            "MaxNumberOfMessages": min(limit, BATCH_ENTRIES),
            "VisibilityTimeout": self._lease,
            "WaitTimeSeconds": self._wait,
            "MessageSystemAttributeNames": _SYSTEM_ATTRIBUTES,
            "MessageAttributeNames": ("All",),
        }
        attempt = self._attempts.next(request["MaxNumberOfMessages"]) if self._attempts else None
        if attempt is not None:
            request["MaxNumberOfMessages"] = attempt.limit
            request["ReceiveRequestAttemptId"] = attempt.id
        asked = self._clock.monotonic()
        try:
            answer = await self._sqs.receive_message(**request)
        except AWS_ERRORS as error:
            if self._attempts is not None and attempt is not None:
                self._attempts.lost(attempt)
            failure = classify(error, self._subject)
            # A call that SQS refuses as it stands is refused every time: an operator's matter, not a message's.
            raise failure if isinstance(failure, Transient) else OutsideError(str(failure)) from error
        # SQS has answered when its wait was over, whenever we come to read that.
        taken = min(asked + self._wait, self._clock.monotonic())
        return [self._delivery(message, taken) for message in answer.get("Messages", ())]

    def extend(self, receipts: Sequence[str], seconds: float) -> Sequence[Settled]:
        """Hold these receipts for `seconds` from now. Blocking, on the lease keeper's own client."""
        timeout = _visibility(seconds)
        results: list[Settled] = []
        for chunk in chunks(receipts):
            entries = [
                {"Id": str(i), "ReceiptHandle": receipt, "VisibilityTimeout": timeout}
                for i, receipt in enumerate(chunk)
            ]
            try:
                answer = self._blocking.change_message_visibility_batch(QueueUrl=self._url, Entries=entries)
            except AWS_ERRORS as error:
                results += [self._failed_call(error)] * len(chunk)
            else:
                results += judge_entries(answer, map(str, range(len(chunk))), self._failed_entry)
        return results

    async def settle(self, settlements: Sequence[tuple[Delivery, Ack | Retry]]) -> Sequence[Settled]:
        """Delete what is acknowledged; make visible again, after its delay, what is to be retried."""
        results: list[Settled] = [None] * len(settlements)
        acks = [i for i, (_, verdict) in enumerate(settlements) if isinstance(verdict, Ack)]
        retries = [i for i, (_, verdict) in enumerate(settlements) if isinstance(verdict, Retry)]

        async def settle_chunk(chunk: Sequence[int], call: Callable[..., Awaitable[Mapping[str, object]]]) -> None:
            try:
                answer = await call(QueueUrl=self._url, Entries=[_entry(i, *settlements[i]) for i in chunk])
            except AWS_ERRORS as error:
                for i in chunk:
                    results[i] = self._failed_call(error)
            else:
                for i, result in zip(chunk, judge_entries(answer, map(str, chunk), self._failed_entry), strict=True):
                    results[i] = result

        await asyncio.gather(
            *(settle_chunk(chunk, self._sqs.delete_message_batch) for chunk in chunks(acks)),
            *(settle_chunk(chunk, self._sqs.change_message_visibility_batch) for chunk in chunks(retries)),
        )
        return results

    def _delivery(self, message: MessageTypeDef, taken: float) -> Delivery:
        system = message.get("Attributes", {})
        attributes = {name: typed(value) for name, value in message.get("MessageAttributes", {}).items()}
        headers, types = headers_of(attributes)
        sent_at = _number(system.get("SentTimestamp"), 0) / 1000
        receive_count = max(1, _number(system.get("ApproximateReceiveCount"), 1))
        group = system.get("MessageGroupId")
        meta: dict[str, JSON] = {
            "source": "sqs",
            "queue": self._name,
            "sent_at": datetime.fromtimestamp(sent_at, UTC).isoformat(timespec="milliseconds"),
            "receive_count": receive_count,
        }
        if group is not None:
            meta["group"] = group
        if "MessageDeduplicationId" in system:
            meta["deduplication_id"] = system["MessageDeduplicationId"]
        if types:
            meta["header_types"] = types
        # An emulator may hand out half a surrogate pair. It is no UTF-8 and is rejected when read, not here.
        raw = message.get("Body", "").encode("utf-8", "surrogatepass")
        return Delivery(
            Message.received(raw, self._decode, id=message.get("MessageId", ""), headers=headers, meta=meta),
            message.get("ReceiptHandle", ""),
            raw,
            attributes=attributes,
            receive_count=receive_count,
            sent_at=sent_at,
            group=group,
            taken=taken,
        )

    def _failed_call(self, error: Exception) -> Settled:
        failure = failure_of_each(error, self._subject)
        return failure if isinstance(failure, Transient) else Transient(failure.reason)

    def _failed_entry(self, code: str, said: str) -> Transient | LeaseLost:
        reason = f"{self._subject}: SQS answered {said}"
        return LeaseLost(reason) if code in _LEASE_LOST else Transient(reason)


def _number(text: str | None, default: int) -> int:
    """Return a whole number that SQS gives as text, the default for what is none: one odd message stops no other."""
    if text is None or not (text.isascii() and text.isdecimal() and len(text) <= 15):
        return default
    return min(int(text), _LATEST)


async def queue_limits(sqs: SQSClient, url: str) -> QueueLimits:
    """Return what the queue does to messages that stay; the defaults when we may not ask or get no answer.

    Raises:
        OutsideError: There is no such queue.
    """
    try:
        answer = await sqs.get_queue_attributes(
            QueueUrl=url, AttributeNames=("MessageRetentionPeriod", "RedrivePolicy")
        )
    except AWS_ERRORS as error:
        if is_absent(error):
            raise classify(error, f"queue {queue_name(url)}") from error
        return QueueLimits()
    attributes = answer.get("Attributes", {})
    redrive = json.parse(attributes.get("RedrivePolicy", "{}").encode())
    most = redrive.get("maxReceiveCount") if isinstance(redrive, dict) else None
    return QueueLimits(
        retention=float(attributes.get("MessageRetentionPeriod", _DEFAULT_RETENTION)),
        max_receives=int(most) if isinstance(most, int | str) else None,
    )


def _entry(index: int, delivery: Delivery, verdict: Ack | Retry) -> dict[str, str | int]:
    entry: dict[str, str | int] = {"Id": str(index), "ReceiptHandle": delivery.receipt}
    if isinstance(verdict, Retry):
        entry["VisibilityTimeout"] = _visibility(verdict.delay)
    return entry


def _visibility(seconds: float) -> int:
    """Round up: a message must not come back before its time."""
    return min(max(math.ceil(seconds), 0), MAX_VISIBILITY)
