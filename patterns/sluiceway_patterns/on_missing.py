"""What an enricher does with a message about which nothing is known."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Discriminator, Field, Tag

from sluiceway import JSON, Message, Reject, Settings
from sluiceway_patterns.body_path import put


class Default(Settings):
    """What to put in the place of a missing answer."""

    default: JSON = Field(description="The value to put at `into` instead.")


def _kind(value: object) -> str:
    return "<word>" if isinstance(value, str) else "<default>"


OnMissing: TypeAlias = Annotated[
    Annotated[Literal["reject", "keep"], Tag("<word>")] | Annotated[Default, Tag("<default>")], Discriminator(_kind)
]
"""`reject` the message, `keep` it as it is, or a `{default: …}` to put into it."""


def without(message: Message, into: str, on_missing: OnMissing, reason: str) -> Message:
    """Return what becomes of a message about which nothing is known.

    Args:
        message: The message.
        into: Where in its body the answer would have gone.
        on_missing: What its settings say.
        reason: Why there is no answer.

    Raises:
        Reject: The settings say so (class `missing`), or the body takes no default (class `invalid`).
    """
    if isinstance(on_missing, Default):
        return message.with_body(put(message.body, into, on_missing.default))
    if on_missing == "keep":
        return message
    raise Reject(reason, error="missing")
