"""Which places of a pipeline file may hold a secret, so that messages show neither value nor source line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

_WORDS = frozenset({"secret", "sign", "password", "authorization", "proxy-authorization", "cookie", "set-cookie"})
_LINE = re.compile(r"\b(secret|sign|password|authorization|(set-)?cookie|[\w-]*-(key|token))[\"']?\s*:", re.IGNORECASE)


_KINDS: Final = (
    ("an AWS access key", r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    ("a private key", r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    ("a bearer token", r"(?i:\bbearer) +(?=\S*\d)[\w.~+/-]{16,}"),
    ("a password for basic authentication", r"(?i:\bbasic) +(?=\S*\d)(?=\S*[A-Z])[A-Za-z0-9+/]{16,}={0,2}(?![\w+/])"),
    ("a URL with a password", r"[a-z][a-z0-9+.-]*://[^/\s:@]*:[^/\s@]+@"),
    ("a GitHub token", r"\b(?:gh[opsur]_[A-Za-z0-9]{36}|github_pat_\w{22,})"),
    ("a Slack token", r"\bxox[abprs]-[A-Za-z0-9-]{10,}"),
    ("a Stripe key", r"\b[rs]k_live_[A-Za-z0-9]{16,}"),
    ("a JSON web token", r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\."),
)
_KNOWN: Final = re.compile("|".join(form for _, form in _KINDS))


def secret_kind(text: str) -> str | None:
    """Return what secret stands in a text, by the forms that such have; None where there is none of them."""
    if _KNOWN.search(text) is None:
        return None
    return next(kind for kind, form in _KINDS if re.search(form, text))


def is_sensitive(path: Sequence[str | int]) -> bool:
    """Return whether a path leads into what may hold a secret: `secret`, `sign`, headers that authorise."""
    words = [part.lower() for part in path if isinstance(part, str)]
    return any(word in _WORDS or word.endswith(("-key", "-token")) for word in words)


def names_secret(line: str) -> bool:
    """Return whether a line names something sensitive, or holds it, judged by its text alone (it may be no YAML)."""
    return _LINE.search(line) is not None or secret_kind(line) is not None
