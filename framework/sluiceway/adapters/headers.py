"""Which headers a sink may pass on."""

from __future__ import annotations

from typing import Final

from pydantic_core import PydanticCustomError

# RFC 9110, section 7.6.1; host and authorization speak to one receiver, and what they say is not for the next.
NEVER_FORWARDED: Final = frozenset(
    {
        "authorization",
        "connection",
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


def check_forwarded(names: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse, when the file is read, a name that is never forwarded."""
    for index, name in enumerate(names):
        if name.lower() in NEVER_FORWARDED:
            raise PydanticCustomError("forward", "{name} is never forwarded", {"path": [index], "name": name})
    return names
