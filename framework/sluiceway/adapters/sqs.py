"""The source `sqs`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, closing
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from sluiceway.adapters.context import clients_of
from sluiceway.adapters.sqs_attempts import Attempts
from sluiceway.adapters.sqs_queue import QueueName, is_fifo, open_queue
from sluiceway.adapters.sqs_receiver import SqsReceiver, queue_limits
from sluiceway.core.component import Source
from sluiceway.core.context import Context
from sluiceway.core.resource import Resource
from sluiceway.core.units import Duration


class SqsSource(Source):
    """Receive messages from an SQS queue.

    From a FIFO queue, each message group is carried in order: the next message of a group starts when the one before
    it is settled for good, while other groups go on. Where one fails, `on_failure` says what becomes of its group.

    Message attributes become headers: text and numbers as they are, binary ones in base64. `meta` has source, queue,
    sent_at (ISO 8601, UTC), receive_count, and group and deduplication_id on a FIFO queue; header_types has the types
    of the attributes that are not plain strings.
    """

    queue: QueueName
    wait_time: Duration = Field(
        default=Duration("10s"), description="How long a receive waits for the first message, at most 20s."
    )
    on_failure: Literal["block", "dead_letter"] = Field(
        default="block",
        description="FIFO queues: whether a message that keeps failing by itself holds up its group until it is too old"
        " (errors.retry.max_age), or is dead-lettered after errors.retry.attempts.",
    )

    @field_validator("wait_time")
    @classmethod
    def _within_sqs_limit(cls, value: Duration) -> Duration:
        if not 0 <= value <= 20:
            raise PydanticCustomError("wait_time", "SQS waits for at most 20s")
        return value

    @model_validator(mode="after")
    def _as_the_queue_is(self) -> Self:
        if "on_failure" in self.model_fields_set and not self.ordered:
            raise PydanticCustomError(
                "on_failure",
                "only a FIFO queue (NAME.fifo) takes `on_failure`: a standard one has no groups to hold up",
            )
        return self

    @property
    def ordered(self) -> bool:
        """Whether it is a FIFO queue: a group on a standard one (a fair queue's tenant) asks for no order."""
        return is_fifo(self.queue)

    @property
    def blocks(self) -> bool:
        """Whether a message that keeps failing by itself holds up its group."""
        return self.ordered and self.on_failure == "block"

    @property
    def poll_time(self) -> Duration:
        """How long one receive may take."""
        return self.wait_time

    def resources(self) -> Sequence[Resource]:
        """Return the queue and what is called on it."""
        actions = ("ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility", "GetQueueAttributes", "GetQueueUrl")
        return (Resource("queue", self.queue, tuple(f"sqs:{action}" for action in actions)),)

    @asynccontextmanager
    async def open(self, context: Context) -> AsyncGenerator[SqsReceiver]:
        """Find the queue and yield its receiver.

        Raises:
            OutsideError: There is no such queue, or it may not be used.
        """
        clients = clients_of(context)
        url = await open_queue(clients, self.queue)
        sqs = await clients.open("sqs")
        with closing(clients.blocking_sqs(self.visibility.initial)) as blocking:
            yield SqsReceiver(
                sqs,
                blocking,
                url=url,
                source=self,
                limits=await queue_limits(sqs, url),
                clock=context.clock,
                attempts=self._attempts(context) if self.ordered else None,
            )

    def _attempts(self, context: Context) -> Attempts:
        return Attempts(context.clock, context.random, visibility=self.visibility.initial)
