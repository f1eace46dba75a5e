"""How bytes become a body."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Literal, TypeAlias

from sluiceway.core import json
from sluiceway.core.errors import Reject
from sluiceway.core.json import JSON

BodyFormat: TypeAlias = Literal["json", "text", "base64"]
"""How a source's bytes become a body: JSON; the text itself; or JSON that the sender wrapped in base64."""


def decode_json(raw: bytes) -> JSON:
    """Read a JSON body; one that JSON, or a 64-bit reader, would change is rejected."""
    try:
        return json.parse(raw)
    except json.InvalidJSON as error:
        raise Reject(f"the body is not valid JSON: {error}") from error


def decode_exact(raw: bytes) -> JSON:
    """Read a JSON body and keep every number exactly as it was sent (`numbers: exact`)."""
    try:
        return json.parse(raw, exact=True)
    except json.InvalidJSON as error:
        raise Reject(f"the body is not valid JSON: {error}") from error


def decode_text(raw: bytes) -> JSON:
    """Read a text body."""
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise Reject(f"the body is not UTF-8: byte {error.start}") from error


def decoder(body_format: BodyFormat, *, exact: bool = False) -> Callable[[bytes], JSON]:
    """Return the function that reads bodies of this format."""
    if body_format == "text":
        return decode_text
    inner = decode_exact if exact else decode_json
    if body_format == "json":
        return inner

    def decode_base64(raw: bytes) -> JSON:
        try:
            return inner(base64.b64decode(raw, validate=True))
        except binascii.Error as error:
            raise Reject(f"the body is not base64: {error}") from error

    return decode_base64
