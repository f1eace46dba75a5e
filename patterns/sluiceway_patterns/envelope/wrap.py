"""`envelope.wrap`: a message in the envelope that its receiver expects."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Final, Literal, Self, TypeAlias

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from sluiceway import JSON, Context, Expression, Message, Reject, Settings, Stage
from sluiceway_patterns.envelope import cloudevents
from sluiceway_patterns.envelope.unwrap import Names
from sluiceway_patterns.values import cut, shown, to_string

Now: TypeAlias = Callable[[], float]
AttributeName: TypeAlias = Annotated[str, Field(pattern=r"^[a-z0-9]{1,20}$")]

_RFC_3339: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
_NOT_EXTENSIONS: Final = frozenset({*cloudevents.REQUIRED, "subject", "time", "dataschema", "datacontenttype", "data"})


class CloudEvent(Settings):
    """An event as CloudEvents has it."""

    mode: Literal["structured", "binary"] = Field(
        default="structured", description="`structured`: all of it in the body; `binary`: attributes as headers."
    )
    source: Expression = Field(description="Where it happened, a URI or a part of one.", examples=["/shop/orders"])
    type: Expression = Field(description="What happened.", examples=["example.shop.order.placed"])
    id: Expression | None = Field(default=None, description="Which one it is; by default the message's id.")
    subject: Expression | None = Field(default=None, description="What it happened to; left out where it is null.")
    time: Expression | None = Field(
        default=None, description="When, in RFC 3339; by default when the message was sent, or else now."
    )
    dataschema: Expression | None = Field(default=None, description="The URI of the data's schema.")
    datacontenttype: str | None = Field(
        default=None, min_length=1, description="By default application/json, of a body that is text text/plain."
    )
    extensions: dict[AttributeName, Expression] = Field(
        default_factory=dict, description="Attributes of your own; left out where they are null."
    )

    @model_validator(mode="after")
    def _new_names(self) -> Self:
        if taken := next((name for name in self.extensions if name in _NOT_EXTENSIONS), None):
            text = f"{taken} is an attribute of every event: set it beside `extensions`"
            raise PydanticCustomError("envelope", "{message}", {"path": ["extensions", taken], "message": text})
        return self

    def wrap(self, message: Message, now: Now) -> Message:
        """Return the event."""
        kind = self.datacontenttype or ("text/plain" if message.is_text else "application/json")
        optional = {"subject": self.subject, "dataschema": self.dataschema, **self.extensions}
        attributes = {
            "specversion": cloudevents.VERSION,
            "id": _text("id", self.id, message) if self.id else _own_id(message),
            "source": _text("source", self.source, message),
            "type": _text("type", self.type, message),
            "time": _time(self.time, message, now),
            "datacontenttype": kind,
            **{name: _text(name, value, message) for name, value in optional.items() if _is_there(value, message)},
        }
        if self.mode == "binary":
            return message.with_headers(cloudevents.to_headers(attributes))
        if message.is_text == cloudevents.is_json(kind):
            says = "is text" if message.is_text else "is JSON"
            raise Reject(f"the body {says}, which datacontenttype {cut(kind)} does not say")
        event = message.with_json({**attributes, "data": message.body})
        return event.with_headers({cloudevents.CONTENT_TYPE: cloudevents.STRUCTURED})


class Event(Settings):
    """An event as a rule of EventBridge delivers it."""

    source: Expression = Field(description="Who says so.", examples=["fulfilment.orders"])
    detail_type: Expression = Field(description="What it is about.", examples=["OrderAccepted"])
    time: Expression | None = Field(
        default=None, description="When, in RFC 3339; by default when the message was sent, or else now."
    )

    def wrap(self, message: Message, now: Now) -> Message:
        """Return the event."""
        event: JSON = {
            "version": "0",
            "id": _own_id(message),
            "detail-type": _text("detail_type", self.detail_type, message),
            "source": _text("source", self.source, message),
            "account": "",
            "time": _time(self.time, message, now),
            "region": "",
            "resources": [],
            "detail": message.body,
        }
        return message.with_json(event)


class MetadataAndData(Settings):
    """An envelope of one's own, with two parts."""

    metadata: dict[str, Expression] = Field(
        min_length=1, description="What is said of the data; a field is left out where its value is null."
    )
    names: Names = Field(default=Names(), description="What the two parts are called.")

    def wrap(self, message: Message, now: Now) -> Message:
        """Return the envelope."""
        values = {name: value.evaluate(message.view) for name, value in self.metadata.items()}
        metadata: JSON = {name: value for name, value in values.items() if value is not None}
        return message.with_json({self.names.metadata: metadata, self.names.data: message.body})


class Wrap(Stage):
    """Put a message into the envelope that its receiver expects.

    One of three kinds is given, with what stands on it:

    - `cloudevents`: an event of CloudEvents 1.0, in one of two modes. `structured`: the body becomes the event, with
      the old one as its `data`. `binary`: the body stays, and the attributes become headers as in the binding for
      HTTP, percent-encoded where they are no printable ASCII; the sink must `forward` them. In both the header
      `content-type` is set, as that binding wants it; what the sink `http` sends as such is its own `content_type`.
    - `eventbridge`: an event as a rule delivers it, with the body as its `detail`, for a receiver that expects one
      without a bus between; `account` and `region` are empty. To put events on a bus use the sink `eventbridge`, which
      makes the envelope itself.
    - `data`: `{metadata: …, data: …}`, with the body as `data` and under `metadata` what is computed here.

    A value that is computed and must be there, and is not, is `missing`; one of the wrong kind is `invalid`. The id is
    the message's own, the same at every attempt, so receivers can recognise a repeat. `envelope.unwrap` gives the body
    back, and the rest as headers. SNS and S3 have envelopes that only they can make.

    This is the Envelope Wrapper of Enterprise Integration Patterns (Hohpe and Woolf, chapter 8).

    ```yaml
    - id: as-event
      use: envelope.wrap
      with:
        cloudevents:
          source: /shop/orders
          type: example.shop.order.placed
          subject: {jmes: body.order_no}
    ```
    """

    cloudevents: CloudEvent | None = Field(default=None, description="An event of CloudEvents.")
    eventbridge: Event | None = Field(default=None, description="An event as EventBridge delivers it.")
    data: MetadataAndData | None = Field(default=None, description="An envelope with `metadata` and `data`.")

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if len([kind for kind in (self.cloudevents, self.eventbridge, self.data) if kind]) != 1:
            raise PydanticCustomError("envelope", "give one kind of envelope: cloudevents, eventbridge or data")
        return self

    def required_headers(self) -> Sequence[str]:
        """Return the headers without which a binary event is none."""
        binary = self.cloudevents is not None and self.cloudevents.mode == "binary"
        return [f"ce-{name}" for name in cloudevents.REQUIRED] if binary else ()

    @asynccontextmanager
    async def open(self, context: Context) -> AsyncGenerator[Callable[[Message], Message]]:
        """Yield the wrapping."""
        kind = self.cloudevents or self.eventbridge or self.data
        assert kind is not None  # noqa: S101 - the validator has seen to it

        def process(message: Message) -> Message:
            return kind.wrap(message, context.clock.now)

        yield process


def _own_id(message: Message) -> str:
    if not message.id:
        raise Reject("id: the message has none", error="missing")
    return message.id


def _is_there(expression: Expression | None, message: Message) -> bool:
    return expression is not None and expression.evaluate(message.view) is not None


def _text(name: str, expression: Expression | None, message: Message) -> str:
    value = expression.evaluate(message.view) if expression else None
    if value is None or value == "":
        what = cut(expression.text or "the value") if expression else "the value"
        raise Reject(f"{name}: {what} is {'empty' if value == '' else 'missing or null'}", error="missing")
    text = to_string(value)
    if text is None:
        raise Reject(f"{name} is {shown(value)}, not text")
    return text


def _time(expression: Expression | None, message: Message, now: Now) -> str:
    if expression is not None:
        text = _text("time", expression, message)
        if not _RFC_3339.fullmatch(text):
            raise Reject(f"time is {shown(text)}, not as in 2026-01-31T12:00:00Z")
        return text
    sent = message.meta.get("sent_at")
    return (
        sent
        if isinstance(sent, str) and sent
        else datetime.fromtimestamp(now(), UTC).isoformat(timespec="milliseconds")
    )
