"""The envelopes of AWS: events of EventBridge, notifications of SNS and of S3.

https://docs.aws.amazon.com/eventbridge/latest/userguide/aws-events.html
https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal
from urllib.parse import unquote_plus

from sluiceway import JSON, Drop, Message, Reject, json
from sluiceway_patterns.body_path import MISSING, find
from sluiceway_patterns.values import cut, shown, to_string

_EVENT: Final = ("id", "source", "detail-type", "time", "account", "region")
_NOTIFICATION: Final = {
    "MessageId": "sns-message-id",
    "TopicArn": "sns-topic-arn",
    "Subject": "sns-subject",
    "Timestamp": "sns-timestamp",
}
_RECORD: Final = {
    "size": "s3.object.size",
    "etag": "s3.object.eTag",
    "version_id": "s3.object.versionId",
    "sequencer": "s3.object.sequencer",
    "event": "eventName",
    "time": "eventTime",
    "region": "awsRegion",
}


def unwrap_event(message: Message) -> Message | None:
    """Return the detail of an EventBridge event, with what else it says as headers; None for what is no event."""
    body = message.body
    if not isinstance(body, dict) or not {"source", "detail-type", "detail"} <= body.keys():
        return None
    headers = {f"eventbridge-{name}": _header(name, body[name]) for name in _EVENT if body.get(name) not in (None, "")}
    if resources := body.get("resources"):
        headers["eventbridge-resources"] = _dump(resources)
    return message.with_headers(headers).with_json(body["detail"])


def unwrap_sns(message: Message, read: Literal["json", "text"]) -> Message | None:
    """Return the message in an SNS notification, with its attributes as headers; None for what is no notification."""
    body = message.body
    if not isinstance(body, dict) or body.get("Type") != "Notification" or "TopicArn" not in body:
        return None
    said = body.get("Message")
    if not isinstance(said, str):
        raise Reject(f"body.Message is {shown(said)}, not text")
    types, headers = _attributes(body.get("MessageAttributes"))
    headers |= {new: _header(old, body[old]) for old, new in _NOTIFICATION.items() if body.get(old) not in (None, "")}
    made = message.with_headers(headers)
    if types:
        known = message.meta.get("header_types")
        made = made.evolve(
            meta={**message.meta, "header_types": {**(known if isinstance(known, dict) else {}), **types}}
        )
    if read == "text":
        return made.with_text(said)
    try:
        return made.with_json(json.parse(said.encode("utf-8", "surrogatepass")))
    except json.InvalidJSON as error:
        raise Reject(f"body.Message is not valid JSON: {error}") from error


def unwrap_s3(message: Message) -> list[Message] | Drop | None:
    """Return a message for each object that an S3 notification tells of; None for what is no notification."""
    body = message.body
    if not isinstance(body, dict):
        return None
    if body.get("Event") == "s3:TestEvent":
        return Drop("s3:TestEvent, which S3 sends when notifications are set up")
    records = body.get("Records")
    if not isinstance(records, list) or not records or not all(_is_record(record) for record in records):
        return None
    return [message.with_json(_object(record, index)) for index, record in enumerate(records)]


def _is_record(record: JSON) -> bool:
    return isinstance(record, dict) and isinstance(record.get("s3"), dict)


def _object(record: JSON, index: int) -> JSON:
    made: dict[str, JSON] = {}
    for name, path in (("bucket", "s3.bucket.name"), ("key", "s3.object.key")):
        value = find(record, path)
        if not isinstance(value, str) or not value:
            what = "missing" if value is MISSING else shown(value)
            raise Reject(f"body.Records.{index}.{path} is {what}, not the name of anything", error="missing")
        made[name] = value
    try:
        made["key"] = unquote_plus(str(made["key"]), errors="strict")
    except UnicodeDecodeError as error:
        raise Reject(f"body.Records.{index}.s3.object.key is no URL-encoded UTF-8: {cut(str(made['key']))}") from error
    for name, path in _RECORD.items():
        value = find(record, path)
        if value is not MISSING and value is not None:
            made[name] = value  # type: ignore[assignment] # part of a body, so JSON
    return made


def _attributes(attributes: JSON) -> tuple[dict[str, JSON], dict[str, str]]:
    """Return the types of attributes that are not plain text, and all of them as headers."""
    types: dict[str, JSON] = {}
    headers: dict[str, str] = {}
    for name, attribute in (attributes if isinstance(attributes, dict) else {}).items():
        if not isinstance(attribute, dict) or not isinstance(value := attribute.get("Value"), str):
            raise Reject(f"body.MessageAttributes.{cut(name)} has no text as its Value")
        headers[name] = value
        if (kind := attribute.get("Type")) != "String" and isinstance(kind, str):
            types[name] = kind
    return types, headers


def _header(name: str, value: JSON) -> str:
    text = to_string(value)
    if text is None:
        raise Reject(f"body.{name} is {shown(value)}, not text")
    return text


def _dump(value: JSON) -> str:
    try:
        return json.dump(value).decode()
    except ValueError as error:
        raise Reject(f"the envelope has what cannot be a header: {error}") from error


def fields_of(metadata: Mapping[str, JSON]) -> dict[str, str]:
    """Return the fields of an envelope's metadata as headers: scalars as text, the rest as JSON; null is nothing."""
    texts = {name: (value, to_string(value)) for name, value in metadata.items() if value not in (None, "")}
    return {name: _dump(value) if text is None else text for name, (value, text) in texts.items()}
