"""Keys of records in a store, made of values of messages."""

from __future__ import annotations

from hashlib import sha256
from typing import Final

from sluiceway import JSON, Reject, json

_LONGEST: Final = 512
"""Bytes of a key that is written as it is; of a longer one, or one that is no Unicode text, the SHA-256."""


def written_key(key: JSON) -> str:
    """Return a key as the store has it.

    Raises:
        Reject: There is none (`missing`): all messages without one would have the same. Or it has something that JSON
            cannot carry (`invalid`).
    """
    if key is None or key == "":
        raise Reject("the message has no key", error="missing")
    try:
        raw = key.encode("utf-8", "surrogatepass") if isinstance(key, str) else json.dump(key)
    except ValueError as error:
        raise Reject(f"the key cannot be written: {error}") from error
    text = raw.decode(errors="replace")
    is_whole = len(raw) <= _LONGEST and text.encode() == raw
    return text if is_whole else f"sha256:{sha256(raw).hexdigest()}"
