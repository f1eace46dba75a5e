"""Queues as a pipeline file names them: by name, URL or ARN."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Final, TypeAlias, TypeVar, cast
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from sluiceway.adapters.aws_errors import AWS_ERRORS, classify
from sluiceway.adapters.clients import Clients
from sluiceway.core.errors import MessageError, OutsideError, Transient

T = TypeVar("T")
E = TypeVar("E", bound=MessageError)

BATCH_ENTRIES: Final = 10
"""Entries that one SQS batch call takes."""

MAX_BYTES: Final = 1024 * 1024
"""Bytes that a message, and a batch of them, may have: bodies, and attributes' names, types and values."""

MAX_VISIBILITY: Final = 12 * 3600
"""Seconds that SQS lets a message be held, counted from its receipt."""

GROUP: Final = re.compile(r"[!-~]{1,128}")
"""What SQS takes for a message group: "alphanumeric characters and punctuation" of ASCII.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html"""

# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-queue-message-identifiers.html
_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}|[A-Za-z0-9_-]{1,75}\.fifo")
_ARN = re.compile(r"arn:aws[a-z-]*:sqs:[a-z0-9-]+:\d{12}:(?P<name>[^:]+)")


def queue_name(queue: str) -> str:
    """Return the bare name of a queue given by name, URL or ARN."""
    if queue.startswith("arn:"):
        return queue.rpartition(":")[2]
    return queue.rstrip("/").rpartition("/")[2]


def is_fifo(queue: str) -> bool:
    """Tell whether a queue, given by name, URL or ARN, is a FIFO queue; AWS makes it part of the name."""
    return queue_name(queue).endswith(".fifo")


def _checked(queue: str) -> str:
    if queue.startswith("arn:") and not _ARN.fullmatch(queue):
        raise PydanticCustomError("queue", "this ARN is not a queue's: arn:aws:sqs:REGION:ACCOUNT:NAME")
    if "/" in queue:
        url = urlsplit(queue)
        if url.scheme not in {"http", "https"} or not url.netloc or url.path.count("/") < 2:
            raise PydanticCustomError("queue", "this URL is not a queue's: https://HOST/ACCOUNT/NAME")
    if not _NAME.fullmatch(queue_name(queue)):
        raise PydanticCustomError(
            "queue",
            "AWS allows 1 to 80 letters, digits, hyphens and underscores, with .fifo at the end of a FIFO queue",
        )
    return queue


QueueName: TypeAlias = Annotated[
    str, AfterValidator(_checked), Field(description="The queue's name, URL or ARN.", examples=["orders"])
]


async def queue_url(clients: Clients, queue: str) -> str:
    """Return a queue's URL.

    A URL is used as it is, so that it costs no permission; but an emulator has URLs of its own.

    Raises:
        botocore.exceptions.ClientError: There is no such queue, or GetQueueUrl is denied.
    """
    if "/" in queue and not clients.emulated:
        return queue
    sqs = await clients.open("sqs")
    if queue.startswith("arn:") and not clients.emulated:
        owner = queue.split(":")[4]
        found = await sqs.get_queue_url(QueueName=queue_name(queue), QueueOwnerAWSAccountId=owner)
    else:
        found = await sqs.get_queue_url(QueueName=queue_name(queue))
    return found["QueueUrl"]


async def open_queue(clients: Clients, queue: str) -> str:
    """Return a queue's URL, for a source or sink that opens.

    Raises:
        OutsideError: There is no such queue, we may not ask, or SQS does not answer.
    """
    try:
        return await queue_url(clients, queue)
    except AWS_ERRORS as error:
        failure = classify(error, f"queue {queue}")
        raise failure if isinstance(failure, OutsideError) else OutsideError(str(failure)) from error


def judge_entries(
    answer: Mapping[str, object], ids: Iterable[str], failure: Callable[[str, str], E]
) -> list[E | Transient | None]:
    """Read a batch call's answer entry by entry.

    Args:
        answer: `{Successful, Failed}`, as every SQS batch call answers.
        ids: The entries that were sent.
        failure: What a failed entry's code, and the sentence with it, mean.

    Returns:
        One result each: None when it was done. An entry that the answer forgets was not done.
    """
    done = {entry.get("Id") for entry in cast("Sequence[Mapping[str, str]]", answer.get("Successful", ()))}
    failed: dict[str | None, E] = {}
    for entry in cast("Sequence[Mapping[str, str]]", answer.get("Failed", ())):
        code = entry.get("Code", "no code")
        failed[entry.get("Id")] = failure(code, f"{code}: {entry.get('Message') or 'no reason given'}")
    return [
        failed[i] if i in failed else None if i in done else Transient("SQS answered, but not about this entry")
        for i in ids
    ]


def chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """Cut into as many entries as one call takes."""
    for start in range(0, len(items), BATCH_ENTRIES):
        yield items[start : start + BATCH_ENTRIES]
