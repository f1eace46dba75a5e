"""`envelope.unwrap`: what is in the envelope, and what stood on it as headers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from sluiceway import Decision, Drop, Message, Place, Reject, Result, Settings, Stage
from sluiceway_patterns.envelope import cloudevents
from sluiceway_patterns.envelope.notifications import fields_of, unwrap_event, unwrap_s3, unwrap_sns
from sluiceway_patterns.values import shown


class Names(Settings):
    """What the two parts of an envelope of one's own are called."""

    metadata: str = Field(default="metadata", min_length=1, description="The field with what is said of the data.")
    data: str = Field(default="data", min_length=1, description="The field with the data.")


class Unwrap(Stage):
    """Take a message out of the envelope in which it came; what stood on the envelope becomes headers.

    `from` says which kind:

    - `cloudevents`: the body becomes `data`, or what `data_base64` stands for. Headers: each attribute as in
      CloudEvents' binding for HTTP, `ce-id`, `ce-source`, `ce-type` and so on, with `datacontenttype` as
      `content-type`, and values percent-encoded where they are no printable ASCII.
    - `eventbridge`: `detail`. Headers: `eventbridge-id`, `eventbridge-source`, `eventbridge-detail-type`,
      `eventbridge-time`, `eventbridge-account`, `eventbridge-region`, `eventbridge-resources` (a list, as JSON).
    - `sns`: `Message`, read as JSON, or with `message: text` as it is. Headers: the message attributes by their names,
      `sns-message-id`, `sns-topic-arn`, `sns-subject`, `sns-timestamp`.
    - `s3`: `bucket`, `key`, `size`, `etag`, `version_id`, `sequencer`, `event`, `time` and `region` of an object, as
      far as they are there. No headers.
    - `data`: `data`. Headers: the fields of `metadata` by their names, an object or list as JSON. `names` says what the
      two are called.

    Headers of the same name are replaced, and what is empty or null gives no header. Stages read them as
    `{jmes: headers."ce-type"}`; a sink passes on those that its `forward` names.

    CloudEvents come structured (an object with `specversion`) or binary (the attributes are headers already, and the
    body is the data); both come out alike. A notification of S3 becomes a message for each of its records, with the key
    as the object is called: S3 encodes it as in a form, with `+` for a space. The test event that S3 sends when
    notifications are set up is dropped. The signature on a notification of SNS is not checked: who may send to a
    queue is what its policy says. With raw message delivery there is no envelope to take off.

    A body that is not such an envelope is rejected (`invalid`), or with `otherwise: keep` passes unchanged. One that
    is, and lacks what the envelope must have, is always rejected. Envelopes in envelopes (S3 by way of SNS) take two
    stages.

    This undoes the Envelope Wrapper of Enterprise Integration Patterns (Hohpe and Woolf, chapter 8).

    ```yaml
    - id: open
      use: envelope.unwrap
      with: {from: sns, message: json}
    ```
    """

    from_: Literal["cloudevents", "eventbridge", "sns", "s3", "data"] = Field(
        alias="from", description="The kind of envelope."
    )
    message: Literal["json", "text"] = Field(default="json", description="`sns`: how the text in it is read.")
    names: Names = Field(default=Names(), description="`data`: what metadata and data are called.")
    otherwise: Literal["reject", "keep"] = Field(
        default="reject", description="What is done about a body that is no such envelope."
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for key, kind in (("message", "sns"), ("names", "data")):
            if key in self.model_fields_set and self.from_ != kind:
                text = f"`{key}` is for `from: {kind}` alone"
                raise PydanticCustomError("envelope", "{message}", {"path": [key], "message": text})
        return self

    def branches(self) -> Sequence[Place]:
        """Return the two ways: an envelope, or none."""
        return (("from",), ("otherwise",))

    def decisions(self, message: Message) -> Sequence[Decision]:
        """Say whether the body is an envelope."""
        is_one = self._open(message) is not None
        return (
            Decision(("from",), f"the body is {'an' if is_one else 'no'} envelope of the kind {self.from_}", is_one),
            Decision(("otherwise",), f"what is no such envelope: {self.otherwise}", not is_one),
        )

    def process(self, message: Message) -> Result:
        """Return what is in the envelope."""
        opened = self._open(message)
        if opened is not None:
            return opened
        if self.otherwise == "keep":
            return message
        raise Reject(f"the body is {shown(message.body)}, and no envelope of the kind {self.from_}")

    def _open(self, message: Message) -> Message | list[Message] | Drop | None:
        match self.from_:
            case "cloudevents":
                return cloudevents.unwrap(message)
            case "eventbridge":
                return unwrap_event(message)
            case "sns":
                return unwrap_sns(message, self.message)
            case "s3":
                return unwrap_s3(message)
            case "data":
                return self._open_data(message)

    def _open_data(self, message: Message) -> Message | None:
        body, names = message.body, self.names
        if not isinstance(body, dict) or not {names.metadata, names.data} <= body.keys():
            return None
        metadata = body[names.metadata]
        if not isinstance(metadata, dict):
            raise Reject(f"body.{names.metadata} is {shown(metadata)}, not an object")
        return message.with_headers(fields_of(metadata)).with_json(body[names.data])
