"""What the targets share: reading their inputs, stand-ins for what is outside, and what must hold."""

from __future__ import annotations

import asyncio
import base64
import json
import random
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from dataclasses import asdict
from typing import Any, TypeVar, cast

from sluiceway.adapters.clock import SystemClock
from sluiceway.adapters.dead_letter import FACTS_BYTES, FACTS_NAME, dead_letter_entry
from sluiceway.adapters.http import HttpPool
from sluiceway.adapters.http_sink import HttpSink
from sluiceway.adapters.sqs import SqsSource
from sluiceway.adapters.sqs_attributes import ILLEGAL, MAX_ATTRIBUTES, size_of
from sluiceway.adapters.sqs_queue import MAX_BYTES
from sluiceway.adapters.sqs_receiver import QueueLimits, SqsReceiver
from sluiceway.config.problems import render_json, render_text
from sluiceway.config.text import Lines
from sluiceway.core.cache import MemoryCache
from sluiceway.core.context import Http
from sluiceway.core.errors import Reject, Transient
from sluiceway.core.message import Message
from sluiceway.core.outcome import Facts
from sluiceway.core.ports import Delivery
from sluiceway.core.problem import Problem
from sluiceway_patterns.enrich import EnrichHttp

T = TypeVar("T")

NO_JSON: Any = object()


def read_json(data: bytes) -> Any:
    """Return what JSON says, half surrogate pairs included; `NO_JSON` for what is no JSON."""
    try:
        return json.loads(data, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return NO_JSON


def _refuse(name: str) -> None:
    raise ValueError(name)


def text_of(data: bytes) -> str:
    """Return any bytes as text, with half surrogate pairs where they have them."""
    try:
        return data.decode(errors="surrogatepass")
    except UnicodeDecodeError:
        return data.decode(errors="replace")


def members(value: object) -> dict[str, Any]:
    """Return a copy of an object, an empty one for what is none."""
    return dict(cast("dict[str, Any]", value)) if isinstance(value, dict) else {}


def now(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return cast("T", done.value)
    raise AssertionError("it waits for something")


def read_body(message: Message) -> None:
    """A body has a value, or is rejected."""
    with suppress(Reject):
        _ = message.body
        assert isinstance(message.payload, bytes)


def check_problems(problems: tuple[Problem, ...], text: str, file: str) -> None:
    """Problems stand inside the file, and can be shown to people and programs."""
    lines = Lines(text)
    for problem in problems:
        assert problem.file == file, problem
        assert 1 <= problem.line <= len(lines), problem
        line = lines[problem.line - 1]
        assert 1 <= problem.column <= len(line) + 1, problem
        assert 1 <= problem.length <= max(1, len(line) - problem.column + 1), problem
    shown = render_text(problems, {file: [lines[i] for i in range(len(lines))]}, color=False)
    assert all(c.isprintable() or c == "\n" for c in shown), "what is shown controls the terminal"
    json.loads(render_json(problems))


def received(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return a message as the AWS client hands it out: texts, but for binary values, given here as text."""
    attributes = {
        name: {
            key: str(text).encode("utf-8", "surrogatepass") if key == "BinaryValue" else str(text)
            for key, text in members(value).items()
        }
        for name, value in members(message.get("MessageAttributes")).items()
    }
    texts = {key: str(value) for key, value in message.items() if key not in ("Attributes", "MessageAttributes")}
    system = {key: str(value) for key, value in members(message.get("Attributes")).items()}
    return {**texts, "Attributes": system, "MessageAttributes": attributes}


def receiver_of(source: SqsSource, message: dict[str, Any]) -> SqsReceiver:
    """Return an open source whose queue hands out one message."""

    class Sqs:
        async def receive_message(self, **_asked: object) -> dict[str, Any]:
            return {"Messages": [message]}

    sqs, nobody = cast("Any", Sqs()), cast("Any", None)
    return SqsReceiver(sqs, nobody, url="", source=source, limits=QueueLimits(), clock=SystemClock())


def check_dead_letter(one: Delivery, facts: Facts, *, fifo: bool = False) -> None:
    """A dead letter is within the limits of SQS, and the original can be had again from it."""
    if len(one.attributes) > MAX_ATTRIBUTES or len(one.raw) + size_of(one.attributes) > MAX_BYTES:
        return  # SQS holds no such message
    made = dead_letter_entry(one, facts, fifo=fifo)
    kept = dict(cast("Mapping[str, Mapping[str, Any]]", made.entry["MessageAttributes"]))
    assert made.entry["MessageBody"].encode("utf-8", "surrogatepass") == one.raw
    assert len(kept) <= MAX_ATTRIBUTES
    assert len(one.raw) + size_of(kept) <= MAX_BYTES
    assert fifo == ("MessageGroupId" in made.entry)
    if not made.has_facts:
        assert kept == one.attributes
        return
    text = kept.pop(FACTS_NAME)["StringValue"]
    assert len(text.encode()) <= FACTS_BYTES
    assert not ILLEGAL.search(text)
    told = json.loads(text)
    assert told.keys() >= asdict(facts).keys()
    original = dict(one.attributes)
    earlier = original.pop(FACTS_NAME, None)
    if folded := told.get("folded"):
        text_key, value = ("StringValue", folded["value"])
        if folded["type"].startswith("Binary"):
            text_key, value = "BinaryValue", base64.b64decode(value)
        if folded["name"] == FACTS_NAME:
            assert earlier == {"DataType": folded["type"], text_key: value}
        elif earlier is None:
            kept[folded["name"]] = {"DataType": folded["type"], text_key: value}
    assert kept == original


class OneBucket:
    """A context whose buckets have one object, under every key."""

    def __init__(self, stored: bytes) -> None:
        self._stored = stored

    def bucket(self, _name: str) -> OneBucket:
        return self

    async def get(self, key: str, *, max_size: int) -> bytes:
        assert key
        if len(self._stored) > max_size:
            raise Reject("it is too large", error="oversize")
        return self._stored


class _Outside:
    """A context with real outgoing HTTP."""

    pipeline = "orders"
    component = "fuzzed"
    clock = SystemClock()
    random = random.Random(1)  # noqa: S311 - chance in a test, not cryptography

    def __init__(self, pool: HttpPool) -> None:
        self._pool = pool

    def http(self, *, timeout: float, max_size: int, allow_private: bool) -> Http:
        return self._pool.client(timeout=min(timeout, 5), max_size=max_size, allow_private=allow_private)

    def cache(self, *, ttl: float, entries: int) -> MemoryCache:
        return MemoryCache(self.clock, ttl=ttl, entries=entries)


async def answered(data: bytes) -> None:
    """Let a server on 127.0.0.1 answer all requests with these bytes, and call it."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(data)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client has heard enough
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server, HttpPool() as pool:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        context, message = cast("Any", _Outside(pool)), Message({}, id="m-1")
        to = {"url": url, "allow_private": True}
        async with EnrichHttp.model_validate({**to, "into": "x", "max_size": "64KiB"}).open(context) as process:
            reasons: list[str] = []
            try:
                enriched = await cast("Any", process(message))
                assert isinstance(enriched.payload, bytes)
            except (Reject, Transient) as error:
                reasons.append(error.reason)
        async with HttpSink.model_validate({**to, "max_answer": "64KiB"}).open(context) as send:
            (result,) = await send([message])
            assert result is None or isinstance(result, Reject | Transient)
            reasons += [result.reason] if result else []
        assert all(reason.isprintable() for reason in reasons), "what a server says controls the terminal"
