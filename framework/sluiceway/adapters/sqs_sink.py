"""The sink `sqs`: a queue to send to, or to keep dead letters in."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, ClassVar, Self, TypeAlias, cast

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from sluiceway.adapters.aws_errors import is_denied_code, is_transient_code
from sluiceway.adapters.batches import Results, send_all
from sluiceway.adapters.context import clients_of
from sluiceway.adapters.dead_letter import dead_letter_entry
from sluiceway.adapters.expressions import text_of
from sluiceway.adapters.log import logger
from sluiceway.adapters.sqs_attributes import MAX_ATTRIBUTES, NAME, attributes_of, refuse_illegal, size_of
from sluiceway.adapters.sqs_queue import BATCH_ENTRIES, MAX_BYTES, QueueName, chunks, is_fifo, judge_entries, open_queue
from sluiceway.core.component import Sink
from sluiceway.core.context import Context
from sluiceway.core.errors import MessageError, Reject, Transient
from sluiceway.core.expression import Expression
from sluiceway.core.json import JSON
from sluiceway.core.message import Message
from sluiceway.core.outcome import Facts
from sluiceway.core.ports import Bury, Delivery, Send
from sluiceway.core.resource import Resource
from sluiceway.core.units import Duration

if TYPE_CHECKING:
    from types_aiobotocore_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

    Entry: TypeAlias = SendMessageBatchRequestEntryTypeDef


class SqsSink(Sink):
    """Send messages to an SQS queue, standard or FIFO.

    The headers named in `forward` become message attributes, of the types they were received with.

    A FIFO queue gets each message in the group that it had in a FIFO source, unless `group` says otherwise. The
    deduplication id is the message's own id, so that one sent twice is kept once. The source's deduplication id is not
    used, as it may be a hash of the content: of two equal messages that the source took, more than five minutes apart,
    this queue would then swallow the second when both arrive together. Where it is an id of the sender's, write
    `deduplication: {jmes: meta.deduplication_id}`; of a message that a stage splits, every part needs one of its own.
    """

    batch_entries: ClassVar[int] = BATCH_ENTRIES
    batch_bytes: ClassVar[int] = MAX_BYTES
    dead_letters: ClassVar[bool] = True

    queue: QueueName
    group: Expression | None = Field(
        default=None,
        description="The message group; a FIFO queue needs one: by default the message's own, from a FIFO source.",
        examples=[{"jmes": "body.customer"}],
    )
    deduplication: Expression | None = Field(
        default=None, description="FIFO queues: the deduplication id; by default the message's id."
    )
    delay: Duration = Field(
        default=Duration("0s"), description="How long the queue hides each message at first, at most 15m."
    )

    @field_validator("forward")
    @classmethod
    def _attribute_names(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if len(names) > MAX_ATTRIBUTES:
            raise PydanticCustomError("forward", "SQS takes at most ten attributes")
        for index, name in enumerate(names):
            if not NAME.fullmatch(name):
                raise PydanticCustomError(
                    "forward",
                    "{name} cannot be the name of an SQS message attribute",
                    {"path": [index], "name": name},
                )
        return names

    @field_validator("delay")
    @classmethod
    def _within_sqs_limit(cls, value: Duration) -> Duration:
        if not 0 <= value <= 900:
            raise PydanticCustomError("delay", "SQS delays a message by at most 15m")
        return value

    @model_validator(mode="after")
    def _as_the_queue_needs(self) -> Self:
        fifo = is_fifo(self.queue)
        if fifo and self.delay:
            raise PydanticCustomError("delay", "a FIFO queue has one delay for all, set on the queue itself")
        if not fifo and self.deduplication is not None:
            raise PydanticCustomError("deduplication", "only a FIFO queue (NAME.fifo) takes `deduplication`")
        return self

    @property
    def needs_group(self) -> bool:
        """Whether it takes the source's group."""
        return is_fifo(self.queue) and self.group is None

    def resources(self) -> Sequence[Resource]:
        """Return the queue and what is called on it, at the start too."""
        return (Resource("queue", self.queue, ("sqs:SendMessage", "sqs:GetQueueUrl", "sqs:GetQueueAttributes")),)

    def weigh(self, message: Message) -> int:
        """Return the bytes of the body and of the attributes' names, types and values."""
        size = len(message.payload) + size_of(attributes_of(message, self.forward))
        if size > MAX_BYTES:
            raise Reject(
                f"the message has {size} bytes, and SQS takes {MAX_BYTES}: put claim_check.store before this sink",
                error="oversize",
            )
        return size

    def preview(self, message: Message) -> Mapping[str, JSON]:
        """Return the entry that would be sent."""
        entry = cast("dict[str, JSON]", self._entry(message))
        return {name: value for name, value in entry.items() if name != "Id"}  # numbers the entries of a batch

    @asynccontextmanager
    async def open(self, context: Context) -> AsyncGenerator[Send]:
        """Find the queue and yield the function that sends a batch.

        Raises:
            OutsideError: There is no such queue, or it may not be used.
        """
        call = await self._call(context)

        async def send(messages: Sequence[Message]) -> Results:
            return await send_all(messages, self._entry, call, self._subject)

        yield send

    @asynccontextmanager
    async def open_dead_letters(self, context: Context) -> AsyncGenerator[Bury]:
        """Find the queue and yield the function that keeps original messages beside the facts.

        Raises:
            OutsideError: There is no such queue, or it may not be used.
        """
        call = await self._call(context)

        async def bury(letters: Sequence[tuple[Delivery, Facts]]) -> Results:
            results: list[MessageError | None] = []
            for batch in chunks(letters):
                results += await send_all(batch, self._dead_letter, call, self._subject)
            return results

        yield bury

    async def _call(self, context: Context) -> Callable[[Sequence[Entry]], Awaitable[Results]]:
        clients = clients_of(context)
        url = await open_queue(clients, self.queue)
        sqs = await clients.open("sqs")

        async def call(entries: Sequence[Entry]) -> Results:
            for index, entry in enumerate(entries):
                entry["Id"] = str(index)
            answer = await sqs.send_message_batch(QueueUrl=url, Entries=entries)
            return judge_entries(answer, (entry["Id"] for entry in entries), self._failure)

        return call

    def _entry(self, message: Message) -> Entry:
        try:
            body = message.payload.decode()
        except UnicodeDecodeError as error:
            raise Reject(f"the body is not UTF-8 (byte {error.start}), and SQS takes text only") from error
        if not body:
            raise Reject("the body is empty, and SQS takes no empty message")
        refuse_illegal(body, "the body")
        entry = cast(
            "Entry",
            {"Id": "", "MessageBody": body, "MessageAttributes": attributes_of(message, self.forward)},
        )
        if self.delay:
            entry["DelaySeconds"] = math.ceil(self.delay)
        if self.group is not None:
            entry["MessageGroupId"] = text_of(self.group, message, "group")
        elif is_fifo(self.queue):
            entry["MessageGroupId"] = _own_group(message)
        if is_fifo(self.queue):
            entry["MessageDeduplicationId"] = (
                message.id if self.deduplication is None else text_of(self.deduplication, message, "deduplication")
            )
        return entry

    def _dead_letter(self, letter: tuple[Delivery, Facts]) -> Entry:
        made = dead_letter_entry(*letter, fifo=is_fifo(self.queue))
        if not made.has_facts:
            logger().warning("dead letter without its facts: no room", queue=self.queue, **asdict(letter[1]))
        return made.entry

    def _failure(self, code: str, said: str) -> MessageError:
        reason = f"{self._subject}: SQS refuses the message: {said}"
        return Transient(reason) if is_transient_code(code) or is_denied_code(code) else Reject(reason, error="refused")

    @property
    def _subject(self) -> str:
        return f"queue {self.queue}"


def _own_group(message: Message) -> str:
    group = message.meta.get("group")
    if not isinstance(group, str):
        raise Reject(
            "meta.group is missing, which a FIFO queue needs: keep the meta of the message that came, or set `group`",
            error="missing",
        )
    return group
