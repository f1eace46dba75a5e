"""How a component's settings name the store that it keeps records in."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import AfterValidator, Discriminator, Field, Tag
from pydantic_core import PydanticCustomError

from sluiceway.core.errors import Reject
from sluiceway.core.resource import Resource
from sluiceway.core.settings import Settings

LONGEST_KEY: Final = 1024
"""Bytes of a key in UTF-8. DynamoDB has 2048, some of which name the pipeline and the component.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html"""

LARGEST_VALUE: Final = 350 * 1024
"""Bytes of a value. DynamoDB has 400 KiB for a whole item."""

_ACTIONS: Final = (
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:DeleteItem",
    "dynamodb:DescribeTable",
    "dynamodb:DescribeTimeToLive",
)


_NAME: Final = r"(arn:aws[a-z-]*:dynamodb:[a-z0-9-]+:\d{12}:table/)?[a-zA-Z0-9_.-]{3,255}"


def _check_name(table: str) -> str:
    if not re.fullmatch(_NAME, table):
        raise PydanticCustomError(
            "table",
            "AWS allows 3 to 255 letters, digits, `_`, `-` and `.` in a table's name; its ARN is"
            " arn:aws:dynamodb:REGION:ACCOUNT:table/NAME",
        )
    return table


class DynamoDbStore(Settings):
    """Records in a DynamoDB table, shared by all workers.

    The table has the string `key` as its partition key, no sort key, and `expires` as its TTL attribute. Several
    pipelines can share it: each record's key begins with the pipeline's name and the component's id.
    """

    dynamodb: Annotated[str, AfterValidator(_check_name)] = Field(
        description="The table's name or ARN.", examples=["sluiceway"], json_schema_extra={"pattern": f"^{_NAME}$"}
    )


def _kind(value: object) -> str:
    return "<memory>" if isinstance(value, str) else "<dynamodb>"


StoreChoice: TypeAlias = Annotated[
    Annotated[Literal["memory"], Tag("<memory>")] | Annotated[DynamoDbStore, Tag("<dynamodb>")],
    Discriminator(_kind),
    Field(description="`memory`, this worker's own and gone with it, or `{dynamodb: TABLE}`, shared by all workers."),
]
"""The store that a component's settings name, for `Context.store`."""


def store_resources(store: Literal["memory"] | DynamoDbStore | None) -> tuple[Resource, ...]:
    """Return what a store uses outside."""
    return (Resource("table", store.dynamodb, _ACTIONS),) if isinstance(store, DynamoDbStore) else ()


def check_size(key: str, value: bytes) -> None:
    """Refuse a record that not every store can keep.

    Raises:
        Reject: The key or the value is too large (`oversize`).
    """
    if (size := len(key.encode())) > LONGEST_KEY:
        raise Reject(f"the key of a record has {size} bytes; at most {LONGEST_KEY} fit", error="oversize")
    if len(value) > LARGEST_VALUE:
        raise Reject(f"a record has {len(value)} bytes; at most {LARGEST_VALUE} fit into a store", error="oversize")
