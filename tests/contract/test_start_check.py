from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from sluiceway.adapters.check import Need, StartCheck, missing, needs
from sluiceway.adapters.context import RunContext
from sluiceway.adapters.http_sink import HttpSink
from sluiceway.adapters.memory import MemorySource
from sluiceway.core.resource import Kind, Resource
from sluiceway.core.secret import Secret
from sluiceway.core.spec import Pipeline, SinkSpec, SourceSpec
from sluiceway.local.embedded import EmbeddedAws
from sluiceway.local.resources import create

KINDS: tuple[Kind, ...] = ("queue", "bus", "bucket", "secret", "parameter")


def named(name: str) -> list[Resource]:
    return [Resource(kind, f"/{name}" if kind == "parameter" else name, ()) for kind in KINDS]


async def check(context: RunContext, things: Iterable[Resource | Secret]) -> StartCheck:
    return await missing([Need("o.yaml: sinks.bus", thing) for thing in things], context.clients, context.secrets)


async def test_everything_that_is_missing_is_named_at_once(endpoint: str, name: str, open_context: Any) -> None:
    async with open_context(endpoint) as context:
        found = await check(context, [*named(name), *named(name)])
    assert found.warnings == ()
    assert sorted(sentence.split(" does not exist")[0] for sentence in found.missing) == sorted(
        f"o.yaml: sinks.bus: {resource.kind} {resource.name}" for resource in named(name)
    )


async def test_what_is_created_is_found(endpoint: str, name: str, open_context: Any) -> None:
    async with open_context(endpoint) as context:
        resources = [*named(name), Resource("queue", f"{name}.fifo", ()), Resource("bus", "default", ())]
        await create(resources, context.clients)
        await create(resources, context.clients)  # what is there already stays
        secrets, parameters = await context.clients.open("secretsmanager"), await context.clients.open("ssm")
        await secrets.create_secret(Name=name, SecretString="s")
        await parameters.put_parameter(Name=f"/{name}", Value="v", Type="SecureString")
        assert await check(context, resources) == StartCheck((), ())
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
        found = await check(context, resources[:2])
        assert found == StartCheck((), ())
        buses = await (await context.clients.open("events")).list_event_buses(NamePrefix=name)
        assert [bus["Name"] for bus in buses["EventBuses"]] == [name]


@pytest.mark.parametrize("code", ["AccessDeniedException", "ThrottlingException", "UnknownOperationException"])
async def test_what_cannot_be_checked_is_a_warning(stub_aws: Any, open_context: Any, code: str) -> None:
    stub_aws.fail("DescribeEventBus", code, times=2)
    async with open_context(stub_aws.endpoint) as context:
        found = await check(context, [Resource("bus", "orders", ())])
    assert found.missing == ()
    assert found.warnings[0].startswith("o.yaml: sinks.bus: could not check that bus orders exists: bus orders: ")


async def test_what_several_components_need_is_asked_for_once_and_named_with_every_place(
    stub_aws: Any, open_context: Any
) -> None:
    stub_aws.fail("DescribeEventBus", "ResourceNotFoundException")
    bus = [Need(f"o.yaml: sinks.{sink}", Resource("bus", "orders", (sink,))) for sink in ("bus", "audit")]
    async with open_context(stub_aws.endpoint) as context:
        found = await missing(bus, context.clients, context.secrets)
    assert [action for action, _ in stub_aws.calls] == ["DescribeEventBus"]
    places = "o.yaml: sinks.bus, o.yaml: sinks.audit"
    assert found.missing == (f"{places}: bus orders does not exist: create it, or correct its name, account or region",)


async def test_an_endpoint_that_nobody_answers_at_is_one_mistake(open_context: Any, unused_tcp_port: int) -> None:
    endpoint = f"http://127.0.0.1:{unused_tcp_port}"
    async with open_context(endpoint) as context:
        found = await check(context, [*named("orders"), Secret("secretsmanager:token"), Secret("ssm:/token")])
    assert found.warnings == ()
    assert found.missing == (
        f"no AWS answers at {endpoint}: check the endpoint (AWS_ENDPOINT_URL), the region and the network",
    )


async def test_a_secret_that_is_missing_is_named_with_its_place_in_the_file(
    open_context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GONE", raising=False)
    sink = HttpSink.model_validate(
        {
            "url": "https://partner.example/hooks",
            "headers": {"x-key": {"secret": "env:GONE"}},
            "sign": {"standard_webhooks": {"secret": "file:/nonexistent/key"}},
        }
    )
    source = SourceSpec("memory", MemorySource())
    pipeline = Pipeline("orders", source, (SinkSpec("partner", "http", sink),), file=Path("o.yaml"))
    async with open_context("http://127.0.0.1:1") as context:
        found = await missing(needs(pipeline), context.clients, context.secrets)
    of_header, of_signature = found.missing
    place = "o.yaml: sinks.partner.with"
    assert of_header == f"{place}.headers.x-key: secret env:GONE is not set: set the environment variable GONE"
    assert of_signature.startswith(
        f"{place}.sign.standard_webhooks.secret: secret file:/nonexistent/key cannot be read"
    )
