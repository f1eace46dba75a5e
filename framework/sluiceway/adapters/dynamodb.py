"""Stores in DynamoDB: one table for all, one item a record, every write conditional.

An item has the record's `key` (S, the partition key), its `value` (B), its `version` (S) and when it `expires` (N,
seconds since 1970, the table's TTL attribute). DynamoDB removes expired items within days, so they are treated as gone
here from the second on.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.ConditionExpressions.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/howitworks-ttl.html
"""

from __future__ import annotations

import math
import secrets
from typing import TYPE_CHECKING, Final, cast

from botocore.exceptions import ClientError

from sluiceway.adapters.aws_errors import AWS_ERRORS, classify, error_code
from sluiceway.adapters.clients import Clients
from sluiceway.core.errors import OutsideError, Transient
from sluiceway.core.ports import Clock, Record
from sluiceway.core.store import check_size

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.type_defs import AttributeValueTypeDef

_GONE: Final = "attribute_not_exists(#key) OR #expires <= :now"
_UNCHANGED: Final = "#version = :version AND #expires > :now"


class DynamoDbTable:
    """`Store` in one table.

    Args:
        clients: The AWS clients.
        table: The table's name or ARN.
        clock: Time. Workers whose clocks differ see a record expire at different times.
        prefix: What every key begins with.
    """

    def __init__(self, clients: Clients, table: str, clock: Clock, *, prefix: str = "") -> None:
        self._clients = clients
        self._subject = f"table {table}"
        self._table = table_name(table, clients)
        self._clock = clock
        self._prefix = prefix

    async def get(self, key: str) -> Record | None:
        """Return the record as the latest write left it, or None."""
        dynamodb = await self._clients.open("dynamodb")
        try:
            answer = await dynamodb.get_item(
                TableName=self._table, Key={"key": {"S": self._prefix + key}}, ConsistentRead=True
            )
        except AWS_ERRORS as error:
            raise self._failure(error) from error
        item = answer.get("Item")
        if item is None or float(item["expires"].get("N", "0")) <= self._clock.now():
            return None
        return Record(item["value"].get("B", b""), item["version"].get("S", ""))

    async def put(self, key: str, value: bytes, *, ttl: float, version: str | None = None) -> str | None:
        """Write a record if it still has this version (None: if there is no record)."""
        check_size(key, value)
        written = secrets.token_hex(16)
        now = self._clock.now()
        dynamodb = await self._clients.open("dynamodb")
        try:
            await dynamodb.put_item(
                TableName=self._table,
                Item={
                    "key": {"S": self._prefix + key},
                    "value": {"B": value},
                    "version": {"S": written},
                    "expires": {"N": str(math.ceil(now + ttl))},
                },
                ConditionExpression=_GONE if version is None else _UNCHANGED,
                ExpressionAttributeNames=_names("key", "expires") if version is None else _names("version", "expires"),
                ExpressionAttributeValues=_values(now, version),
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except AWS_ERRORS as error:
            # The client has sent it again when the first answer got lost: then it is our own write that is in the way.
            return written if self._version_in_the_way(error) == written else None
        return written

    async def delete(self, key: str, *, version: str) -> bool:
        """Delete a record if it still has this version; tell whether it had."""
        dynamodb = await self._clients.open("dynamodb")
        try:
            await dynamodb.delete_item(
                TableName=self._table,
                Key={"key": {"S": self._prefix + key}},
                ConditionExpression=_UNCHANGED,
                ExpressionAttributeNames=_names("version", "expires"),
                ExpressionAttributeValues=_values(self._clock.now(), version),
            )
        except AWS_ERRORS as error:
            self._version_in_the_way(error)
            return False
        return True

    def _version_in_the_way(self, error: Exception) -> str | None:
        """Return the version for which a write was not made, when known; raise any other failure."""
        if not isinstance(error, ClientError) or error_code(error) != "ConditionalCheckFailedException":
            raise self._failure(error) from error
        item = cast("dict[str, dict[str, str]]", error.response.get("Item", {}))
        return item.get("version", {}).get("S")

    def _failure(self, error: Exception) -> Transient:
        """Return what failed. No refusal is the message's fault: the sizes of its key and value have been checked."""
        failure = classify(error, self._subject)
        return failure if isinstance(failure, Transient) else Transient(str(failure))


def _names(*attributes: str) -> dict[str, str]:
    return {f"#{name}": name for name in attributes}


def _values(now: float, version: str | None) -> dict[str, AttributeValueTypeDef]:
    values: dict[str, AttributeValueTypeDef] = {":now": {"N": str(now)}}
    return values if version is None else {**values, ":version": {"S": version}}


def table_name(table: str, clients: Clients) -> str:
    """Return what a table is called by: its name on an emulator, which knows no other account; else as given."""
    return table.rpartition("table/")[2] if clients.emulated else table


class UnfitTable(OutsideError):
    """There is such a table, but no records can be kept in it."""


class NothingExpires(Exception):
    """A table never forgets: it can be used, but grows for ever."""


async def check_table(table: str, clients: Clients) -> None:
    """See whether records can be kept in a table.

    Raises:
        UnfitTable: Its key is another than the string `key`.
        NothingExpires: Its TTL attribute is not `expires`.
    """
    dynamodb = await clients.open("dynamodb")
    name = table_name(table, clients)
    described = (await dynamodb.describe_table(TableName=name))["Table"]
    keys = [(key["AttributeName"], key["KeyType"]) for key in described.get("KeySchema", ())]
    types = {each["AttributeName"]: each["AttributeType"] for each in described.get("AttributeDefinitions", ())}
    if keys != [("key", "HASH")] or types["key"] != "S":
        found = ", ".join(f"{name} ({kind}, {types.get(name, '?')})" for name, kind in keys) or "none"
        raise UnfitTable(f"table {table} must have the string `key` as its only key; it has {found}: create it so")
    ttl = (await dynamodb.describe_time_to_live(TableName=name)).get("TimeToLiveDescription", {})
    if ttl.get("TimeToLiveStatus") not in {"ENABLED", "ENABLING"} or ttl.get("AttributeName") != "expires":
        raise NothingExpires(f"table {table} keeps what has expired: make `expires` its TTL attribute")
