"""CloudEvents 1.0: the JSON format, and where attributes stand in headers.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from sluiceway import JSON, Message, Reject, json
from sluiceway_patterns.values import cut, shown, to_string

VERSION: Final = "1.0"
REQUIRED: Final = ("id", "source", "specversion", "type")
NAME: Final = re.compile(r"[a-z0-9]{1,100}")

CONTENT_TYPE: Final = "content-type"
STRUCTURED: Final = "application/cloudevents+json"

_MEDIA_TYPE: Final = "application/cloudevents"
_DATA: Final = ("data", "data_base64")
_AS_IT_IS: Final = "".join(char for char in map(chr, range(0x21, 0x7F)) if char not in '"%')


def unwrap(message: Message) -> Message | None:
    """Return the data of an event, with its attributes as headers; None for what is no event.

    Raises:
        Reject: It is an event, and a wrong one.
    """
    headers = {name.lower(): value for name, value in message.headers.items()}
    structured = headers.get(CONTENT_TYPE, "").strip().lower().startswith(_MEDIA_TYPE)
    if not structured and "ce-specversion" in headers:
        return _binary(message, headers)
    body = message.body
    if isinstance(body, dict) and "specversion" in body:
        return _structured(message, body)
    if structured:
        raise Reject(f"content-type says that the body is an event, and it is {shown(body)} without a specversion")
    return None


def to_headers(attributes: Mapping[str, str]) -> dict[str, str]:
    """Return attributes as headers, encoded as in HTTP, where a value has printable ASCII only."""
    return {
        CONTENT_TYPE if name == "datacontenttype" else f"ce-{name}": quote(value, safe=_AS_IT_IS, errors="replace")
        for name, value in attributes.items()
    }


def is_json(content_type: str) -> bool:
    """Tell whether a media type says that data is JSON."""
    subtype = content_type.partition(";")[0].strip().lower().rpartition("/")[2]
    return subtype == "json" or subtype.endswith("+json")


def _binary(message: Message, headers: Mapping[str, str]) -> Message:
    _check({name: headers.get(f"ce-{name}") for name in REQUIRED}, "header ce-")
    others = {name: value for name, value in message.headers.items() if not name.lower().startswith("ce-")}
    return message.evolve(headers={**others, **{n: v for n, v in headers.items() if n.startswith("ce-")}})


def _structured(message: Message, event: Mapping[str, JSON]) -> Message:
    _check({name: event.get(name) for name in REQUIRED}, "body.")
    attributes = {
        name: _text(name, value) for name, value in event.items() if name not in _DATA and value not in (None, "")
    }
    made = message.evolve(headers={**_unmarked(message.headers), **to_headers(attributes)})
    says_json = is_json(attributes.get("datacontenttype", "application/json"))
    if event.get("data_base64") is not None:
        return _with_bytes(made, _bytes(event), says_json=says_json)
    data = event.get("data")
    return made.with_text(data) if isinstance(data, str) and not says_json else made.with_json(data)


def _with_bytes(message: Message, raw: bytes, *, says_json: bool) -> Message:
    try:
        return message.with_json(json.parse(raw)) if says_json else message.with_text(raw.decode())
    except json.InvalidJSON as error:
        raise Reject(f"body.data_base64 is not valid JSON: {error}") from error
    except UnicodeDecodeError:
        return message.with_payload(raw)  # no text at all: it can be stored and sent, not read


def _unmarked(headers: Mapping[str, str]) -> dict[str, str]:
    """Return headers without those of an event: what the body says of them is what holds."""
    return {
        name: value
        for name, value in headers.items()
        if name.lower() != CONTENT_TYPE and not name.lower().startswith("ce-")
    }


def _check(required: Mapping[str, JSON], where: str) -> None:
    for name, value in required.items():
        if value in (None, ""):
            raise Reject(f"{where}{name} is missing, which every event has", error="missing")
        if not isinstance(value, str):
            raise Reject(f"{where}{name} is {shown(value)}, not text")
    if required["specversion"] != VERSION:
        raise Reject(f"{where}specversion is {shown(required['specversion'])}; events of version {VERSION} are known")


def _text(name: str, value: JSON) -> str:
    if not NAME.fullmatch(name):
        raise Reject(f"body.{cut(name)} is no name of an attribute: those have lower-case letters and digits")
    text = None if isinstance(value, float) else to_string(value)
    if text is None:
        raise Reject(f"body.{name} is {shown(value)}; attributes are text, integers or booleans")
    return text


def _bytes(event: Mapping[str, JSON]) -> bytes:
    encoded = event["data_base64"]
    if event.get("data") is not None:
        raise Reject("the event has both data and data_base64")
    try:
        return base64.b64decode(str(encoded), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Reject(f"body.data_base64 is not base64: {error}") from error
