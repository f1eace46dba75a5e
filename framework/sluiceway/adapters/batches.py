"""Sending a batch in which every entry has a fate of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias, TypeVar

from sluiceway.adapters.aws_errors import AWS_ERRORS, failure_of_each
from sluiceway.core.errors import MessageError, Reject

T = TypeVar("T")
Entry = TypeVar("Entry")
Results: TypeAlias = Sequence[MessageError | None]


async def send_all(
    items: Sequence[T],
    make: Callable[[T], Entry],
    call: Callable[[Sequence[Entry]], Awaitable[Results]],
    subject: str,
) -> Results:
    """Send a batch and return one result each, in the items' order.

    An item of which no entry can be made is rejected and the others are sent.

    Args:
        items: What is to be sent.
        make: Makes an item's entry, or raises Reject.
        call: Sends entries in one call of the service and reads its answer entry by entry.
        subject: What is called, for the sentence: "bus orders".
    """
    made = [_made(make, item) for item in items]
    entries = [entry for entry in made if not isinstance(entry, Reject)]
    sent = iter(await _send(entries, call, subject) if entries else ())
    return [entry if isinstance(entry, Reject) else next(sent) for entry in made]


async def _send(
    entries: Sequence[Entry], call: Callable[[Sequence[Entry]], Awaitable[Results]], subject: str
) -> Results:
    try:
        return await call(entries)
    except AWS_ERRORS as error:
        failure = failure_of_each(error, subject)
    if isinstance(failure, Reject) and len(entries) > 1:
        # The service refuses a whole call for one wrong entry; apart, each is judged by itself.
        return [(await _send([entry], call, subject))[0] for entry in entries]
    return [failure] * len(entries)


def _made(make: Callable[[T], Entry], item: T) -> Entry | Reject:
    try:
        return make(item)
    except Reject as error:
        return error
