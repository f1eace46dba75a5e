"""What components that call HTTP share: settings, headers, and what an answer means."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sluiceway.core.context import HttpAnswer
from sluiceway.core.errors import Reject, Transient
from sluiceway.core.http import HttpTarget, is_sensitive, retry_after, status_error
from sluiceway.core.resource import Resource

NOW = 1_700_000_000.0


def target(**settings: object) -> HttpTarget:
    return HttpTarget.model_validate({"url": "https://h/v1", **settings})


def mistake(**settings: object) -> tuple[str, tuple[str | int, ...]]:
    """Return the one error of wrong settings and the place that it names."""
    with pytest.raises(ValidationError) as raised:
        target(**settings)
    (detail,) = raised.value.errors()
    return detail["msg"], (*detail["loc"], *detail.get("ctx", {}).get("path", []))


@pytest.mark.parametrize("name", ["authorization", "Authorization", "Cookie", "x-api-key", "X-Auth-Token"])
def test_a_credential_written_out_in_the_file_is_refused_and_not_shown(name: str) -> None:
    message, place = mistake(headers={name: "hunter2"})
    assert message == f'{name} holds a credential, which does not belong here: write {{secret: "env:NAME"}}'
    assert place == ("headers", name)
    with pytest.raises(ValidationError) as raised:
        target(headers={name: "hunter2"})
    assert "hunter2" not in str(raised.value)


def test_a_credential_as_a_secret_or_from_the_message_is_fine() -> None:
    target(headers={"authorization": {"secret": "env:TOKEN", "prefix": "Bearer "}, "x-key": {"jmes": "body.key"}})


def test_a_wrong_secret_is_reported_as_a_secret_and_not_as_an_expression() -> None:
    message, place = mistake(headers={"authorization": {"secret": "hunter2"}})
    assert message.startswith("expected a reference to a secret")
    assert place == ("headers", "authorization", "<secret>")


@pytest.mark.parametrize("name", ["Host", "content-length", "transfer-encoding", "connection", "x y", "x:y", ""])
def test_a_header_that_http_sets_or_cannot_carry_is_refused(name: str) -> None:
    message, place = mistake(headers={name: {"jmes": "body.a"}})
    assert place == ("headers", name)
    assert "header" in message or "set by HTTP itself" in message


def test_two_headers_that_differ_in_case_only_are_refused() -> None:
    message, place = mistake(headers={"X-A": "1", "x-a": "2"})
    assert "differ in case only" in message
    assert place == ("headers",)


def test_header_names_are_kept_in_lower_case() -> None:
    assert list(target(headers={"X-Tenant": "a"}).headers) == ["x-tenant"]


def test_a_parameter_that_the_url_does_not_name_is_refused_and_the_reverse() -> None:
    assert mistake(url="https://h/{id}", params={"id": 1, "di": 2}) == ("the URL has no {di}", ("params", "di"))
    assert mistake(url="https://h/{b}/{a}") == ("params has no value for a, b", ("url",))


def test_all_mistakes_of_params_are_reported_and_a_misspelt_one_once() -> None:
    with pytest.raises(ValidationError) as raised:
        target(url="https://h/{customer}/{tier}", params={"custmer": 1, "x": 2})
    assert [(error["loc"], error["msg"]) for error in raised.value.errors()] == [
        (("params", "custmer"), "the URL has no {custmer}"),
        (("params", "x"), "the URL has no {x}"),
        (("url",), "params has no value for tier"),
    ]


def test_every_credential_that_is_written_out_is_reported() -> None:
    with pytest.raises(ValidationError) as raised:
        target(headers={"authorization": "hunter2", "x-key": "hunter3"})
    assert [error["loc"] for error in raised.value.errors()] == [("headers", "authorization"), ("headers", "x-key")]
    assert "hunter" not in str(raised.value)


def test_plain_http_is_refused_without_allow_private() -> None:
    message, place = mistake(url="http://h/")
    assert (message, place) == (
        "plain http:// is only for private networks: use https://, or set allow_private: true",
        ("url",),
    )
    target(url="http://h/", allow_private=True)


def test_a_wrong_url_is_reported_at_the_url() -> None:
    message, place = mistake(url="ftp://h/")
    assert (message, place) == ("a URL begins with https:// or http://", ("url",))


def test_the_url_is_filled_from_the_message() -> None:
    filled = target(url="https://h/{id}", params={"id": {"jmes": "body.no"}}).fill_url({"body": {"no": "a/1"}})
    assert filled == "https://h/a%2F1"


def test_the_secrets_of_headers_are_resources() -> None:
    secret = Resource("secret", "shop", ("secretsmanager:GetSecretValue",))
    headers = {"authorization": {"secret": "secretsmanager:shop#token"}, "x-tenant": "a"}
    assert list(target(headers=headers).resources()) == [secret]


def test_only_names_of_credentials_are_sensitive() -> None:
    assert [name for name in ("content-type", "Key", "monkey", "x-token-count") if is_sensitive(name)] == []


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        (" 0 ", 0),
        ("999999999", 12 * 3600),
        (formatdate(NOW + 90, usegmt=True), 90),
        (formatdate(NOW - 90, usegmt=True), 0),
        (formatdate(NOW + 10**7, usegmt=True), 12 * 3600),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        ("²", None),
        ("Tue, 99 Foo 2023 99:99:99 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_twelve_hours_at_most(value: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": value}, NOW) == seconds


def test_without_retry_after_there_is_no_wait() -> None:
    assert retry_after({}, NOW) is None


@given(st.text(max_size=40) | st.integers().map(str))
def test_no_retry_after_header_is_an_error(value: str) -> None:
    seconds = retry_after({"retry-after": value}, NOW)
    assert seconds is None or 0 <= seconds <= 12 * 3600


def answer(status: int, body: bytes = b"", **headers: str) -> HttpAnswer:
    return HttpAnswer(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


@given(st.integers(min_value=200, max_value=599))
def test_each_status_has_one_meaning(status: int) -> None:
    error = status_error(answer(status, retry_after="7"), "https://h/x", NOW)
    if status < 300:
        assert error is None
    elif status in {408, 425, 429} or status >= 500:
        assert isinstance(error, Transient)
        assert error.retry_after == 7
    else:
        assert isinstance(error, Reject)
        assert error.error == "refused"


def test_the_reason_quotes_what_a_text_answer_says() -> None:
    error = status_error(answer(422, b'{"error":\n  "no sku"}', content_type="application/json"), "https://h/x", NOW)
    assert str(error) == 'https://h/x answered 422: {"error": "no sku"}'


@pytest.mark.parametrize(
    ("body", "headers", "quoted"),
    [
        (b"\x1b[31mred\x00\xe2\x80\xae", {"content_type": "text/plain"}, ": \\x1b[31mred\\x00\\u202e"),
        ("größe".encode(), {"content_type": "text/plain"}, ": größe"),
        (b"\xff", {"content_type": "text/plain"}, ": \ufffd"),
        (b"PNG", {"content_type": "image/png"}, ""),
        (b"", {"content_type": "text/html"}, ""),
        (b"no type", {}, ""),
        (b"got Bearer hunter2 from you", {"content_type": "text/html"}, ": got *** from you"),
    ],
)
def test_an_answer_is_quoted_without_control_characters_and_secrets(
    body: bytes, headers: Mapping[str, str], quoted: str
) -> None:
    error = status_error(answer(400, body, **headers), "https://h/x", NOW, hide=["Bearer hunter2"])
    assert str(error) == f"https://h/x answered 400{quoted}"


def test_at_most_two_hundred_characters_are_quoted() -> None:
    error = status_error(answer(400, b"a" * 999, content_type="text/plain"), "h", NOW)
    assert str(error) == "h answered 400: " + "a" * 200
