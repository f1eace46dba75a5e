"""The check at start: does everything exist that the pipelines name?"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from sluiceway.adapters.aws_errors import AWS_ERRORS, classify, is_absent
from sluiceway.adapters.clients import Clients
from sluiceway.adapters.sqs_queue import queue_url
from sluiceway.core.resource import Kind, Resource


@dataclass(frozen=True, slots=True)
class StartCheck:
    """What the check found, a sentence each.

    Attributes:
        missing: What does not exist. The worker must not start.
        warnings: What could not be checked: denied, unsupported, throttled or down. The worker starts.
    """

    missing: tuple[str, ...]
    warnings: tuple[str, ...]


async def missing(resources: Iterable[Resource], clients: Clients) -> StartCheck:
    """Ask for every resource at once, so that all that is missing is named together.

    Raises:
        OutsideError: There is no region, or there are no credentials.
    """
    named = sorted({(resource.kind, resource.name): resource for resource in resources}.items())
    results = await asyncio.gather(*(_check(resource, clients) for _, resource in named))
    return StartCheck(
        missing=tuple(sentence for absent, sentence in filter(None, results) if absent),
        warnings=tuple(sentence for absent, sentence in filter(None, results) if not absent),
    )


async def _check(resource: Resource, clients: Clients) -> tuple[bool, str] | None:
    """Return None when the resource is there, else whether it is certainly absent, and the sentence."""
    subject = f"{resource.kind} {resource.name}"
    try:
        await _ask(resource.kind, resource.name, clients)
    except AWS_ERRORS as error:
        if is_absent(error):
            return True, f"{subject} does not exist: create it, or correct its name, account or region"
        return False, f"could not check that {subject} exists: {classify(error, subject)}"
    return None


async def _ask(kind: Kind, name: str, clients: Clients) -> None:
    """Make the cheapest call that fails when the resource is not there."""
    match kind:
        case "queue":
            url = await queue_url(clients, name)
            await (await clients.open("sqs")).get_queue_attributes(QueueUrl=url, AttributeNames=("QueueArn",))
        case "bus":
            await (await clients.open("events")).describe_event_bus(Name=name)
        case "bucket":
            await (await clients.open("s3")).head_bucket(Bucket=name)
        case "secret":
            await (await clients.open("secretsmanager")).get_secret_value(SecretId=name)
        case "parameter":
            await (await clients.open("ssm")).get_parameter(Name=name)
        case "key":
            pass  # only used through the bucket or queue that it belongs to; nothing of ours calls it
