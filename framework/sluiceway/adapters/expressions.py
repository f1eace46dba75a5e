"""Settings that may differ for each message, where a service takes text."""

from __future__ import annotations

from sluiceway.core.errors import Reject
from sluiceway.core.expression import Expression
from sluiceway.core.message import Message


def text_of(expression: Expression, message: Message, setting: str) -> str:
    """Return a setting's text for one message; a whole number is written in digits.

    Raises:
        Reject: The expression finds nothing (`missing`), or something that is no text (`invalid`).
    """
    value = expression.evaluate(message.view)
    if value is None or value == "":
        raise Reject(f"`{setting}` finds nothing in this message", error="missing")
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise Reject(f"`{setting}` finds a {type(value).__name__} in this message, where a text is needed")
    return value
