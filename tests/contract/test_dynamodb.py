"""Stores in DynamoDB: what every store must do, and what becomes of AWS's faults."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from sluiceway.adapters.check import Need, missing, needs, resources
from sluiceway.adapters.context import RunContext
from sluiceway.adapters.dynamodb import DynamoDbTable
from sluiceway.config.load import load
from sluiceway.core.errors import Transient
from sluiceway.core.ports import Record
from sluiceway.core.store import DynamoDbStore, store_resources
from sluiceway.local.resources import create
from sluiceway.testing import ManualClock
from sluiceway.testing.stores import CHECKS, Check, Opened


async def create_table(context: RunContext, name: str) -> DynamoDbStore:
    choice = DynamoDbStore(dynamodb=name)
    await create(store_resources(choice), context.clients)
    return choice


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_a_table_does_what_every_store_must(check: Check, endpoint: str, name: str, open_context: Any) -> None:
    clock = ManualClock(int(time.time()))  # an emulator may remove what has expired, and it knows the real time only
    async with open_context(endpoint, clock) as context, open_context(endpoint, clock) as other:
        choice = await create_table(context, name)
        await check(Opened(await context.store(choice), await other.store(choice), clock.sleep))


async def test_pipelines_and_components_share_a_table_but_no_records(
    endpoint: str, name: str, open_context: Any
) -> None:
    async with open_context(endpoint) as one, open_context(endpoint) as two:
        choice = await create_table(one, name)
        two.component = "another"
        assert await (await one.store(choice)).put("key", b"1", ttl=60)
        assert await (await two.store(choice)).get("key") is None
        assert await (await two.store(choice)).put("key", b"2", ttl=60)
        item = await (await one.clients.open("dynamodb")).get_item(
            TableName=name, Key={"key": {"S": "orders/tested/key"}}, ConsistentRead=True
        )
    assert set(item["Item"]) == {"key", "value", "version", "expires"}
    assert item["Item"]["value"]["B"] == b"1"


async def test_a_table_named_by_its_arn_is_found_on_an_emulator(aws: Any, name: str, open_context: Any) -> None:
    async with open_context(aws.endpoint) as context:
        arn = f"arn:aws:dynamodb:us-east-1:123456789012:table/{name}"
        store = await context.store(await create_table(context, arn))
        assert await store.put("key", b"1", ttl=60)


class LosesAnswers:
    """Makes what is asked, and answers as if it had failed, so that the client asks again."""

    def __init__(self) -> None:
        self.lose = 0

    async def __call__(self, asked: Any, pass_on: Any) -> Any:
        answer = await pass_on(asked)
        if self.lose:
            self.lose -= 1
            return web.Response(status=500, text="{}")
        return web.json_response(answer, status=400 if "__type" in answer else 200)


async def test_a_put_whose_first_answer_got_lost_is_known_as_one_s_own(
    between: Any, endpoint: str, name: str, open_context: Any
) -> None:
    between._aws = endpoint
    between.instead("PutItem", loses := LosesAnswers())
    async with open_context(endpoint) as direct, open_context(between.endpoint) as context:
        choice = await create_table(direct, name)
        store = await context.store(choice)
        loses.lose = 1
        version = await store.put("key", b"1", ttl=60)
        assert [action for action, _ in between.calls].count("PutItem") == 2
        assert await store.get("key") == Record(b"1", version or "")
        loses.lose = 1
        assert await store.put("key", b"2", ttl=60) is None
        loses.lose = 1
        second = await store.put("key", b"2", ttl=60, version=version)
        assert await store.get("key") == Record(b"2", second or "")


async def test_a_put_of_which_no_answer_comes_is_transient(between: Any, name: str, open_context: Any) -> None:
    between.instead("PutItem", loses := LosesAnswers())
    async with open_context(between.endpoint) as context:
        store = await context.store(await create_table(context, name))
        loses.lose = 2
        with pytest.raises(Transient, match=f"table {name}: AWS answered"):
            await store.put("key", b"1", ttl=60)


@pytest.mark.parametrize(
    "code",
    [
        "ProvisionedThroughputExceededException",
        "ResourceNotFoundException",
        "AccessDeniedException",
        "ValidationException",
    ],
)
async def test_whatever_the_table_answers_no_message_is_to_blame(stub_aws: Any, open_context: Any, code: str) -> None:
    async with open_context(stub_aws.endpoint) as context:
        store = DynamoDbTable(context.clients, "records", context.clock)
        for action in ("GetItem", "PutItem", "DeleteItem"):
            stub_aws.fail(action, code, times=2)
        with pytest.raises(Transient, match="table records"):
            await store.get("key")
        with pytest.raises(Transient, match="table records"):
            await store.put("key", b"", ttl=60)
        with pytest.raises(Transient, match="table records"):
            await store.delete("key", version="1")


def test_the_store_of_accepted_legs_is_needed_at_start_and_is_no_component_s(tmp_path: Path) -> None:
    file = tmp_path / "orders.yaml"
    text = "version: 1\nname: orders\nsource: {use: memory}\nsinks: [{use: memory}]\n"
    file.write_text(text + "errors: {store: {dynamodb: sluiceway}}\n")
    pipeline = load(file)
    [need] = needs(pipeline)
    assert need == Need(f"{file}: errors.store", store_resources(DynamoDbStore(dynamodb="sluiceway"))[0])
    assert resources(pipeline) == [need.thing]


async def check(context: RunContext, name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    [resource] = store_resources(DynamoDbStore(dynamodb=name))
    found = await missing([Need("orders.yaml: stages.once", resource)], context.clients, context.secrets)
    return found.missing, found.warnings


async def test_a_table_as_it_must_be_passes_the_start_check(endpoint: str, name: str, open_context: Any) -> None:
    async with open_context(endpoint) as context:
        await create_table(context, name)
        await create_table(context, name)  # which changes nothing
        assert await check(context, name) == ((), ())


async def test_a_table_that_is_not_there_stops_the_start(endpoint: str, name: str, open_context: Any) -> None:
    async with open_context(endpoint) as context:
        [[sentence], warnings] = await check(context, name)
    assert sentence.startswith(f"orders.yaml: stages.once: table {name} does not exist: create it")
    assert warnings == ()


async def test_a_table_with_another_key_stops_the_start(endpoint: str, name: str, open_context: Any) -> None:
    async with open_context(endpoint) as context:
        await (await context.clients.open("dynamodb")).create_table(
            TableName=name,
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "N"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )
        [[sentence], _] = await check(context, name)
    assert f"table {name} must have the string `key` as its only key; it has id (HASH, N)" in sentence


async def test_a_table_that_never_forgets_is_a_warning(endpoint: str, name: str, open_context: Any) -> None:
    async with open_context(endpoint) as context:
        await create_table(context, name)
        await (await context.clients.open("dynamodb")).update_time_to_live(
            TableName=name, TimeToLiveSpecification={"Enabled": False, "AttributeName": "expires"}
        )
        absent, [sentence] = await check(context, name)
    assert absent == ()
    assert (
        sentence == f"orders.yaml: stages.once: table {name} keeps what has expired: make `expires` its TTL attribute"
    )
