"""URLs in pipeline files: templates that a message's values fill without changing where they point."""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import AddressValueError, IPv6Address, ip_address
from typing import Final, final
from urllib.parse import quote

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from sluiceway.core import json
from sluiceway.core.address import is_allowed, refusal
from sluiceway.core.errors import Reject
from sluiceway.core.json import JSON

_SHOWN_LENGTH: Final = 200
_PRINTABLE = re.compile(r"[\x21-\x7e]+")
_NAME = r"[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?"
_AUTHORITY = re.compile(rf"(?:(?P<name>{_NAME})|\[(?P<ipv6>[0-9A-Fa-f:.]+)\])(?::(?P<port>\d{{1,5}}))?")
_PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_DOTS = re.compile(r"(\.|%2[eE]){1,2}")


def url_problem(url: str, *, allow_private: bool) -> str | None:
    """Return why a URL may not be called, judged by its text alone, or None.

    The sentence does not repeat the URL, which may hold a password.
    """
    if not _PRINTABLE.fullmatch(url):
        return "a URL is printable ASCII without spaces: percent-encode the rest, and write the host in punycode"
    scheme, colon, rest = url.partition("://")
    if not colon or scheme.lower() not in {"http", "https"}:
        return "a URL begins with https:// or http://"
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if problem := _authority_problem(authority, allow_private=allow_private):
        return problem
    if scheme.lower() == "http" and not allow_private:
        return "plain http:// is only for private networks: use https://, or set allow_private: true"
    return None


def shown_url(url: str) -> str:
    """Return scheme, host, port and path of a URL: what may stand in logs and dead letters, cut to 200 characters."""
    bare = re.split(r"[?#]", url, maxsplit=1)[0]
    scheme, _, rest = bare.partition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}://{authority.rpartition('@')[2]}{slash}{path}"[:_SHOWN_LENGTH]


def scalar_text(value: object, what: str) -> str:
    """Return a scalar as text: a string as it is, numbers and booleans as JSON writes them.

    Args:
        value: What an expression gave.
        what: What it is for: "the URL parameter id".

    Raises:
        Reject: It is null (class `missing`), a list or an object (class `invalid`).
    """
    if isinstance(value, str):
        return value
    if value is None:
        raise Reject(f"{what} has no value", error="missing")
    if isinstance(value, dict | list):
        raise Reject(f"{what} is {'an object' if isinstance(value, dict) else 'a list'}, not a text or number")
    scalar: JSON = value  # type: ignore[assignment] # what is left of JSON
    try:
        return json.dump(scalar).decode()
    except ValueError as error:
        raise Reject(f"{what} cannot be written: {error}") from error


@final
class UrlTemplate:
    """A URL with named places for a message's values: `https://host/v1/customers/{id}?expand={what}`.

    Places stand in the path and the query only. Each takes one value, percent-encoded, so that no value can
    add a path segment or a query parameter, or lead to another host.

    Args:
        text: The template.

    Raises:
        ValueError: It is no http(s) URL, or a place stands where none may be.

    Attributes:
        text: The template as it was written.
        names: The names of its places.
    """

    __slots__ = ("_in_path", "_pieces", "names", "text")

    def __init__(self, text: str) -> None:
        authority = text.partition("://")[2].partition("/")[0].partition("?")[0]
        if "{" in authority:
            raise ValueError("a {name} may stand in the path and the query of a URL only, not in its host")
        if problem := url_problem(text, allow_private=True):
            raise ValueError(problem)
        if "#" in text:
            raise ValueError("a fragment (#…) is never sent: leave it out")
        # Every second piece is a name.
        self._pieces: Final = tuple(_PLACEHOLDER.split(text))
        for fixed in self._pieces[::2]:
            if "{" in fixed or "}" in fixed:
                raise ValueError("a place in a URL is a name in braces: {id}; other braces are %7B and %7D")
            if _BAD_ESCAPE.search(fixed):
                raise ValueError("a % in a URL begins an escape of two hexadecimal digits; by itself it is %25")
        if _has_dot_segment(text):
            raise ValueError("the path of a URL may not have . or .. as a segment")
        self.text: Final = text
        self.names: Final = frozenset(self._pieces[1::2])
        self._in_path: Final = frozenset(_PLACEHOLDER.findall(text.partition("?")[0]))

    def fill(self, params: Mapping[str, object]) -> str:
        """Return the URL for these values.

        Raises:
            Reject: A value is missing or empty, no scalar, or `.` or `..` as a whole path segment.
        """
        pieces = list(self._pieces)
        for at in range(1, len(pieces), 2):
            pieces[at] = self._encoded(pieces[at], params)
        url = "".join(pieces)
        if self._in_path and _has_dot_segment(url):
            raise Reject("a URL parameter is . or .., which would lead to another path")
        return url

    def _encoded(self, name: str, params: Mapping[str, object]) -> str:
        what = f"the URL parameter {name}"
        text = scalar_text(params.get(name), what)
        if not text and name in self._in_path:
            # An empty segment often means the whole collection: /customers/ for /customers/7.
            raise Reject(f"{what} is empty", error="missing")
        try:
            return quote(text, safe="")
        except UnicodeEncodeError as error:
            raise Reject(f"{what} is not valid Unicode") from error

    def __eq__(self, other: object) -> bool:
        return self.text == other.text if isinstance(other, UrlTemplate) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.text)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"UrlTemplate({shown_url(self.text)!r})"

    @classmethod
    def _validate(cls, value: object) -> UrlTemplate:
        if isinstance(value, UrlTemplate):
            return value
        message = "expected a URL such as https://host/v1/{id}"
        if isinstance(value, str):
            try:
                return cls(value)
            except ValueError as error:
                message = str(error)
        raise PydanticCustomError("url", "{message}", {"message": message})

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._validate, serialization=core_schema.to_string_ser_schema()
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {
            "type": "string",
            "description": "An http(s) URL; {name} in its path or query stands for a parameter.",
            "examples": ["https://host/v1/{id}"],
        }


def _authority_problem(authority: str, *, allow_private: bool) -> str | None:
    if "@" in authority:
        return "a URL may not hold a user name or password: use an authorization header with a {secret: …}"
    if not _is_authority(authority):
        return "the URL's host or port is not valid"
    address = _literal_address(authority)
    if address is not None and not is_allowed(address, allow_private=allow_private):
        return refusal(allow_private=allow_private)
    return None


def _is_authority(text: str) -> bool:
    found = _AUTHORITY.fullmatch(text)
    if found is None or len(found["name"] or "") > 254:
        return False
    if found["ipv6"] and not _is_ipv6(found["ipv6"]):
        return False
    return found["port"] is None or 0 < int(found["port"]) < 65536


def _literal_address(authority: str) -> str | None:
    """Return the address that the host of a valid authority is, or always means (RFC 6761 §6.3); None for a name."""
    found = _AUTHORITY.fullmatch(authority)
    host = (found["ipv6"] or found["name"].lower().removesuffix(".")) if found else ""
    if host == "localhost" or host.endswith(".localhost"):
        return "127.0.0.1"
    try:
        return str(ip_address(host))
    except ValueError:
        return None


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except AddressValueError:
        return False
    return True


def _has_dot_segment(url: str) -> bool:
    return any(_DOTS.fullmatch(segment) for segment in url.partition("?")[0].split("/")[3:])
