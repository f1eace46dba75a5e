"""Which places of a pipeline file may hold a secret, so that messages show neither value nor source line."""

from __future__ import annotations

import re
from collections.abc import Sequence

_WORDS = frozenset({"secret", "sign", "password", "authorization", "proxy-authorization", "cookie", "set-cookie"})
_LINE = re.compile(r"\b(secret|sign|password|authorization|(set-)?cookie|[\w-]*-(key|token))[\"']?\s*:", re.IGNORECASE)


def is_sensitive(path: Sequence[str | int]) -> bool:
    """Return whether a path leads into what may hold a secret: `secret`, `sign`, headers that authorise."""
    words = [part.lower() for part in path if isinstance(part, str)]
    return any(word in _WORDS or word.endswith(("-key", "-token")) for word in words)


def names_secret(line: str) -> bool:
    """Return whether a line names something sensitive, judged by its text alone (it may be no YAML)."""
    return _LINE.search(line) is not None
