"""SQS message attributes, and the headers that stages see in their place."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Final, TypeAlias

from sluiceway.core.errors import Reject
from sluiceway.core.json import JSON
from sluiceway.core.message import Message

Attribute: TypeAlias = "Mapping[str, JSON | bytes]"
"""One message attribute as SQS has it: `{DataType, StringValue | BinaryValue}`."""

MAX_ATTRIBUTES: Final = 10

# What SQS takes in bodies and text attributes: the characters that XML 1.0 has.
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
ILLEGAL: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html
NAME: Final = re.compile(r"(?!(?i:aws|amazon)\.)(?!\.)(?!.*\.\.)[A-Za-z0-9_.-]{1,256}(?<!\.)")


def typed(attribute: Mapping[str, object]) -> Attribute:
    """Return an attribute as it was received, without the lists that SQS reserves and always leaves empty.

    Of one without a type or value, which SQS never hands out, what is missing is taken for `String` and empty.
    """
    data_type = str(attribute.get("DataType", "String"))
    if data_type.startswith("Binary"):
        value = attribute.get("BinaryValue")
        return {"DataType": data_type, "BinaryValue": value if isinstance(value, bytes) else b""}
    return {"DataType": data_type, "StringValue": str(attribute.get("StringValue", ""))}


def headers_of(attributes: Mapping[str, Attribute]) -> tuple[dict[str, str], dict[str, JSON]]:
    """Return attributes as headers (binary values in base64), and the types of those that are not plain text."""
    headers: dict[str, str] = {}
    types: dict[str, JSON] = {}
    for name, attribute in attributes.items():
        binary, text = attribute.get("BinaryValue"), attribute.get("StringValue")
        headers[name] = base64.b64encode(binary).decode() if isinstance(binary, bytes) else str(text)
        if attribute["DataType"] != "String":
            types[name] = str(attribute["DataType"])
    return headers, types


def attributes_of(message: Message, names: tuple[str, ...]) -> dict[str, Attribute]:
    """Return the named headers of a message as attributes, each of the type that it was received with.

    Raises:
        Reject: A value that SQS would refuse.
    """
    types = message.meta.get("header_types")
    known = types if isinstance(types, dict) else {}
    return {
        name: _attribute(name, message.headers[name], str(known.get(name, "String")))
        for name in names
        if name in message.headers
    }


def size_of(attributes: Mapping[str, Attribute]) -> int:
    """Return the bytes of names, types and values, which count towards a message's size."""
    return sum(
        len(name.encode("utf-8", "surrogatepass"))
        + sum(len(v) if isinstance(v, bytes) else len(str(v).encode("utf-8", "surrogatepass")) for v in a.values())
        for name, a in attributes.items()
    )


def refuse_illegal(text: str, what: str) -> None:
    """Reject text with a character that SQS refuses."""
    if found := ILLEGAL.search(text):
        raise Reject(
            f"{what} has the character U+{ord(found[0]):04X} at offset {found.start()}, which SQS does not take: "
            "encode the text, as JSON escapes or base64"
        )


def _attribute(name: str, value: str, data_type: str) -> Attribute:
    if not value:
        raise Reject(f"header {name} is empty, and SQS takes no empty attribute: do not forward it, or fill it")
    if data_type.startswith("Binary"):
        try:
            return {"DataType": data_type, "BinaryValue": base64.b64decode(value, validate=True)}
        except (binascii.Error, ValueError) as error:
            raise Reject(f"header {name} came as binary and is no longer base64: {error}") from error
    refuse_illegal(value, f"header {name}")
    return {"DataType": data_type, "StringValue": value}
