from __future__ import annotations

from typing import Any

import pytest

from sluiceway.adapters.check import StartCheck, missing
from sluiceway.core.resource import Kind, Resource
from sluiceway.local.embedded import EmbeddedAws
from sluiceway.local.resources import create

KINDS: tuple[Kind, ...] = ("queue", "bus", "bucket", "secret", "parameter")


def named(name: str) -> list[Resource]:
    return [Resource(kind, f"/{name}" if kind == "parameter" else name, ()) for kind in KINDS]


async def test_everything_that_is_missing_is_named_at_once(endpoint: str, name: str, open_context: Any) -> None:
    async with open_context(endpoint) as context:
        found = await missing([*named(name), *named(name)], context.clients)
    assert found.warnings == ()
    assert sorted(sentence.split(" does not exist")[0] for sentence in found.missing) == sorted(
        f"{resource.kind} {resource.name}" for resource in named(name)
    )


async def test_what_is_created_is_found(endpoint: str, name: str, open_context: Any) -> None:
    async with open_context(endpoint) as context:
        resources = [*named(name), Resource("queue", f"{name}.fifo", ()), Resource("bus", "default", ())]
        await create(resources, context.clients)
        await create(resources, context.clients)  # what is there already stays
        secrets, parameters = await context.clients.open("secretsmanager"), await context.clients.open("ssm")
        await secrets.create_secret(Name=name, SecretString="s")
        await parameters.put_parameter(Name=f"/{name}", Value="v", Type="SecureString")
        assert await missing(resources, context.clients) == StartCheck((), ())
        sqs = await context.clients.open("sqs")
        url = (await sqs.get_queue_url(QueueName=f"{name}.fifo"))["QueueUrl"]
        attributes = (await sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["FifoQueue"]))["Attributes"]
        assert attributes["FifoQueue"] == "true"


async def test_resources_named_by_url_and_arn_are_created_under_their_names(
    aws: EmbeddedAws, name: str, open_context: Any
) -> None:
    resources = [
        Resource("queue", f"https://sqs.eu-west-1.amazonaws.com/123456789012/{name}", ()),
        Resource("queue", f"arn:aws:sqs:eu-west-1:123456789012:{name}-dlq", ()),
        Resource("bus", f"arn:aws:events:eu-west-1:123456789012:event-bus/{name}", ()),
    ]
    async with open_context(aws.endpoint) as context:
        await create(resources, context.clients)
        found = await missing(resources[:2], context.clients)
        assert found == StartCheck((), ())
        buses = await (await context.clients.open("events")).list_event_buses(NamePrefix=name)
        assert [bus["Name"] for bus in buses["EventBuses"]] == [name]


@pytest.mark.parametrize("code", ["AccessDeniedException", "ThrottlingException", "UnknownOperationException"])
async def test_what_cannot_be_checked_is_a_warning(stub_aws: Any, open_context: Any, code: str) -> None:
    stub_aws.fail("DescribeEventBus", code, times=2)
    async with open_context(stub_aws.endpoint) as context:
        found = await missing([Resource("bus", "orders", ())], context.clients)
    assert found.missing == ()
    assert found.warnings[0].startswith("could not check that bus orders exists: bus orders: ")
