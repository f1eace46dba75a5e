"""Functions for hashes, encodings and identifiers."""

from __future__ import annotations

import base64
import hashlib
import zlib
from typing import Final
from uuid import NAMESPACE_DNS, NAMESPACE_OID, NAMESPACE_URL, NAMESPACE_X500, UUID, uuid5

from sluiceway.core.ambient import ambient
from sluiceway.core.functions.documented import documented
from sluiceway.core.functions.signatures import TEXT, checked, short, signature

_NAMESPACES: Final = {"dns": NAMESPACE_DNS, "url": NAMESPACE_URL, "oid": NAMESPACE_OID, "x500": NAMESPACE_X500}


def _namespace(text: str) -> UUID:
    try:
        return _NAMESPACES.get(text) or UUID(text)
    except ValueError:
        raise ValueError(f"the namespace is {short(text)}, not a UUID or {', '.join(_NAMESPACES)}") from None


class HashFunctions:
    """Hashes and identifiers.

    Hashes are of the text's UTF-8, in hexadecimal.
    """

    @signature(TEXT)
    @documented(
        "SHA-256.",
        ("sha256('abc')", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    )
    def _func_sha256(self, text: str) -> str:
        return hashlib.sha256(text.encode()).hexdigest()

    @signature(TEXT)
    @documented(
        "SHA-1, for systems that ask for it. It does not protect against forgery.",
        ("sha1('abc')", "a9993e364706816aba3e25717850c26c9cd0d89d"),
    )
    def _func_sha1(self, text: str) -> str:
        return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()

    @signature(TEXT)
    @documented(
        "MD5, for systems that ask for it. It does not protect against forgery.",
        ("md5('abc')", "900150983cd24fb0d6963f7d28e17f72"),
    )
    def _func_md5(self, text: str) -> str:
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

    @signature(TEXT)
    @documented(
        "CRC-32, as a number: to spread over a few, not to identify.",
        ("crc32('abc')", 891568578),
        ("modulo(crc32('customer-7'), `8`)", 0),
    )
    def _func_crc32(self, text: str) -> int:
        return zlib.crc32(text.encode())

    @signature(TEXT)
    @documented("Base64 of the text's UTF-8.", ("base64_encode('Zürich')", "WsO8cmljaA=="))
    def _func_base64_encode(self, text: str) -> str:
        return base64.b64encode(text.encode()).decode()

    @signature(TEXT)
    @documented(
        "The text that Base64 stands for; rejected when that is not UTF-8.", ("base64_decode('WsO8cmljaA==')", "Zürich")
    )
    def _func_base64_decode(self, text: str) -> str:
        return base64.b64decode(text.encode(), validate=True).decode()

    @signature()
    @documented(
        "A random UUID (version 4). A message that is tried again gets another one, so that whoever receives both "
        "cannot know that they are the same: for an identifier that stays, use `uuid5` of what identifies the message. "
        "It is no secret: who sees some can tell the next.",
        ("uuid()", "e3e70682-c209-4cac-a29f-6fbed82c07cd"),
    )
    def _func_uuid(self) -> str:
        return str(UUID(int=ambient().random.getrandbits(128), version=4))

    @signature(checked(TEXT, _namespace), TEXT)
    @documented(
        "The UUID (version 5) of a name, always the same, in a namespace: a UUID of your own, or `dns`, `url`, `oid` "
        "or `x500`.",
        ("uuid5('dns', 'python.org')", "886313e1-3b8a-5372-9b90-0c9aee199e5d"),
    )
    def _func_uuid5(self, namespace: str, name: str) -> str:
        return str(uuid5(_namespace(namespace), name))
