from __future__ import annotations

import asyncio
from contextlib import closing
from typing import Any

import pytest

from sluiceway.adapters.clients import Clients
from sluiceway.core.errors import OutsideError
from sluiceway.local.embedded import EmbeddedAws


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")


async def test_all_who_ask_for_a_service_get_one_client(aws: EmbeddedAws) -> None:
    async with Clients(aws.endpoint) as clients:
        first, second = await asyncio.gather(clients.open("sqs"), clients.open("sqs"))
        assert first is second


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SQS"])
@pytest.mark.usefixtures("credentials")
async def test_the_standard_variables_say_where_aws_is(
    aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, aws.endpoint)
    async with Clients() as clients:
        assert not clients.emulated
        assert (await clients.open("sqs")).meta.endpoint_url == aws.endpoint
        assert clients.region == "eu-west-1"


async def test_localstack_is_found_where_its_own_client_looks(
    aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCALSTACK_HOST", aws.endpoint.removeprefix("http://"))
    async with Clients(localstack=True) as clients:
        sqs = await clients.open("sqs")
        assert sqs.meta.endpoint_url == aws.endpoint
        await sqs.list_queues()


async def test_a_localstack_host_that_is_none_is_an_error_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALSTACK_HOST", "host:port")
    async with Clients(localstack=True) as clients:
        with pytest.raises(OutsideError, match="LOCALSTACK_HOST is not host:port"):
            await clients.open("sqs")


@pytest.mark.usefixtures("credentials")
async def test_an_endpoint_that_is_no_url_is_an_error_not_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "not a url")
    async with Clients() as clients:
        with pytest.raises(OutsideError, match="not a url"):
            await clients.open("sqs")


async def test_a_profile_that_does_not_exist_is_an_error_not_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "absent")
    async with Clients() as clients:
        with pytest.raises(OutsideError, match="absent"):
            await clients.open("sqs")


async def test_without_credentials_the_error_says_what_to_set() -> None:
    async with Clients() as clients:
        with pytest.raises(OutsideError, match="set AWS_ACCESS_KEY_ID"):
            await clients.open("sqs")


@pytest.mark.usefixtures("credentials")
async def test_the_default_region_of_pythons_sdk_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-north-1")
    async with Clients() as clients:
        assert (await clients.open("sqs")).meta.region_name == clients.region == "eu-north-1"


@pytest.mark.usefixtures("credentials")
async def test_without_a_region_the_error_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_REGION")
    async with Clients() as clients:
        with pytest.raises(OutsideError, match="set AWS_REGION"):
            await clients.open("events")
        with pytest.raises(OutsideError, match="set AWS_REGION"):
            clients.blocking_sqs(60)


async def test_every_call_says_that_it_is_ours(stub_aws: Any) -> None:
    async with Clients(stub_aws.endpoint) as clients:
        await (await clients.open("events")).describe_event_bus(Name="default")
    assert "sluiceway/" in stub_aws.user_agents[0]


async def test_a_renewal_that_hangs_is_given_up_while_another_can_still_keep_the_lease(aws: EmbeddedAws) -> None:
    async with Clients(aws.endpoint) as clients:
        for lease, timeout in ((1, 1), (15, 2.5), (60, 10), (3600, 10)):
            with closing(clients.blocking_sqs(lease)) as client:
                config: Any = client.meta.config  # type: ignore[attr-defined] # of the client behind the protocol
                assert config.read_timeout == timeout
                assert config.connect_timeout == min(timeout, 5)
