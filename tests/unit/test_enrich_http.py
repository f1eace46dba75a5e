from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from sluiceway import HttpAnswer, Message, OversizeAnswer, Reject, Secret, Transient
from sluiceway.core.cache import MemoryCache
from sluiceway.testing import ManualClock
from sluiceway_patterns.enrich import EnrichHttp

URL = "https://customers.internal/v1/customers/{id}"
JSON_TYPE = {"content-type": "application/json"}
ADA = HttpAnswer(200, JSON_TYPE, b'{"name":"Ada"}')


class Outside:
    """The service that is asked, and the context that leads to it."""

    pipeline = "orders"
    component = "add-customer"

    def __init__(self, *answers: HttpAnswer | Exception, held: bool = False) -> None:
        self.clock = ManualClock()
        self.answers = list(answers) or [ADA]
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.limits: dict[str, object] = {}
        self.may_answer = asyncio.Event()
        if not held:
            self.may_answer.set()

    def http(self, **limits: object) -> Outside:
        self.limits = limits
        return self

    def cache(self, *, ttl: float, entries: int) -> MemoryCache:
        return MemoryCache(self.clock, ttl=ttl, entries=entries)

    async def secret(self, secret: Secret) -> str:
        return f"{secret.prefix}value of {secret.reference}"

    async def request(self, method: str, url: str, *, headers: Mapping[str, str]) -> HttpAnswer:
        self.asked.append((method, url, dict(headers)))
        await self.may_answer.wait()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def stage(**fields: Any) -> EnrichHttp:
    return EnrichHttp.model_validate({"url": URL, "params": {"id": {"jmes": "body.no"}}, "into": "customer", **fields})


async def through(enrich: EnrichHttp, outside: Any, *messages: Message) -> list[Any]:
    """Put messages through one opened stage, one after the other; a Reject or Transient stands for itself."""
    async with enrich.open(outside) as process:
        results: list[Any] = []
        for message in messages:
            try:
                results.append(await process(message))
            except (Reject, Transient) as error:
                results.append(error)
        return results


async def one(enrich: EnrichHttp, answer: HttpAnswer | Exception, body: Any = None) -> Any:
    (result,) = await through(enrich, Outside(answer), Message({"no": 7} if body is None else body, id="m-1"))
    return result


def problems(**fields: Any) -> list[tuple[str, str]]:
    with pytest.raises(ValidationError) as caught:
        stage(**fields)
    return [
        (".".join(map(str, (*error["loc"], *error.get("ctx", {}).get("path", ())))), error["msg"])
        for error in caught.value.errors()
    ]


# The request


async def test_the_service_is_asked_by_get_with_url_and_headers_filled() -> None:
    outside = Outside()
    enrich = stage(
        url=URL + "?expand={what}",
        params={"id": {"jmes": "body.no"}, "what": "tier & more"},
        headers={"X-Tenant": {"jmes": "headers.tenant"}, "authorization": {"secret": "env:TOKEN", "prefix": "Bearer "}},
        max_size="10KiB",
    )

    await through(enrich, outside, Message({"no": "a/b"}, headers={"tenant": "shop"}))

    assert outside.asked == [
        (
            "GET",
            "https://customers.internal/v1/customers/a%2Fb?expand=tier%20%26%20more",
            {"x-tenant": "shop", "authorization": "Bearer value of env:TOKEN"},
        )
    ]
    assert outside.limits == {"timeout": 600, "max_size": 10 * 1024, "allow_private": False}


@pytest.mark.parametrize("body", [{}, {"no": None}, {"no": ""}])
async def test_a_message_without_the_parameter_is_rejected_unasked(body: Any) -> None:
    outside = Outside()

    (error,) = await through(stage(), outside, Message(body))

    assert (type(error), error.error) == (Reject, "missing")
    assert "id" in error.reason
    assert outside.asked == []


@pytest.mark.parametrize("body", [[], "text", 1, None])
async def test_a_body_that_is_no_object_is_rejected_unasked(body: Any) -> None:
    outside = Outside()

    (error,) = await through(stage(params={"id": 7}), outside, Message(body))

    assert (type(error), error.error) == (Reject, "invalid")
    assert "body is not an object" in error.reason
    assert outside.asked == []


# The answer


async def test_the_answer_is_put_into_a_copy_of_the_body() -> None:
    body = {"no": 7, "lines": [1]}
    before = Message(body, id="m-1", headers={"tenant": "a"}, routes=("web",))

    (after,) = await through(stage(), Outside(), before)

    assert after == before.with_body({"no": 7, "lines": [1], "customer": {"name": "Ada"}})
    assert before.body == {"no": 7, "lines": [1]}


@pytest.mark.parametrize(
    ("into", "body", "expected"),
    [
        ("a.b", {"no": 7}, {"no": 7, "a": {"b": {"name": "Ada"}}}),
        ("a.b", {"no": 7, "a": None}, {"no": 7, "a": {"b": {"name": "Ada"}}}),
        ("a.b", {"no": 7, "a": {"c": 1, "b": 2}}, {"no": 7, "a": {"c": 1, "b": {"name": "Ada"}}}),
        ("no", {"no": 7}, {"no": {"name": "Ada"}}),
        ("a b.ü", {"no": 7}, {"no": 7, "a b": {"ü": {"name": "Ada"}}}),
    ],
)
async def test_into_is_a_path_whose_objects_are_copied_or_made(into: str, body: Any, expected: Any) -> None:
    given_text = json.dumps(body)

    assert (await one(stage(into=into), ADA, body)).body == expected
    assert json.dumps(body) == given_text


async def test_a_path_through_something_else_than_an_object_is_rejected() -> None:
    error = await one(stage(into="a.b.c"), ADA, {"no": 7, "a": {"b": [1]}})

    assert (type(error), error.error) == (Reject, "invalid")
    assert error.reason.startswith("body.a.b is not an object")


@pytest.mark.parametrize("text", ["null", "false", "0", '""', "[]", "{}", ' {"a": 1}\n'])
async def test_any_json_is_an_answer(text: str) -> None:
    result = await one(stage(), HttpAnswer(200, {}, text.encode()))

    assert result.body["customer"] == json.loads(text)


MISSING = [
    HttpAnswer(404, {"content-type": "text/html"}, b"<html>not here</html>"),
    HttpAnswer(410, {}, b""),
    HttpAnswer(204, {}, b""),
    HttpAnswer(200, JSON_TYPE, b""),
    HttpAnswer(200, JSON_TYPE, b" \n"),
]


@pytest.mark.parametrize("answer", MISSING)
async def test_what_the_service_does_not_know_is_rejected_as_missing(answer: HttpAnswer) -> None:
    error = await one(stage(), answer)

    assert (type(error), error.error) == (Reject, "missing")
    assert f"customers.internal/v1/customers/7 answered {answer.status}" in error.reason


@pytest.mark.parametrize("answer", MISSING)
async def test_keep_lets_the_message_pass_as_it_is(answer: HttpAnswer) -> None:
    before = Message({"no": 7}, id="m-1")

    assert (await through(stage(on_missing="keep"), Outside(answer), before)) == [before]


@pytest.mark.parametrize("answer", MISSING)
@pytest.mark.parametrize("default", [None, "nobody", {"tier": "standard"}, []])
async def test_a_default_takes_the_place_of_a_missing_answer(answer: HttpAnswer, default: Any) -> None:
    result = await one(stage(on_missing={"default": default}), answer)

    assert result.body == {"no": 7, "customer": default}


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
async def test_a_service_that_is_down_makes_the_message_wait(status: int) -> None:
    error = await one(stage(on_missing="keep"), HttpAnswer(status, {"retry-after": "7"}, b""))

    assert (type(error), error.retry_after) == (Transient, 7)
    assert str(status) in error.reason


@pytest.mark.parametrize("status", [301, 304, 400, 401, 403, 405, 451])
async def test_any_other_status_refuses_the_message(status: int) -> None:
    error = await one(stage(on_missing="keep"), HttpAnswer(status, {}, b""))

    assert (type(error), error.error) == (Reject, "refused")
    assert str(status) in error.reason


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (HttpAnswer(200, {"content-type": "text/html; charset=utf-8"}, b"<html>login</html>"), "text/html, not JSON"),
        (HttpAnswer(200, {"content-type": "\udcff\x9b2J"}, b"<"), r"answered \udcff\x9b2j, not JSON"),
        (HttpAnswer(200, {}, b"<html>"), "invalid JSON"),
        (HttpAnswer(200, JSON_TYPE, b'{"a":1,"a":2}'), "comes twice"),
        (HttpAnswer(200, {"content-type": "application/problem+json"}, b"1e999"), "invalid JSON"),
        (HttpAnswer(200, JSON_TYPE, b"\xff"), "UTF-8"),
        (HttpAnswer(200, JSON_TYPE, b"[" * 100_000), "invalid JSON"),
    ],
)
async def test_an_answer_that_is_not_json_rejects_the_message(answer: HttpAnswer, reason: str) -> None:
    error = await one(stage(on_missing="keep"), answer)

    assert (type(error), error.error) == (Reject, "invalid")
    assert "customers.internal" in error.reason
    assert reason in error.reason


async def test_an_answer_that_is_too_large_rejects_the_message() -> None:
    error = await one(stage(), OversizeAnswer("more than 1MiB", HttpAnswer(200, JSON_TYPE, b"[")))

    assert isinstance(error, Reject)
    assert error.error == "oversize"


async def test_of_an_error_page_that_is_too_large_the_status_counts() -> None:
    down = await one(stage(), OversizeAnswer("more than 1MiB", HttpAnswer(503, {}, b"<")))
    absent = await one(stage(on_missing="keep"), OversizeAnswer("more than 1MiB", HttpAnswer(404, {}, b"<")))

    assert isinstance(down, Transient)
    assert isinstance(absent, Message)


async def test_a_secret_that_the_service_echoes_stands_in_no_reason() -> None:
    enrich = stage(headers={"authorization": {"secret": "env:TOKEN"}})

    error = await one(enrich, HttpAnswer(401, {"content-type": "text/plain"}, b"who is value of env:TOKEN?"))

    assert "who is" in error.reason
    assert "value of env:TOKEN" not in error.reason


# Sharing answers


async def test_messages_at_the_same_time_share_one_request() -> None:
    outside: Any = Outside(held=True)
    async with stage().open(outside) as process:
        calls = [asyncio.ensure_future(process(Message({"no": no}, id=str(i)))) for i, no in enumerate([7, 7, 8, 7])]
        for _ in range(5):
            await asyncio.sleep(0)
        outside.may_answer.set()
        results = await asyncio.gather(*calls)

    assert [result.id for result in results] == ["0", "1", "2", "3"]
    assert sorted(url.rpartition("/")[2] for _, url, _ in outside.asked) == ["7", "8"]


async def test_without_a_cache_each_message_asks_anew() -> None:
    outside = Outside()
    await through(stage(), outside, *[Message({"no": 7})] * 3)

    assert len(outside.asked) == 3


async def test_a_cached_answer_serves_until_its_time_is_up() -> None:
    outside: Any = Outside(ADA, HttpAnswer(200, JSON_TYPE, b'{"name":"Eve"}'))
    enrich = stage(cache={"ttl": "5m", "entries": 10})
    message = Message({"no": 7})

    async with enrich.open(outside) as process:
        names = []
        for time in (0, 299, 300):
            outside.clock.time = time
            names.append((await process(message)).body["customer"]["name"])

    assert names == ["Ada", "Ada", "Eve"]


async def test_missing_answers_are_cached_and_failures_are_not() -> None:
    outside = Outside(HttpAnswer(503, {}, b""), HttpAnswer(404, {}, b""), ADA)
    enrich = stage(cache={"ttl": "5m", "entries": 10})

    results = await through(enrich, outside, *[Message({"no": 7})] * 3)

    assert [type(result) for result in results] == [Transient, Reject, Reject]
    assert len(outside.asked) == 2


async def test_an_answer_for_one_tenant_is_not_given_to_another() -> None:
    outside = Outside()
    enrich = stage(cache={"ttl": "5m", "entries": 10}, headers={"x-tenant": {"jmes": "headers.tenant"}})

    await through(enrich, outside, *(Message({"no": 7}, headers={"tenant": tenant}) for tenant in "aba"))

    assert [headers["x-tenant"] for _, _, headers in outside.asked] == ["a", "b"]


async def test_a_secret_that_changes_does_not_make_a_cached_answer_old() -> None:
    outside: Any = Outside()
    enrich = stage(cache={"ttl": "5m", "entries": 10}, headers={"authorization": {"secret": "env:TOKEN"}})
    values = iter(["at the start", "first", "second"])

    async def secret(_: Secret) -> str:
        return next(values)

    outside.secret = secret
    await through(enrich, outside, *[Message({"no": 7})] * 2)

    assert len(outside.asked) == 1


# Settings


def test_parameters_and_url_must_name_the_same() -> None:
    assert problems(params={"id": 1, "no": 1})[0][0] == "params.no"
    assert "id" in problems(params={})[0][1]


def test_plain_http_needs_allow_private() -> None:
    assert problems(url="http://customers.internal/{id}")[0][0] == "url"
    assert stage(url="http://customers.internal/{id}", allow_private=True).allow_private


def test_a_credential_in_the_file_is_an_error_that_does_not_show_it() -> None:
    ((path, message),) = problems(headers={"authorization": "Bearer hunter2"})

    assert path == "headers.authorization"
    assert "hunter2" not in message


@pytest.mark.parametrize("into", ["", ".", "a.", ".a", "a..b"])
def test_into_must_be_a_dotted_path(into: str) -> None:
    assert problems(into=into)[0][0] == "into"


def test_the_places_of_mistakes_in_on_missing_are_exact() -> None:
    assert problems(on_missing="ignore")[0][0] == "on_missing.<word>"
    assert problems(on_missing={"defualt": 1})[0][0] == "on_missing.<default>.default"
    assert problems(on_missing=3)[0][0] == "on_missing.<default>"


def test_the_cache_needs_a_time_and_a_bound() -> None:
    assert {path for path, _ in problems(cache={})} == {"cache.ttl", "cache.entries"}
    assert problems(cache={"ttl": "5m", "entries": 0})[0][0] == "cache.entries"


def test_the_secrets_in_headers_are_declared() -> None:
    enrich = stage(headers={"authorization": {"secret": "secretsmanager:customers#token"}})

    assert [(r.kind, r.name) for r in enrich.resources()] == [("secret", "customers")]


def test_the_settings_have_a_json_schema_for_editors() -> None:
    properties = EnrichHttp.model_json_schema()["properties"]

    assert all("description" in properties[name] for name in EnrichHttp.model_fields)


# Properties


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["no", "a", "b", "ü"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=120, deadline=None)
@given(
    body=ANY_JSON | st.fixed_dictionaries({"no": ANY_JSON, "a": ANY_JSON}),
    status=st.integers(200, 599),
    answer=ANY_JSON.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=20),
    on_missing=st.sampled_from(["reject", "keep", {"default": None}]),
)
@example(body={"no": 7}, status=200, answer=b"{}", on_missing="keep")
def test_any_body_and_any_answer_end_as_a_message_a_reject_or_a_wait(
    body: Any, status: int, answer: bytes, on_missing: Any
) -> None:
    before = json.dumps(body)

    enrich = stage(into="a.b", on_missing=on_missing)
    (result,) = asyncio.run(through(enrich, Outside(HttpAnswer(status, {}, answer)), Message(body)))

    assert isinstance(result, Message | Reject | Transient)
    assert json.dumps(body) == before
