"""What a dead letter looks like on SQS: the original message, and one attribute that says why it is there."""

from __future__ import annotations

import base64
import hashlib
import json
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final, TypeAlias, cast

from sluiceway.adapters.sqs_attributes import ILLEGAL, MAX_ATTRIBUTES, Attribute, size_of
from sluiceway.adapters.sqs_queue import MAX_BYTES
from sluiceway.core.errors import Reject
from sluiceway.core.json import JSON
from sluiceway.core.outcome import Facts
from sluiceway.core.ports import Delivery

if TYPE_CHECKING:
    from types_aiobotocore_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

FACTS_NAME: Final = "sluiceway"
FACTS_BYTES: Final = 4096

Attributes: TypeAlias = Mapping[str, Attribute]


@dataclass(frozen=True, slots=True)
class DeadLetterEntry:
    """One entry for SendMessageBatch, its Id still to be set.

    Attributes:
        entry: The entry.
        has_facts: Whether there was room for the facts; if not, they belong into the log.
    """

    entry: SendMessageBatchRequestEntryTypeDef
    has_facts: bool


def dead_letter_entry(delivery: Delivery, facts: Facts, *, fifo: bool) -> DeadLetterEntry:
    """Return the entry that keeps a delivery as it was received, with the facts beside it.

    SQS takes ten attributes and counts them towards 1 MiB. When all ten are in use, the smallest moves into the
    facts, under `folded`, and redrive puts it back. When there is no room even so, the original goes alone.

    Raises:
        Reject: The body is no text, so SQS cannot keep it; a message that came from SQS always is.
    """
    attributes = _with_facts(delivery, facts)
    entry = cast(
        "SendMessageBatchRequestEntryTypeDef",
        {"Id": "", "MessageBody": _text(delivery.raw), "MessageAttributes": attributes or delivery.attributes},
    )
    if fifo:
        message_id = delivery.message.id.encode("utf-8", "surrogatepass")
        entry["MessageGroupId"] = delivery.group or delivery.message.id
        # The same at each receipt: if the delete that follows fails, the message comes again and is still kept once.
        entry["MessageDeduplicationId"] = hashlib.sha256(message_id + delivery.raw).hexdigest()
    return DeadLetterEntry(entry, has_facts=attributes is not None)


def _with_facts(delivery: Delivery, facts: Facts) -> Attributes | None:
    """Return the original attributes with the facts among them, or None when there is no room."""
    kept = dict(delivery.attributes)
    known: dict[str, JSON] = asdict(facts)
    displaced = kept.pop(FACTS_NAME, None)
    earlier = _earlier_facts(displaced)
    if earlier is not None and "folded" in earlier:
        known["folded"] = earlier["folded"]
    elif displaced is not None and earlier is None:
        known["folded"] = _folded(FACTS_NAME, displaced)
    elif len(kept) >= MAX_ATTRIBUTES:
        name = min(kept, key=lambda name: size_of({name: kept[name]}))
        known["folded"] = _folded(name, kept.pop(name))
    text = _fitting(known)
    if text is None:
        return None
    with_facts = {**kept, FACTS_NAME: {"DataType": "String", "StringValue": text}}
    return with_facts if len(delivery.raw) + size_of(with_facts) <= MAX_BYTES else None


def _earlier_facts(attribute: Attribute | None) -> dict[str, JSON] | None:
    """Return the facts of an earlier dead-lettering, which come back when a queue is redriven by AWS's own means."""
    try:
        found: JSON = json.loads(str(attribute["StringValue"])) if attribute and "StringValue" in attribute else None
    except (ValueError, RecursionError):  # whoever sends a message may give it an attribute of this name
        return None
    if not isinstance(found, dict) or not found.keys() >= {"pipeline", "stage", "error"}:
        return None
    match found.get("folded"):
        case None | {"name": str(), "type": str(), "value": str()}:
            return found
        case _:
            return None


def _folded(name: str, attribute: Attribute) -> JSON:
    binary = attribute.get("BinaryValue")
    value = base64.b64encode(binary).decode() if isinstance(binary, bytes) else str(attribute["StringValue"])
    return {"name": name, "type": str(attribute["DataType"]), "value": value}


def _fitting(known: dict[str, JSON]) -> str | None:
    """Return the facts as JSON within the limit, the reason cut where need be; None when no cut is enough."""
    whole = _dump(known)
    if len(whole.encode()) <= FACTS_BYTES:
        return whole
    reason = str(known["reason"])

    def cut(length: int) -> str:
        return _dump({**known, "reason": reason[:length] + "…"})

    fitting = bisect_right(range(len(reason)), FACTS_BYTES, key=lambda length: len(cut(length).encode()))
    return cut(fitting - 1) if fitting else None


def _dump(value: dict[str, JSON]) -> str:
    """Write JSON for people to read in the console; only what SQS refuses is escaped."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return ILLEGAL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        raise Reject(f"the body is not UTF-8 (byte {error.start}), so SQS cannot keep it", error="refused") from error
