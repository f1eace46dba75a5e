"""What messages must not show: secrets, and the values of environment variables."""

from __future__ import annotations

import re
from typing import cast

from sluiceway.config.document import Document, Path, value_at
from sluiceway.config.sensitive import is_sensitive


def hidden_texts(document: Document, path: Path) -> dict[Path, str]:
    """Return the texts at and under a place that must not be shown: secrets and the values of variables."""
    used = value_at(document.value, path)
    if isinstance(used, dict | list):
        keys = cast("dict[str, object]", used) if isinstance(used, dict) else range(len(cast("list[object]", used)))
        return {place: text for key in keys for place, text in hidden_texts(document, (*path, key)).items()}
    is_hidden = used and (is_sensitive(path) or used != value_at(document.written, path))
    return {path: str(used)} if is_hidden else {}


def tells(message: str, text: str) -> bool:
    """Tell whether a message may show a text, or a part of it: any word of it, as quoting changes the rest."""
    words = re.findall(r"\w{3,}", text.lower())
    return not words or any(word in message.lower() for word in words)
