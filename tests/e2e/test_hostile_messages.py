"""Messages that are wrong, huge or made to hurt: each is dead-lettered as it came, and the next one is served."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer

from sluiceway.core.outcome import Ack

pytestmark = pytest.mark.asyncio(loop_scope="module")

MIB = 1024 * 1024

# Who reads a body: one pipeline with a stage that does, one whose sink needs an object, one that unwraps, one by HTTP.
READS = """
version: 1
name: reads
source: {use: sqs, with: {queue: "${Q}-in"}}
stages: [{id: agreed, use: validate, with: {schema: object.json}}]
sinks: [{id: out, use: sqs, with: {queue: "${Q}-out", forward: [tenant, note, blob]}}]
errors: {dead_letter: {use: sqs, with: {queue: "${Q}-dlq"}}}
"""
BUS = """
version: 1
name: to-bus
source: {use: sqs, with: {queue: "${Q}-for-bus"}}
sinks: [{id: bus, use: eventbridge, with: {bus: "${Q}-bus", source: shop, detail_type: Order}}]
errors: {dead_letter: {use: sqs, with: {queue: "${Q}-dlq"}}}
"""
WRAPPED = """
version: 1
name: wrapped
source: {use: sqs, with: {queue: "${Q}-wrapped", format: base64}}
stages: [{id: agreed, use: validate, with: {schema: object.json}}]
sinks:
  - {id: bus, use: eventbridge, with: {bus: "${Q}-bus", source: shop, detail_type: Order}}
errors: {dead_letter: {use: sqs, with: {queue: "${Q}-dlq"}}}
"""
WEB = """
version: 1
name: to-web
source: {use: sqs, with: {queue: "${Q}-for-web"}}
sinks: [{id: partner, use: http, with: {url: "${PARTNER}", allow_private: true, forward: [x-note]}}]
errors: {dead_letter: {use: sqs, with: {queue: "${Q}-dlq"}}}
"""


class Partner:
    def __init__(self) -> None:
        self.requests: list[tuple[dict[str, str], bytes]] = []

    async def take(self, request: web.Request) -> web.Response:
        self.requests.append((dict(request.headers), await request.read()))
        return web.Response()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def partner() -> AsyncIterator[Any]:
    partner = Partner()
    server = web.Application(client_max_size=4 * MIB)
    server.router.add_post("/", partner.take)
    async with TestServer(server, host="127.0.0.1") as served:
        yield partner, str(served.make_url("/"))


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def worker(run_live: Any, partner: Any, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Any]:
    folder: Path = tmp_path_factory.mktemp("hostile")
    (folder / "object.json").write_text('{"type": "object"}')
    async with run_live(folder, READS, BUS, WRAPPED, WEB, PARTNER=partner[1]) as live:
        yield live


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        pytest.param("{oh no", "the body is not valid JSON: not JSON at line 1 column 2", id="not JSON"),
        pytest.param('{"a": 1, "a": 2}', 'the key "a" comes twice in one object', id="a key twice"),
        pytest.param('{"n": 18446744073709551616}', "does not fit in 64 bits", id="a big integer"),
        pytest.param('{"n": 1e400}', "would change as a double", id="beyond a double"),
        pytest.param('{"n": 0.12345678901234567890}', "would change as a double", id="more digits than a double has"),
        pytest.param('{"n": NaN}', "NaN is not JSON", id="NaN"),
        pytest.param("[" * 1000 + "]" * 1000, "nested deeper than 240 levels", id="a thousand levels"),
        pytest.param('{"a":' * 100_000, "nested deeper than 240 levels", id="a hundred thousand levels, never closed"),
        pytest.param('"\\ud800"', "half of a surrogate pair", id="half a surrogate pair"),
        pytest.param("\ufeff{}", "byte order mark", id="a byte order mark"),
        pytest.param("null", "null is not", id="null"),
        pytest.param("[]", "[] is not", id="a list"),
        pytest.param('"text"', '"text" is not', id="a text"),
        pytest.param(" ", "the body is not valid JSON", id="white space"),
    ],
)
async def test_a_body_that_is_wrong_is_dead_lettered_as_it_came_with_place_and_reason(
    worker: Any, body: str, reason: str
) -> None:
    letter = await worker.dead(await worker.send(body, {"tenant": "acme"}))
    assert letter.body == body
    assert letter.attributes == {"tenant": "acme"}
    assert (letter.facts["pipeline"], letter.facts["stage"], letter.facts["error"]) == ("reads", "agreed", "invalid")
    assert letter.facts["attempts"] == 1
    assert reason in letter.facts["reason"]
    await worker.serves_on()


@pytest.mark.parametrize("body", ["null", "[]", '"text"', "12"])
async def test_an_event_s_detail_that_is_no_object_is_dead_lettered(worker: Any, body: str) -> None:
    letter = await worker.dead(await worker.send(body, to="for-bus"))
    assert (letter.body, letter.facts["stage"], letter.facts["error"]) == (body, "bus", "invalid")
    assert "not a JSON object" in letter.facts["reason"]
    await worker.serves_on(to="for-bus")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("{}", "the body is not base64"),
        (base64.b64encode(b"{").decode(), "the body is not valid JSON"),
        (base64.b64encode(b"\xff\xfe").decode(), "not UTF-8"),
        ("=" * 8, "the body is not"),
        ("\u00e9\u00e9\u00e9\u00e9", "the body is not base64"),
    ],
)
async def test_a_body_that_is_not_what_the_format_says_is_dead_lettered(worker: Any, body: str, reason: str) -> None:
    letter = await worker.dead(await worker.send(body, to="wrapped"))
    assert (letter.body, letter.facts["stage"], letter.facts["error"]) == (body, "agreed", "invalid")
    assert reason in letter.facts["reason"]
    await worker.serves_on("eyJuIjogMX0=", to="wrapped")


def large(size: int) -> str:
    return '{"fill": "' + "x" * (size - len('{"fill": ""}')) + '"}'


async def test_a_body_of_one_mebibyte_passes(worker: Any) -> None:
    body = large(MIB)
    (verdict,) = await worker.settled(await worker.send(body))
    assert isinstance(verdict, Ack)
    assert body in [message["Body"] for message in await worker.take("out")]
    await worker.serves_on()


async def test_a_large_body_that_leaves_no_room_for_the_facts_is_dead_lettered_alone_and_the_log_has_them(
    worker: Any,
) -> None:
    body = "{" + "x" * (MIB - 1 - len("tenantStringacme"))
    message_id = await worker.send(body, {"tenant": "acme"})
    letter = await worker.dead(message_id, body=body)
    assert letter.body == body
    assert letter.attributes == {"tenant": "acme"}
    assert letter.facts == {}
    (said,) = [
        line for line in worker.seen.events("dead letter without its facts: no room") if line["id"] == message_id
    ]
    assert (said["stage"], said["error"], said["pipeline"]) == ("agreed", "invalid", "reads")
    assert "not valid JSON" in said["reason"]
    await worker.serves_on()


async def test_an_event_over_the_limit_is_dead_lettered_and_never_cut(worker: Any) -> None:
    body = large(MIB)
    message_id = await worker.send(body, to="for-bus")
    assert (await worker.dead(message_id, body=body)).body == body
    (said,) = [line for line in worker.seen.events("dead-lettered") if line["id"] == message_id]
    assert (said["stage"], said["error"]) == ("bus", "oversize")
    assert "claim_check.store" in said["reason"]
    await worker.serves_on(to="for-bus")


def ten() -> dict[str, object]:
    return {f"attribute{n}": "x" * (n + 1) for n in range(10)}


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param({"blob": bytes(range(256))}, id="binary"),
        pytest.param({"n": Decimal(12), "exact": Decimal("1e400")}, id="numbers"),
        pytest.param({"naïve-☃": "x"}, id="a name beyond ASCII"),
        pytest.param({"note": "a\x00b\x1b[2J\x7f\u202e"}, id="control characters"),
        pytest.param({"note": "a\r\nx-admin: yes"}, id="line breaks"),
        pytest.param({"note": "x" * 200_000}, id="a large value"),
        pytest.param({"__class__": "x", "body": "y", "SLUICEWAY": "z"}, id="names that mean something elsewhere"),
    ],
)
async def test_a_dead_letter_keeps_hostile_attributes_as_they_came(worker: Any, sent: dict[str, object]) -> None:
    letter = await worker.dead(await worker.send("{", sent))
    assert letter.attributes == sent
    assert letter.facts["error"] == "invalid"
    assert len(json.dumps(letter.facts)) <= 4096
    await worker.serves_on()


async def test_of_ten_attributes_one_moves_into_the_facts(worker: Any) -> None:
    letter = await worker.dead(await worker.send("{", ten()))
    folded = letter.facts["folded"]
    assert folded == {"name": "attribute0", "type": "String", "value": "x"}
    assert {**letter.attributes, folded["name"]: folded["value"]} == ten()
    await worker.serves_on()


@pytest.mark.parametrize(
    "value", ["somebody's own", '{"pipeline": "forged"}', b"\x00\xff", '{"pipeline":1,"stage":2,"error":3,"folded":4}']
)
async def test_an_attribute_named_as_the_facts_are_does_not_take_their_place(worker: Any, value: object) -> None:
    letter = await worker.dead(await worker.send("{", {"sluiceway": value, "tenant": "acme"}))
    assert (letter.facts["pipeline"], letter.facts["stage"]) == ("reads", "agreed")
    assert letter.attributes == {"tenant": "acme"}
    await worker.serves_on()


@pytest.mark.parametrize("value", ["a\r\nx-admin: yes", "a\nb", "a\x00b"])
async def test_a_header_that_would_break_out_is_dead_lettered_and_not_sent(
    worker: Any, partner: Any, value: str
) -> None:
    letter = await worker.dead(await worker.send('{"break": "out"}', {"x-note": value}, to="for-web"))
    assert (letter.facts["stage"], letter.facts["error"]) == ("partner", "invalid")
    assert letter.facts["reason"] == "the header x-note holds a line break or another control character"
    assert letter.attributes == {"x-note": value}
    assert b'{"break": "out"}' not in [sent for _, sent in partner[0].requests]
    await worker.serves_on(to="for-web")


async def test_headers_that_are_forwarded_arrive_as_they_came(worker: Any) -> None:
    hostile = {"tenant": "☃ \t x", "blob": b"\x00\xff", "note": Decimal(12), "other": "stays here"}
    await worker.settled(await worker.send('{"hostile": "headers"}', hostile))
    (arrived,) = [m for m in await worker.take("out") if m["Body"] == '{"hostile": "headers"}']
    attributes = arrived["MessageAttributes"]
    assert attributes.keys() == {"tenant", "blob", "note"}
    assert attributes["blob"]["BinaryValue"] == b"\x00\xff"
    assert (attributes["note"]["DataType"], attributes["note"]["StringValue"]) == ("Number", "12")
    assert attributes["tenant"]["StringValue"] == "☃ \t x"
