"""How a component's settings name the store that it keeps records in."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Discriminator, Field, Tag

from sluiceway.core.resource import Resource
from sluiceway.core.settings import Settings

_ACTIONS = ("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:DeleteItem", "dynamodb:DescribeTable")


class DynamoDbStore(Settings):
    """Records in a DynamoDB table, shared by all workers.

    The table has the string `key` as its partition key, no sort key, and `expires` as its TTL attribute.
    """

    dynamodb: str = Field(
        pattern=r"^(arn:aws[a-z-]*:dynamodb:[a-z0-9-]+:\d{12}:table/)?[a-zA-Z0-9_.-]{3,255}$",
        description="The table's name or ARN.",
        examples=["sluiceway"],
    )


def _kind(value: object) -> str:
    return "<memory>" if isinstance(value, str) else "<dynamodb>"


StoreChoice: TypeAlias = Annotated[
    Annotated[Literal["memory"], Tag("<memory>")] | Annotated[DynamoDbStore, Tag("<dynamodb>")],
    Discriminator(_kind),
    Field(description="`memory`, this worker's own and gone with it, or `{dynamodb: TABLE}`, shared by all workers."),
]


def store_resources(store: Literal["memory"] | DynamoDbStore | None) -> tuple[Resource, ...]:
    """Return what a store uses outside."""
    return (Resource("table", store.dynamodb, _ACTIONS),) if isinstance(store, DynamoDbStore) else ()
