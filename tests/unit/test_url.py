"""URL templates: what a file may say, and that no message can change where a URL points."""

from decimal import Decimal
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from sluiceway.core.errors import Reject
from sluiceway.core.url import UrlTemplate, shown_url, url_problem

TEMPLATE = UrlTemplate("https://host.example:8443/v1/{id}/orders/{order}?expand={what}")
TEXT = st.text(st.characters(exclude_categories=["Cs"]))


def test_a_template_names_its_places() -> None:
    assert TEMPLATE.names == {"id", "order", "what"}


def test_values_are_percent_encoded() -> None:
    filled = TEMPLATE.fill({"id": "a/b?c#d", "order": "ü %", "what": "x&y=1"})
    assert filled == "https://host.example:8443/v1/a%2Fb%3Fc%23d/orders/%C3%BC%20%25?expand=x%26y%3D1"


@given(TEXT, TEXT, TEXT)
@settings(max_examples=150)
def test_no_value_changes_where_a_url_points(identity: str, order: str, what: str) -> None:
    try:
        filled = TEMPLATE.fill({"id": identity, "order": order, "what": what})
    except Reject:
        assert {identity, order} & {"", ".", ".."}
        return
    parts = urlsplit(filled)
    assert (parts.scheme, parts.netloc, parts.fragment) == ("https", "host.example:8443", "")
    assert [unquote(segment) for segment in parts.path.split("/")] == ["", "v1", identity, "orders", order]
    assert parse_qsl(parts.query, keep_blank_values=True) == [("expand", what)]
    assert url_problem(filled, allow_private=False) is None


@pytest.mark.parametrize(
    ("value", "text"), [(7, "7"), (True, "true"), (1.5, "1.5"), (Decimal("12.50"), "12.50"), ("", "")]
)
def test_scalars_are_written_as_json_writes_them(value: object, text: str) -> None:
    assert UrlTemplate("https://h/?q={v}").fill({"v": value}) == f"https://h/?q={text}"


@pytest.mark.parametrize(
    ("value", "error", "reason"),
    [
        (None, "missing", "the URL parameter id has no value"),
        ("", "missing", "the URL parameter id is empty"),
        ({}, "invalid", "the URL parameter id is an object, not a text or number"),
        ([1], "invalid", "the URL parameter id is a list, not a text or number"),
        ("..", "invalid", "a URL parameter is . or .., which would lead to another path"),
        (".", "invalid", "a URL parameter is . or .., which would lead to another path"),
        ("\ud800", "invalid", "the URL parameter id is not valid Unicode"),
    ],
)
def test_a_value_that_a_url_cannot_take_is_rejected(value: object, error: str, reason: str) -> None:
    with pytest.raises(Reject) as raised:
        UrlTemplate("https://h/v1/{id}").fill({"id": value})
    assert (raised.value.error, raised.value.reason) == (error, reason)


def test_dots_that_two_values_make_together_are_rejected() -> None:
    with pytest.raises(Reject, match="another path"):
        UrlTemplate("https://h/{a}{b}/x").fill({"a": ".", "b": "."})


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("ftp://h/", "begins with https:// or http://"),
        ("/v1/x", "begins with https:// or http://"),
        ("https:///x", "host or port"),
        ("https://h:0/", "host or port"),
        ("https://h:99999/", "host or port"),
        ("https://a..b/", "host or port"),
        (f"https://{'a' * 64}.example/", "host or port"),
        ("https://[::g]/", "host or port"),
        ("https://[1::2::3]/", "host or port"),
        ("https://h\\@evil/", "user name or password"),
        ("https://user:hunter2@h/", "user name or password"),
        ("https://{host}/x", "path and the query"),
        ("https://h:{port}/x", "path and the query"),
        ("{scheme}://h/x", "begins with"),
        ("https://h/a b", "printable ASCII"),
        ("https://h/\r\nx", "printable ASCII"),
        ("https://bücher.example/", "printable ASCII"),
        ("https://h/#top", "fragment"),
        ("https://h/{", "name in braces"),
        ("https://h/{a b}", "printable ASCII"),
        ("https://h/{1}", "name in braces"),
        ("https://h/%2{x}", "escape"),
        ("https://h/../x", "segment"),
        ("https://h/%2e%2E/x", "segment"),
    ],
)
def test_a_wrong_template_is_refused_and_not_repeated(text: str, part: str) -> None:
    with pytest.raises(ValueError, match=part) as raised:
        UrlTemplate(text)
    assert "hunter2" not in str(raised.value)


def test_plain_http_needs_allow_private() -> None:
    assert "allow_private: true" in (url_problem("http://h/", allow_private=False) or "")
    assert url_problem("http://h/", allow_private=True) is None


@pytest.mark.parametrize("host", ["localhost", "LocalHost", "localhost.", "a.localhost:80"])
def test_localhost_is_loopback_whatever_resolves_it(host: str) -> None:
    assert "not public" in (url_problem(f"https://{host}/", allow_private=False) or "")
    assert url_problem(f"https://{host}/", allow_private=True) is None
    assert url_problem("https://localhost.example/", allow_private=False) is None


def test_what_is_shown_of_a_url_has_no_password_and_no_query() -> None:
    assert shown_url("https://u:p@h:1/a?key=s#f") == "https://h:1/a"
    assert shown_url("https://h?key=s") == "https://h"
    assert len(shown_url("https://h/" + "a" * 999)) == 200


def test_a_model_takes_a_template_as_text() -> None:
    class Model(BaseModel):
        url: UrlTemplate

    model = Model.model_validate({"url": "https://h/{id}"})
    assert model.url == UrlTemplate("https://h/{id}")
    assert model.model_dump(mode="json") == {"url": "https://h/{id}"}
    assert Model.model_json_schema()["properties"]["url"]["type"] == "string"
    with pytest.raises(ValidationError, match="expected a URL"):
        Model.model_validate({"url": 7})


@pytest.mark.parametrize(
    ("url", "allow_private", "reason"),
    [
        ("https://169.254.169.254/latest", True, "one that is never called"),
        ("https://169.254.169.254./latest", True, "one that is never called"),
        ("https://[::ffff:169.254.169.254]/", True, "one that is never called"),
        ("https://10.0.0.1:8443/", False, "allow_private: true permits private ones"),
        ("https://[::1]/", False, "allow_private: true permits private ones"),
        ("http://10.0.0.1/", False, "allow_private: true permits private ones"),
    ],
)
def test_an_address_that_would_never_be_connected_to_is_refused_in_the_url(
    url: str, reason: str, *, allow_private: bool
) -> None:
    assert (url_problem(url, allow_private=allow_private) or "").endswith(reason)


@pytest.mark.parametrize(("url", "allow_private"), [("https://1.1.1.1/", False), ("http://10.0.0.1/", True)])
def test_an_address_that_may_be_connected_to_may_stand_in_a_url(url: str, *, allow_private: bool) -> None:
    assert url_problem(url, allow_private=allow_private) is None
