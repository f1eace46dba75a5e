"""The sink `eventbridge`."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, ClassVar, Final, TypeAlias, cast

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from sluiceway.adapters.aws_errors import is_denied_code, is_transient_code
from sluiceway.adapters.batches import Results, send_all
from sluiceway.adapters.context import clients_of
from sluiceway.adapters.expressions import text_of
from sluiceway.core import json
from sluiceway.core.component import Sink
from sluiceway.core.context import Context
from sluiceway.core.errors import MessageError, Reject, Transient
from sluiceway.core.expression import Expression
from sluiceway.core.json import JSON
from sluiceway.core.message import Message
from sluiceway.core.ports import Send
from sluiceway.core.resource import Resource

if TYPE_CHECKING:
    from types_aiobotocore_events.type_defs import PutEventsRequestEntryTypeDef, PutEventsResultEntryTypeDef

    Entry: TypeAlias = PutEventsRequestEntryTypeDef

# "Less than 1 MB" in all, counted as in
# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html#eb-putevent-size
MAX_BYTES: Final = 1024 * 1024 - 1
_MAX_DETAIL_TYPE: Final = 128  # characters
_BUS: Final = re.compile(r"[/._A-Za-z0-9-]{1,256}|arn:aws[a-z-]*:events:[a-z0-9-]+:\d{12}:event-bus/[/._A-Za-z0-9-]+")


class EventBridgeSink(Sink):
    """Put events on an EventBridge bus. The body, which must be a JSON object, is the event's detail.

    `source` and `detail_type` are texts, or expressions where they differ by message. Headers are not passed on: an
    event has no place for them.
    """

    batch_entries: ClassVar[int] = 10
    batch_bytes: ClassVar[int] = MAX_BYTES
    forwards: ClassVar[bool] = False

    bus: str = Field(description="The bus's name or ARN.", examples=["orders"])
    source: Expression = Field(description="Who says it: `source` of the event.", examples=["fulfilment.orders"])
    detail_type: Expression = Field(description="What it says: `detail-type`.", examples=["OrderAccepted"])
    event_resources: tuple[Expression, ...] = Field(
        default=(), alias="resources", description="ARNs of what the event is about.", examples=[[{"jmes": "body.arn"}]]
    )

    @field_validator("bus")
    @classmethod
    def _bus_name(cls, bus: str) -> str:
        if not _BUS.fullmatch(bus):
            raise PydanticCustomError(
                "bus", "AWS allows 1 to 256 letters, digits and . - _ / in a bus's name, or the bus's ARN"
            )
        return bus

    @field_validator("forward")
    @classmethod
    def _no_headers(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if names:
            raise PydanticCustomError(
                "forward", "an event has no headers: have a translate stage put into the body what receivers need"
            )
        return names

    def resources(self) -> Sequence[Resource]:
        """Return the bus and what is called on it: described at start, because PutEvents to no bus says nothing."""
        return (Resource("bus", self.bus, ("events:PutEvents", "events:DescribeEventBus")),)

    def weigh(self, message: Message) -> int:
        """Return the bytes of source, detail type, detail and resources."""
        return _size(self._entry(message))

    def preview(self, message: Message) -> Mapping[str, JSON]:
        """Return the entry that would be put."""
        return cast("Mapping[str, JSON]", self._entry(message))

    @asynccontextmanager
    async def open(self, context: Context) -> AsyncGenerator[Send]:
        """Yield the function that puts a batch."""
        events = await clients_of(context).open("events")

        async def call(entries: Sequence[Entry]) -> Results:
            answer = await events.put_events(Entries=entries)
            results = [self._result(entry) for entry in answer.get("Entries", ())]
            forgotten = Transient(f"{self._subject}: EventBridge answered, but not about this event")
            return results + [forgotten] * (len(entries) - len(results))

        async def send(messages: Sequence[Message]) -> Results:
            return await send_all(messages, self._entry, call, self._subject)

        yield send

    def _entry(self, message: Message) -> Entry:
        """Make a message's entry, or reject what the service would refuse (emulators take nearly anything)."""
        if not isinstance(message.body, dict):
            raise Reject("the body is not a JSON object, and EventBridge takes nothing else as an event's detail")
        source = text_of(self.source, message, "source")
        if source.startswith("aws."):
            raise Reject(f"the source {source!r} begins with `aws.`, which EventBridge keeps for AWS")
        detail_type = text_of(self.detail_type, message, "detail_type")
        if len(detail_type) > _MAX_DETAIL_TYPE:
            raise Reject(f"the detail type has {len(detail_type)} characters; EventBridge takes {_MAX_DETAIL_TYPE}")
        entry = cast(
            "Entry",
            {
                "EventBusName": self.bus,
                "Source": source,
                "DetailType": detail_type,
                "Detail": _detail(message),
                "Resources": [text_of(arn, message, "resources") for arn in self.event_resources],
            },
        )
        if (size := _size(entry)) > MAX_BYTES:
            raise Reject(
                f"the event has {size} bytes, and EventBridge takes {MAX_BYTES}: put claim_check.store before it",
                error="oversize",
            )
        return entry

    def _result(self, entry: PutEventsResultEntryTypeDef) -> MessageError | None:
        code = entry.get("ErrorCode")
        if not code:
            return None
        reason = f"{self._subject}: EventBridge answered {code}: {entry.get('ErrorMessage') or 'no reason given'}"
        # Missing permission fails every event alike and is an operator's matter: nothing is given up for it.
        if is_transient_code(code) or is_denied_code(code):
            return Transient(reason)
        return Reject(reason, error="refused")

    @property
    def _subject(self) -> str:
        return f"bus {self.bus}"


def _detail(message: Message) -> str:
    """Return the body as JSON: the original bytes, unless they were a base64 wrapping of it."""
    payload = message.payload if message.payload.lstrip().startswith(b"{") else json.dump(message.body)
    return payload.decode()


def _size(entry: Entry) -> int:
    """Count as the service does; an entry without a time has nothing to add for it."""
    texts = (entry.get("Source", ""), entry.get("DetailType", ""), entry.get("Detail", ""), *entry.get("Resources", ()))
    return sum(len(text.encode()) for text in texts)
