"""Creating what pipelines name, on the embedded AWS."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, cast

from sluiceway.adapters.clients import Clients
from sluiceway.adapters.sqs_queue import is_fifo, queue_name
from sluiceway.core.resource import Resource

if TYPE_CHECKING:
    from types_aiobotocore_s3.literals import BucketLocationConstraintType
    from types_aiobotocore_sqs.literals import QueueAttributeNameType


async def create(resources: Iterable[Resource], clients: Clients) -> None:
    """Create the queues, buses, buckets and tables among the resources; one that is there already stays as it is.

    Secrets and parameters are not created: nobody but the user knows their values.
    """
    for kind, name in sorted({(resource.kind, resource.name) for resource in resources}):
        match kind:
            case "queue":
                await _create_queue(name, clients)
            case "bus":
                await _create_bus(name.rpartition("event-bus/")[2], clients)
            case "bucket":
                await _create_bucket(name, clients)
            case "table":
                await _create_table(name.rpartition("table/")[2], clients)
            case _:
                pass


async def _create_queue(queue: str, clients: Clients) -> None:
    attributes: dict[QueueAttributeNameType, str] = {"FifoQueue": "true"} if is_fifo(queue) else {}
    sqs = await clients.open("sqs")
    with suppress(sqs.exceptions.QueueNameExists):  # it has other attributes than these
        await sqs.create_queue(QueueName=queue_name(queue), Attributes=attributes)


async def _create_bus(bus: str, clients: Clients) -> None:
    events = await clients.open("events")
    if bus != "default":  # every account has it
        with suppress(events.exceptions.ResourceAlreadyExistsException):
            await events.create_event_bus(Name=bus)


async def _create_bucket(bucket: str, clients: Clients) -> None:
    s3 = await clients.open("s3")
    with suppress(s3.exceptions.BucketAlreadyOwnedByYou):
        if clients.region == "us-east-1":  # S3 takes its first region only unsaid
            await s3.create_bucket(Bucket=bucket)
        else:
            place = cast("BucketLocationConstraintType", clients.region)
            await s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": place})


async def _create_table(table: str, clients: Clients) -> None:
    dynamodb = await clients.open("dynamodb")
    with suppress(dynamodb.exceptions.ResourceInUseException):
        await dynamodb.create_table(
            TableName=table,
            AttributeDefinitions=[{"AttributeName": "key", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "key", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )
        await dynamodb.update_time_to_live(
            TableName=table, TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"}
        )
