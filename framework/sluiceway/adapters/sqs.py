"""The source `sqs`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, closing
from typing import Literal

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from sluiceway.adapters.context import clients_of
from sluiceway.adapters.sqs_queue import QueueName, open_queue
from sluiceway.adapters.sqs_receiver import SqsReceiver, queue_limits
from sluiceway.core.body import decoder
from sluiceway.core.component import Source
from sluiceway.core.context import Context
from sluiceway.core.resource import Resource
from sluiceway.core.units import Duration


class SqsSource(Source):
    """Receive messages from an SQS queue.

    A standard one: FIFO queues come with a later version, as their groups need lanes of their own; lint refuses them.

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
        description="For FIFO queues: a message that keeps failing by itself holds up its group, or is dead-lettered.",
    )

    @field_validator("wait_time")
    @classmethod
    def _within_sqs_limit(cls, value: Duration) -> Duration:
        if not 0 <= value <= 20:
            raise PydanticCustomError("wait_time", "SQS waits for at most 20s")
        return value

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
        with closing(clients.blocking_sqs()) as blocking:
            yield SqsReceiver(
                sqs,
                blocking,
                url=url,
                source=self,
                decode=decoder(self.format, exact=self.numbers == "exact"),
                limits=await queue_limits(sqs, url),
            )
