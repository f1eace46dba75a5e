"""The `http` sink as a whole, against a real server on 127.0.0.1."""

from __future__ import annotations

import base64
import random
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import ValidationError

from sluiceway.adapters.http import HttpPool
from sluiceway.adapters.http_sink import HttpSink, sign, signing_key
from sluiceway.core.context import Bucket, Cache, Http
from sluiceway.core.errors import MessageError, OutsideError, Reject, Transient
from sluiceway.core.message import Message
from sluiceway.core.ports import Clock
from sluiceway.core.resource import Resource
from sluiceway.core.secret import Secret

NOW = 1_614_265_330.0
KEY = "whsec_" + base64.b64encode(bytes(range(32))).decode()


class StillClock:
    def now(self) -> float:
        return NOW

    def monotonic(self) -> float:
        return 0

    async def sleep(self, seconds: float) -> None:
        raise AssertionError(f"the sink waits {seconds}s")


@dataclass
class SinkContext:
    """The surroundings of one sink: real connections, secrets from a dictionary."""

    pool: HttpPool
    secrets: Mapping[str, str] = field(default_factory=dict)
    pipeline: str = "orders"
    component: str = "partner"
    clock: Clock = field(default_factory=StillClock)
    random: random.Random = field(default_factory=lambda: random.Random(1))  # noqa: S311 - no cryptography

    def http(self, *, timeout: float, max_size: int, allow_private: bool = False) -> Http:
        return self.pool.client(timeout=timeout, max_size=max_size, allow_private=allow_private)

    def bucket(self, name: str) -> Bucket:
        raise AssertionError(name)

    def cache(self, *, ttl: float, entries: int) -> Cache:
        raise AssertionError((ttl, entries))

    async def secret(self, secret: Secret) -> str:
        return secret.prefix + self.secrets[secret.reference]

    def count(self, name: str, amount: int = 1, **labels: str) -> None:
        raise AssertionError((name, amount, labels))


@dataclass
class Partner:
    """A server that keeps what it was sent and gives the answers it was told to."""

    url: str
    answers: list[web.Response] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    requests: list[web.Request] = field(default_factory=list)

    @property
    def headers(self) -> dict[str, str]:
        return {name.lower(): value for name, value in self.requests[-1].headers.items()}


@pytest.fixture
async def partner() -> AsyncIterator[Partner]:
    async def hook(request: web.Request) -> web.Response:
        known.requests.append(request)
        known.bodies.append(await request.read())
        return known.answers.pop(0) if known.answers else web.Response(status=202)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", hook)
    async with TestServer(app, host="127.0.0.1") as server:
        known = Partner(f"http://127.0.0.1:{server.port}/hooks")
        yield known


@pytest.fixture
async def pool() -> AsyncIterator[HttpPool]:
    async with HttpPool() as opened:
        yield opened


@pytest.fixture
def context(pool: HttpPool) -> SinkContext:
    return SinkContext(pool, {"env:TOKEN": "hunter2", "env:KEY": KEY})


def sink(partner: Partner, **settings: object) -> HttpSink:
    return HttpSink.model_validate({"url": partner.url, "allow_private": True, **settings})


async def send(sink: HttpSink, context: SinkContext, *messages: Message) -> list[MessageError | None]:
    async with sink.open(context) as deliver:
        return list(await deliver(messages))


async def test_a_message_is_posted_as_json_with_its_id(partner: Partner, context: SinkContext) -> None:
    assert await send(sink(partner), context, Message({"a": 1}, id="m-1", headers={"X-Trace": "t"})) == [None]
    assert partner.requests[0].method == "POST"
    assert partner.bodies == [b'{"a":1}']
    assert partner.headers["content-type"] == "application/json"
    assert partner.headers["idempotency-key"] == "m-1"
    assert "x-trace" not in partner.headers


async def test_the_request_is_made_from_settings_and_message(partner: Partner, context: SinkContext) -> None:
    made = sink(
        partner,
        url=partner.url + "/{id}?v={v}",
        params={"id": {"jmes": "body.id"}, "v": 2},
        method="PUT",
        content_type="application/cloudevents+json",
        headers={
            "Authorization": {"secret": "env:TOKEN", "prefix": "Bearer "},
            "X-Tenant": {"jmes": "headers.tenant"},
            "idempotency-key": {"jmes": "body.id"},
        },
        forward=["Trace-Id", "absent"],
    )
    message = Message({"id": "a/1"}, id="m-1", headers={"tenant": "ada", "trace-id": "t", "other": "o"})
    assert await send(made, context, message) == [None]
    assert (partner.requests[0].method, partner.requests[0].raw_path) == ("PUT", "/hooks/a%2F1?v=2")
    expected = {
        "authorization": "Bearer hunter2",
        "x-tenant": "ada",
        "idempotency-key": "a/1",
        "trace-id": "t",
        "content-type": "application/cloudevents+json",
    }
    assert expected.items() <= partner.headers.items()
    assert "other" not in partner.headers


async def test_each_message_has_its_own_result(partner: Partner, context: SinkContext) -> None:
    partner.answers = [web.Response(status=200), web.Response(status=503, headers={"retry-after": "9"})]
    partner.answers.append(web.Response(status=400, text="no sku"))
    made = sink(partner, url=partner.url + "/{id}", params={"id": {"jmes": "body.id"}})
    bodies: list[dict[str, object]] = [{"id": 1}, {"id": 2}, {"id": 3}, {}]
    accepted, later, refused, unfit = await send(made, context, *(Message(b) for b in bodies))  # type: ignore[arg-type] # plain JSON
    assert accepted is None
    assert isinstance(later, Transient)
    assert later.retry_after == 9
    assert isinstance(refused, Reject)
    assert (refused.error, refused.reason) == ("refused", f"{partner.url}/3 answered 400: no sku")
    assert isinstance(unfit, Reject)
    assert (unfit.error, unfit.reason) == ("missing", "the URL parameter id has no value")
    assert len(partner.requests) == 3


async def test_a_receiver_that_accepts_and_then_talks_at_length_has_accepted(
    partner: Partner, context: SinkContext
) -> None:
    partner.answers = [web.Response(text="a" * 5000), web.Response(status=500, text="a" * 5000)]
    accepted, failed = await send(sink(partner, max_answer="1KiB"), context, Message(), Message())
    assert accepted is None
    assert isinstance(failed, Transient)


@pytest.mark.parametrize("echoed", ["Bearer hunter2", "hunter2"])
async def test_a_secret_that_the_receiver_echoes_is_not_quoted(
    partner: Partner, context: SinkContext, echoed: str
) -> None:
    partner.answers = [web.Response(status=401, text=f"unknown token {echoed}")]
    made = sink(partner, headers={"authorization": {"secret": "env:TOKEN", "prefix": "Bearer "}})
    (refused,) = await send(made, context, Message())
    assert str(refused) == f"{partner.url} answered 401: unknown token ***"


async def test_a_redirect_is_refused_and_not_followed(partner: Partner, context: SinkContext) -> None:
    partner.answers = [web.Response(status=308, headers={"location": "/elsewhere"})]
    (refused,) = await send(sink(partner), context, Message())
    assert isinstance(refused, Reject)
    assert len(partner.requests) == 1


async def test_an_address_that_may_not_be_called_rejects_the_message(partner: Partner, context: SinkContext) -> None:
    made = HttpSink.model_validate({"url": partner.url.replace("http://127.0.0.1", "https://127.1")})
    (refused,) = await send(made, context, Message())
    assert isinstance(refused, Reject)
    assert "is refused" in refused.reason


async def test_a_header_with_a_line_break_rejects_its_message_only(partner: Partner, context: SinkContext) -> None:
    made = sink(partner, forward=["tenant"])
    results = await send(made, context, Message(headers={"tenant": "a\r\nb: c"}), Message(headers={"tenant": "a"}))
    assert isinstance(results[0], Reject)
    assert results[1] is None


async def test_a_signed_request_can_be_verified(partner: Partner, context: SinkContext) -> None:
    made = sink(partner, sign={"standard_webhooks": {"secret": "env:KEY"}}, headers={"webhook-id": "forged"})
    assert await send(made, context, Message({"a": 1}, id="m-1/0")) == [None]
    expected = sign("m-1/0", int(NOW), partner.bodies[0], bytes(range(32)))
    assert expected.items() <= partner.headers.items()
    assert partner.headers["webhook-id"] == "m-1/0"
    assert "idempotency-key" not in partner.headers


def test_signatures_agree_with_the_published_example() -> None:
    # The example that the reference libraries of Standard Webhooks are tested with.
    key = signing_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    assert sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}', key) == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_an_id_with_a_full_stop_is_not_signed() -> None:
    with pytest.raises(Reject, match="full stop"):
        sign("a.1", 1, b"", bytes(32))


@pytest.mark.parametrize("secret", ["hunter2", "whsec_c2hvcnQ=", "whsec_" + "A" * 100, "whsec_ä", " "])
async def test_a_signing_secret_of_the_wrong_form_stops_the_sink_from_opening(
    secret: str, partner: Partner, context: SinkContext
) -> None:
    context.secrets = {"env:KEY": secret}
    with pytest.raises(OutsideError, match="env:KEY holds no Standard Webhooks secret") as raised:
        await send(sink(partner, sign={"standard_webhooks": {"secret": "env:KEY"}}), context)
    assert not secret.strip() or secret not in str(raised.value)


@pytest.mark.parametrize("name", ["Host", "authorization", "Connection", "transfer-encoding"])
def test_a_header_that_is_never_passed_on_is_refused_in_forward(name: str, partner: Partner) -> None:
    with pytest.raises(ValidationError) as raised:
        sink(partner, forward=["tenant", name])
    (detail,) = raised.value.errors()
    assert detail["msg"] == f"{name} is never passed on"
    assert (*detail["loc"], *detail["ctx"]["path"]) == ("forward", 1)


def test_the_secrets_of_headers_and_signature_are_resources(partner: Partner) -> None:
    made = sink(
        partner,
        headers={"x-key": {"secret": "ssm:/partner/key"}},
        sign={"standard_webhooks": {"secret": "secretsmanager:partner"}},
    )
    assert list(made.resources()) == [
        Resource("parameter", "/partner/key", ("ssm:GetParameter",)),
        Resource("secret", "partner", ("secretsmanager:GetSecretValue",)),
    ]
