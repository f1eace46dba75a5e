"""Reading back what came out of a pipeline: from its bus, by a rule to a queue, and from its dead-letter queue."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sluiceway.adapters.clients import Clients
from sluiceway.core.json import JSON

if TYPE_CHECKING:
    from types_aiobotocore_sqs import SQSClient
    from types_aiobotocore_sqs.type_defs import MessageTypeDef

_TAP = "demo-what-the-bus-carried"


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter.

    Attributes:
        body: What lies there.
        facts: Its `sluiceway` attribute.
    """

    body: str
    facts: Mapping[str, JSON]


async def tap(clients: Clients, bus: str) -> str:
    """Let a rule put everything that a bus carries into a queue, and return the queue's URL."""
    sqs, events = await clients.open("sqs"), await clients.open("events")
    url = (await sqs.create_queue(QueueName=_TAP))["QueueUrl"]
    queue = await sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    rule = await events.put_rule(Name=_TAP, EventBusName=bus, EventPattern='{"source": [{"prefix": ""}]}')
    arn = queue["Attributes"]["QueueArn"]
    allow = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": rule["RuleArn"]}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    await sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    await events.put_targets(Rule=_TAP, EventBusName=bus, Targets=[{"Id": "tap", "Arn": arn}])
    return url


async def events_in(sqs: SQSClient, url: str) -> list[JSON]:
    """Return the details of the events that a tap has caught."""
    return [json.loads(message.get("Body", ""))["detail"] async for message in _all(sqs, url)]


async def letters_in(sqs: SQSClient, queue: str) -> dict[str, Letter]:
    """Return the dead letters in a queue, by message id."""
    url = (await sqs.get_queue_url(QueueName=queue))["QueueUrl"]
    letters: dict[str, Letter] = {}
    async for message in _all(sqs, url):
        attribute = message.get("MessageAttributes", {}).get("sluiceway")
        facts: dict[str, JSON] = json.loads(attribute.get("StringValue", "{}")) if attribute else {}
        letters[str(facts.get("id", message.get("MessageId")))] = Letter(message.get("Body", ""), facts)
    return letters


async def queued_in(sqs: SQSClient, queue: str) -> int:
    """Return how many messages a queue has, in flight or not."""
    url = (await sqs.get_queue_url(QueueName=queue))["QueueUrl"]
    answer = await sqs.get_queue_attributes(
        QueueUrl=url,
        AttributeNames=[
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesDelayed",
        ],
    )
    return sum(int(number) for number in answer["Attributes"].values())


async def _all(sqs: SQSClient, url: str) -> AsyncIterator[MessageTypeDef]:
    while True:
        answer = await sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
        for message in answer.get("Messages", ()):
            yield message
        if not answer.get("Messages"):
            return
