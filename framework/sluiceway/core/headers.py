"""Headers that stay where they are."""

from __future__ import annotations

from typing import Final

from pydantic_core import PydanticCustomError

NOT_PASSED_ON: Final = frozenset(
    {
        "authorization",
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Headers that are about one connection or one caller (RFC 9110 §7.6.1), so that they never go on with a message."""


def check_forwarded(names: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse, when the file is read, a name that never goes on."""
    for index, name in enumerate(names):
        if name.lower() in NOT_PASSED_ON:
            raise PydanticCustomError("forward", "{name} is never passed on", {"path": [index], "name": name})
    return names
