"""The demo's upstream: a shop that sends its orders with the public clients, as a real one does."""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Literal, Protocol, cast

from sluiceway.core.errors import OutsideError

Kind = Literal["accepted", "dropped", "dead-lettered"]

_LARGE_NOTE = "Please ring twice. " * 64_000
"""1.2 MB, beyond the 1 MiB that an SQS message may have."""


@dataclass(frozen=True, slots=True)
class Order:
    """One message of the shop, and what the pipeline must make of it.

    Attributes:
        number: The order's number.
        told: What is special about it, for the table.
        body: What is sent.
        becomes: How it must end.
        at: The stage that drops it; or the stage and the error class of its dead letter.
        through_s3: The attribute with which the extended client marks a body that waits in S3, new or old.
    """

    number: str
    told: str
    body: str
    becomes: Kind = "accepted"
    at: str = ""
    through_s3: Literal["ExtendedPayloadSize", "SQSLargePayloadSize"] | None = None


def _body(number: str, **changed: object) -> str:
    order: dict[str, object] = {"order_no": number, "status": "paid", "total": 24.5, "customer_no": 7, "chan": "W"}
    return json.dumps({**order, "lines": [{"sku": "tea", "qty": 2}], **changed})


_TWICE = _body("A-1008", customer_no=8)

ORDERS = (
    Order("A-1001", "paid, web", _body("A-1001")),
    Order("A-1002", "paid, store", _body("A-1002", chan="S", customer_no=8)),
    Order("A-1003", "quantity as text", _body("A-1003", lines=[{"sku": "pot", "qty": "3"}])),
    Order("A-1004", "unpaid", _body("A-1004", status="open"), "dropped", "only-paid"),
    Order("A-1005", "cancelled", _body("A-1005", status="cancelled"), "dropped", "only-paid"),
    Order("A-1006", "1.2 MB, by S3", _body("A-1006", note=_LARGE_NOTE), through_s3="ExtendedPayloadSize"),
    Order("A-1007", "1.2 MB, old client", _body("A-1007", note=_LARGE_NOTE), through_s3="SQSLargePayloadSize"),
    Order("A-1008", "sent twice", _TWICE),
    Order("A-1008", "sent twice", _TWICE),
    Order("A-1009", "an unknown field", _body("A-1009", gift_wrap=True)),
    Order("A-1010", "service answers 503", _body("A-1010", customer_no=9)),
    Order("A-1011", "channel ?", _body("A-1011", chan="?"), "dead-lettered", "our-words invalid"),
    Order("A-1012", "broken JSON", _body("A-1012")[:-2], "dead-lettered", "as-agreed invalid"),
    Order("A-1013", "no total", _body("A-1013", total=None), "dead-lettered", "as-agreed invalid"),
    Order("A-1014", "unknown customer", _body("A-1014", customer_no=404), "dead-lettered", "add-customer missing"),
    Order(
        "A-1015",
        "quantity three",
        _body("A-1015", lines=[{"sku": "tea", "qty": "three"}]),
        "dead-lettered",
        "our-words invalid",
    ),
    Order("A-1016", "total 0", _body("A-1016", total=0), "dropped", "only-paid"),
)

CUSTOMERS: Mapping[str, Mapping[str, str]] = {
    "7": {"full_name": "Ada Lovelace", "tier": "gold"},
    "8": {"full_name": "Grace Hopper"},
    "9": {"full_name": "Mary Somerville", "tier": "silver"},
}
"""Whom the customer service knows."""

HESITATES_FOR = "9"
"""The customer for whom the service answers 503 when first asked."""


class _Sqs(Protocol):
    """What the shop uses of boto3's client, and what the extended client adds to it."""

    large_payload_support: str
    use_legacy_attribute: bool

    def get_queue_url(self, *, QueueName: str) -> Mapping[str, str]: ...  # noqa: N803 - the service's name for it

    def send_message(self, *, QueueUrl: str, MessageBody: str) -> Mapping[str, str]: ...  # noqa: N803 - as above

    def close(self) -> None: ...


class Shop:
    """Sends orders. Blocking, as boto3 is."""

    def __init__(self, sqs: _Sqs, queue: str, bucket: str) -> None:
        self._sqs = sqs
        self._url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
        sqs.large_payload_support = bucket

    def send(self, order: Order) -> str:
        """Send one order and return the message's id."""
        self._sqs.use_legacy_attribute = order.through_s3 == "SQSLargePayloadSize"
        return self._sqs.send_message(QueueUrl=self._url, MessageBody=order.body)["MessageId"]


@contextmanager
def open_shop(queue: str, bucket: str) -> Generator[Shop]:
    """Open the shop's clients, which find AWS by the standard variables.

    Raises:
        OutsideError: The `local` extra is not installed.
    """
    try:
        import_module("sqs_extended_client")  # makes every SQS client of boto3 an extended one
        boto3 = import_module("boto3")
    except ImportError as error:
        raise OutsideError(f"{error.name} is not installed: pip install 'sluiceway[local]'") from error
    sqs = cast("_Sqs", boto3.client("sqs"))
    try:
        yield Shop(sqs, queue, bucket)
    finally:
        sqs.close()
