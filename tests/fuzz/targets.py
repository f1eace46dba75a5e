"""What is fuzzed: one function a target, which takes any bytes and raises on a defect, and only then.

Each reads its bytes as text, so that an input that was found can be read, shortened and kept as a test. A target of
JSON does nothing with what is no JSON.
"""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from tests.fuzz.checks import (
    NO_JSON,
    OneBucket,
    answered,
    check_dead_letter,
    check_problems,
    members,
    now,
    read_body,
    read_json,
    received,
    receiver_of,
    text_of,
)

from sluiceway.adapters.sqs import SqsSource
from sluiceway.adapters.sqs_queue import MAX_BYTES
from sluiceway.config.fragment_file import is_fragment
from sluiceway.config.load import check
from sluiceway.config.registry import Registry
from sluiceway.config.yaml import read_text
from sluiceway.core.body import decoder
from sluiceway.core.errors import InvalidExpression, InvalidPattern, InvalidPipeline, Reject
from sluiceway.core.event_pattern import EventPattern
from sluiceway.core.expression import Expression
from sluiceway.core.message import Message
from sluiceway.core.outcome import Facts
from sluiceway_patterns.claim_check import Restore

SCHEMAS = Path(__file__).parents[2] / "pipelines" / "schemas"
REGISTRY = Registry()
COMPONENTS = {(entry.kind, entry.name) for entry in REGISTRY.entries(())}


def loader(data: bytes) -> None:
    """Any file is a pipeline, a fragment of one, or problems that stand inside it and can be shown."""
    with TemporaryDirectory(prefix="sluiceway-fuzz-") as folder:
        path = Path(folder) / "pipeline.yaml"
        path.write_bytes(data)
        (path.parent / "schemas").symlink_to(SCHEMAS)
        checked = check(path, environ={"SET": "value"}, registry=REGISTRY)
        try:
            text = read_text(path, str(path))
        except InvalidPipeline:
            text = data.decode(errors="replace")
        problems = checked.problems
        has_reason = any(problem.level == "error" for problem in problems)
        is_part = checked.document is not None and is_fragment(checked.document)
        assert checked.pipeline is not None or is_part or has_reason, "no pipeline, and no reason"
        check_problems(problems, text, str(path))


def settings(data: bytes) -> None:
    """Any JSON under `with` of any component is settings for it, or problems; the first line is its kind and name."""
    head, _, rest = data.partition(b"\n")
    kind, _, name = head.decode(errors="replace").partition(" ")
    value = read_json(rest)
    if (kind, name) not in COMPONENTS or value is NO_JSON:
        return
    use = {"use": name, "with": value}
    source: Any = use if kind == "source" else {"use": "memory"}
    file = {
        "version": 1,
        "name": "fuzzed",
        "source": source,
        "stages": [use] if kind == "stage" else [],
        "sinks": [use if kind == "sink" else {"use": "memory"}],
        "errors": {"dead_letter": {"use": "sqs", "with": {"queue": "dlq"}}},
    }
    loader(json.dumps(file, ensure_ascii=True).encode())


def event_pattern(data: bytes) -> None:
    """Any text is a pattern or refused, and a pattern matches any event or does not; they stand on two lines."""
    text, _, event_text = data.partition(b"\n")
    event = read_json(event_text)
    if not isinstance(event, dict):
        event = {"body": event if event is not NO_JSON else None}
    for pattern in (text_of(text), read_json(text)):
        if pattern is NO_JSON:
            continue
        try:
            compiled = EventPattern(cast("Any", pattern))
        except InvalidPattern:
            continue
        matched = compiled.matches(event)
        assert isinstance(matched, bool)
        assert (compiled.mismatch(event) is None) == matched
        assert EventPattern(compiled.source) == compiled


def expression(data: bytes) -> None:
    """Any text is an expression or refused, and an expression has a value for any body or rejects it; two lines."""
    text, _, body_text = data.partition(b"\n")
    body = read_json(body_text)
    message = Message(None if body is NO_JSON else body, id="m-1", headers={"tenant": "a"}, meta={"queue": "orders"})
    source = text_of(text)
    offset = None
    try:
        value = Expression(jmes=source).evaluate(message.view)
        assert isinstance(Message(value).payload, bytes)
    except InvalidExpression as error:
        offset = error.offset
    except Reject:
        pass
    assert offset is None or 0 <= offset <= len(source), offset


def delivery(data: bytes) -> None:
    """Whatever SQS hands out is a delivery that keeps it, whose body has a value or is rejected."""
    message = read_json(data)
    if not isinstance(message, dict):
        return
    handed_out = received(message)
    for body_format in ("json", "text", "base64"):
        for numbers in ("safe", "exact"):
            source = SqsSource.model_validate({"queue": "orders", "format": body_format, "numbers": numbers})
            (one,) = now(receiver_of(source, handed_out).receive(10))
            assert one.raw.decode("utf-8", "surrogatepass") == handed_out.get("Body", "")
            assert one.message.headers.keys() == one.attributes.keys()
            assert one.sent_at >= 0
            assert one.receive_count >= 1
            read_body(one.message)
            if body_format == "json":
                check_dead_letter(one, Facts("p", "source", "invalid", "it is wrong", 1, (), one.message.id, "now"))


def claim(data: bytes) -> None:
    """Whatever claim_check.restore is given passes unchanged, is restored as it was stored, or is rejected.

    The JSON is `{headers, body, object}`: all texts, the object being what any claim leads to.
    """
    given = read_json(data)
    if not isinstance(given, dict):
        return
    headers = {str(name): str(value) for name, value in members(given.get("headers")).items()}
    raw, stored = (str(given.get(key, "")).encode("utf-8", "surrogatepass") for key in ("body", "object"))
    meta: dict[str, Any] = {"queue": "orders", "header_types": given.get("types", {})}
    message = Message.received(raw, decoder("json"), id="m-1", headers=headers, meta=meta)
    restore = Restore(buckets=("bodies",))

    async def through() -> Any:
        async with restore.open(cast("Any", OneBucket(stored))) as process:
            return await cast("Any", process(message))

    try:
        result = now(through())
    except Reject:
        return
    if result is not message:
        assert result.payload == stored
        sizes = [*headers.values(), *re.findall(r'"size": *([0-9]+)', text_of(raw))]
        assert len(stored) in {int(size) for size in sizes if re.fullmatch("[0-9]{1,18}", size)}
        assert not {"sluiceway-claim", "ExtendedPayloadSize", "SQSLargePayloadSize"} & result.headers.keys()
        read_body(result)


def http_answer(data: bytes) -> None:
    """Whatever a server answers, enrich.http ends with a message, a Reject or a Transient, and the http sink too."""
    asyncio.run(answered(data))


def dead_letter(data: bytes) -> None:
    """Any delivery that SQS can hold becomes an entry that SQS takes, from which the original can be had again.

    The JSON is `{message, times, fifo, stage, error, reason, accepted}`; the body is repeated so many times.
    """
    given = read_json(data)
    if not isinstance(given, dict):
        return
    message = members(given.get("message"))
    times = given.get("times", 1)
    message["Body"] = str(message.get("Body", "x")) * (times if isinstance(times, int) and 0 < times < MAX_BYTES else 1)
    (one,) = now(receiver_of(SqsSource.model_validate({"queue": "orders"}), received(message)).receive(10))
    facts = Facts(
        pipeline="orders",
        stage=str(given.get("stage", "source"))[:64],
        error="invalid",
        reason=str(given.get("reason", "")),
        attempts=1,
        accepted=tuple(f"sink-{i}" for i in range(len(members(given.get("accepted"))))),
        id=one.message.id,
        time="2026-01-01T00:00:00Z",
    )
    check_dead_letter(one, facts, fifo=given.get("fifo") is True)
