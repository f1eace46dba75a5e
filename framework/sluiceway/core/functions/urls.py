"""Functions for URLs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, cast
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from sluiceway.core.functions.documented import documented
from sluiceway.core.functions.signatures import OBJECT, TEXT, short, signature
from sluiceway.core.json import JSON, dump

_MAX_FIELDS: Final = 1000
"""Of a query."""


def _fields(query: dict[str, JSON]) -> Iterator[tuple[str, str]]:
    for name, values in query.items():
        for value in values if isinstance(values, list) else [values]:
            if isinstance(value, (dict, list)):
                raise ValueError(f"{short(name)} is {short(value)}, not text, a number, true, false, or a list of them")
            if value is not None:
                yield name, value if isinstance(value, str) else dump(value).decode()


class UrlFunctions:
    """URLs."""

    @signature(TEXT)
    @documented(
        "Percent-encoded, so that it may stand in any part of a URL.", ("url_encode('a/b & ü')", "a%2Fb%20%26%20%C3%BC")
    )
    def _func_url_encode(self, text: str) -> str:
        return quote(text, safe="")

    @signature(TEXT)
    @documented(
        "What percent-encoding stands for; rejected when that is not UTF-8. `+` stays.",
        ("url_decode('a%2Fb%20%26%20%C3%BC')", "a/b & ü"),
    )
    def _func_url_decode(self, text: str) -> str:
        return unquote(text, errors="strict")

    @signature(TEXT)
    @documented(
        "The parts of a URL; each name in the query has a list of values. A user and a password are left out.",
        (
            "parse_url('https://shop.example:8443/orders?id=A-1&tag=x&tag=y#top')",
            {
                "scheme": "https",
                "host": "shop.example",
                "port": 8443,
                "path": "/orders",
                "query": {"id": ["A-1"], "tag": ["x", "y"]},
                "fragment": "top",
            },
        ),
        ("parse_url('/orders?id=A-1').query.id[0]", "A-1"),
    )
    def _func_parse_url(self, url: str) -> dict[str, JSON]:
        parts = urlsplit(url)
        query: dict[str, JSON] = {}
        for name, value in parse_qsl(parts.query, keep_blank_values=True, errors="strict", max_num_fields=_MAX_FIELDS):
            cast("list[JSON]", query.setdefault(name, [])).append(value)
        return {
            "scheme": parts.scheme,
            "host": parts.hostname or "",
            "port": parts.port,
            "path": parts.path,
            "query": query,
            "fragment": parts.fragment,
        }

    @signature(OBJECT)
    @documented(
        "A query string from an object: a list gives its name several times, and null leaves it out.",
        ("""url_query(`{"q": "a b", "page": 2, "tag": ["x", "y"], "sort": null}`)""", "q=a+b&page=2&tag=x&tag=y"),
    )
    def _func_url_query(self, query: dict[str, JSON]) -> str:
        return urlencode(list(_fields(query)))
