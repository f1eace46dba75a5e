"""Headers that stages write: they become SQS message attributes or HTTP headers, which take less than any text."""

from __future__ import annotations

import re
from typing import Annotated, Final, TypeAlias

from pydantic import Field

from sluiceway import Message, Reject
from sluiceway_patterns.values import shown

HeaderName: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9_.-]*$", max_length=100)]
"""A name that both SQS and HTTP take."""

LONGEST: Final = 1024
"""Characters: a reader of HTTP has a limit for all headers together, often 8 KiB."""

_UNSAFE: Final = re.compile("[^\\x20-\\x7e\\xa0-\\ud7ff\\ue000-\\ufffd]")


def header_value(text: str, what: str) -> str:
    """Return a text that may be the value of a header.

    Raises:
        Reject: It is too long, or has a character that would end an HTTP header or that SQS refuses.
    """
    if len(text) > LONGEST:
        raise Reject(f"{what} has {len(text)} characters; a header may have {LONGEST}", error="oversize")
    if _UNSAFE.search(text) or text != text.strip():
        raise Reject(f"{what} is {shown(text)}, which no header can carry unchanged")
    return text


def with_header(message: Message, name: str, value: str) -> Message:
    """Return a message with a header of text, whatever type one of that name was received with."""
    message = message.with_headers({name: value})
    types = message.meta.get("header_types")
    if not isinstance(types, dict) or name not in types:
        return message
    rest = {header: kind for header, kind in types.items() if header != name}
    return message.evolve(meta={**message.meta, "header_types": rest})
