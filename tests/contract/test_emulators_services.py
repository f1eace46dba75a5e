"""What MiniStack and moto do in the place of EventBridge, DynamoDB, S3 and others: what docs/emulators.md says of it.

Expected is what they do, right or wrong. When an upgrade makes one of these fail, the page changes with it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.contract.emulators import Emulator, answer

MIB = 1024 * 1024
ENTRY = {"Source": "shop", "DetailType": "Order", "Detail": "{}"}


def detail(size: int) -> str:
    return '{"a":"' + "x" * (size - 8) + '"}'


@pytest.mark.filterwarnings("ignore:EventDetail should be of type dict")  # in moto's thread
@pytest.mark.parametrize(
    ("entries", "by_ministack", "by_moto"),
    [
        pytest.param([ENTRY] * 11, "ValidationException", "ValidationException", id="eleven"),
        pytest.param([], "", "", id="none"),
        pytest.param([{**ENTRY, "EventBusName": "none"}], "ok", "ResourceNotFoundException", id="an unknown bus"),
        pytest.param([{**ENTRY, "Detail": "{"}], "ok", "MalformedDetail", id="a detail that is no JSON"),
        pytest.param([{**ENTRY, "Detail": "[]"}], "ok", "ok", id="a detail that is an array"),
        pytest.param([{**ENTRY, "Detail": "1"}], "ok", "ok", id="a detail that is a number"),
        pytest.param([{**ENTRY, "Detail": ""}], "ok", "InvalidArgument", id="an empty detail"),
        pytest.param([{**ENTRY, "Source": ""}], "ok", "InvalidArgument", id="an empty source"),
        pytest.param([{**ENTRY, "DetailType": ""}], "ok", "InvalidArgument", id="an empty detail type"),
        pytest.param(
            [{**ENTRY, "Source": "aws.shop"}], "NotAuthorizedForSourceException", "ok", id="a source of AWS's"
        ),
        pytest.param([{**ENTRY, "DetailType": "x" * 129}], "ok", "ok", id="a detail type that is too long"),
        pytest.param([{**ENTRY, "Detail": detail(MIB)}], "ok", "ok", id="1 MiB and more"),
        pytest.param([{**ENTRY, "Detail": detail(600_000)}] * 2, "ok ok", "ok ok", id="more than 1 MiB in all"),
        pytest.param(
            [ENTRY, {**ENTRY, "Detail": "{"}, {**ENTRY, "Source": "aws.shop"}],
            "ok ok NotAuthorizedForSourceException",
            "ok MalformedDetail ok",
            id="each judged by itself",
        ),
    ],
)
def test_what_is_said_to_events(
    emulator: Emulator, entries: list[Mapping[str, Any]], by_ministack: str, by_moto: str
) -> None:
    said = answer(emulator.client("events").put_events, Entries=entries)
    assert said == emulator.either(ministack=by_ministack, moto=by_moto)


@pytest.fixture
def table(emulator: Emulator, name: str) -> Mapping[str, Any]:
    """The name of a table that was made, as the first argument of each call."""
    dynamodb = emulator.client("dynamodb")
    dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "key", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "key", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    specification = {"Enabled": True, "AttributeName": "expires"}
    dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=specification)
    return {"TableName": name}


def test_a_failed_condition_says_which_item_was_in_the_way(emulator: Emulator, table: Mapping[str, Any]) -> None:
    dynamodb, item = emulator.client("dynamodb"), {"key": {"S": "a"}, "version": {"S": "1"}}
    wrong = {
        "ConditionExpression": "version = :v",
        "ExpressionAttributeValues": {":v": {"S": "2"}},
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    dynamodb.put_item(**table, Item=item)
    for call, request in (
        (dynamodb.put_item, {"Item": item}),
        (dynamodb.delete_item, {"Key": {"key": {"S": "a"}}}),
        (dynamodb.update_item, {"Key": {"key": {"S": "a"}}, "UpdateExpression": "REMOVE version"}),
    ):
        with pytest.raises(ClientError) as failed:
            call(**table, **request, **wrong)
        assert failed.value.response["Error"]["Code"] == "ConditionalCheckFailedException"
        assert failed.value.response["Item"] == item
    with pytest.raises(ClientError) as failed:
        dynamodb.delete_item(**table, Key={"key": {"S": "absent"}}, **wrong)
    assert "Item" not in failed.value.response


def test_reads_are_up_to_date_and_show_what_has_expired(emulator: Emulator, table: Mapping[str, Any]) -> None:
    dynamodb, item = emulator.client("dynamodb"), {"key": {"S": "a"}, "expires": {"N": str(int(time.time()) - 86_400)}}
    dynamodb.put_item(**table, Item=item)
    for consistent in (True, False):
        assert dynamodb.get_item(**table, Key={"key": {"S": "a"}}, ConsistentRead=consistent)["Item"] == item


@pytest.mark.parametrize(
    ("size", "by_ministack", "by_moto"),
    [
        (400_000, "ok", "ok"),
        (409_600, "ok", "ValidationException"),
        (409_601, "ValidationException", "ValidationException"),
    ],
)
def test_moto_draws_the_limit_of_an_item_too_low(
    emulator: Emulator, table: Mapping[str, Any], size: int, by_ministack: str, by_moto: str
) -> None:
    item = {"key": {"S": "a"}, "v": {"S": "x" * (size - len("keyav"))}}
    said = answer(emulator.client("dynamodb").put_item, **table, Item=item)
    assert said == emulator.either(ministack=by_ministack, moto=by_moto)


def test_what_is_absent_is_said_to_be_so_whoever_asks(emulator: Emulator, name: str) -> None:
    s3 = emulator.client("s3")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    assert answer(s3.get_object, Bucket=name, Key="none") == "NoSuchKey"
    assert answer(s3.get_object, Bucket=f"{name}-none", Key="none") == "NoSuchBucket"
    secrets = emulator.client("secretsmanager")
    assert answer(secrets.get_secret_value, SecretId=f"{name}-none") == "ResourceNotFoundException"


def test_a_digest_that_is_wrong_is_seen_by_ministack_alone(emulator: Emulator, name: str) -> None:
    s3 = emulator.client("s3")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    wrong = "A" * 43 + "="
    said = answer(s3.put_object, Bucket=name, Key="k", Body=b"x", ChecksumSHA256=wrong)
    assert said == emulator.either(ministack="BadDigest", moto="ok")


def test_pipes_can_be_listed(emulator: Emulator) -> None:
    assert answer(emulator.client("pipes").list_pipes) == "ok"


def test_neither_has_a_schema_registry() -> None:
    assert find_spec("ministack.services.schemas") is None
    assert find_spec("moto.schemas") is None
