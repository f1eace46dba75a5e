"""What the queues of MiniStack and moto accept and refuse: what docs/emulators.md says of it.

Expected is what they do, right or wrong. When an upgrade makes one of these fail, the page changes with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from tests.contract.emulators import Emulator, Queue, answer

MIB = 1024 * 1024
INVALID = "InvalidParameterValue"
MISSING = "MissingParameter"


def text(value: str, data_type: str = "String") -> Mapping[str, str]:
    return {"DataType": data_type, "StringValue": value}


def attributes(count: int) -> Mapping[str, Any]:
    return {f"a{n}": text("v") for n in range(count)}


@pytest.fixture
def queue(emulator: Emulator, name: str) -> Queue:
    return Queue(emulator, name)


@pytest.mark.parametrize(
    ("more", "by_ministack", "by_moto"),
    [
        pytest.param({"MessageAttributes": attributes(10)}, "ok", "ok", id="ten attributes"),
        pytest.param({"MessageAttributes": attributes(11)}, "ok", "ok", id="eleven attributes"),
        pytest.param({"MessageAttributes": {"a": text("")}}, "ok", "ok", id="an empty value"),
        pytest.param({"MessageAttributes": {"a": text("v", "Thing")}}, "ok", INVALID, id="an unknown type"),
        pytest.param({"MessageAttributes": {"a": text("v", "")}}, "ok", INVALID, id="no type"),
        pytest.param({"MessageAttributes": {"a": text("many", "Number")}}, "ok", "ok", id="a number that is none"),
        pytest.param({"MessageAttributes": {"a": text("\x01")}}, "ok", "ok", id="a control character in an attribute"),
        pytest.param({"MessageAttributes": {"AWS.a": text("v")}}, "ok", "ok", id="a reserved name"),
        pytest.param({"MessageAttributes": {"a..b": text("v")}}, "ok", "ok", id="a name with two dots"),
        pytest.param({"MessageAttributes": {"a b": text("v")}}, "ok", INVALID, id="a name with a space"),
        pytest.param({"MessageAttributes": {"a" * 257: text("v")}}, "ok", "ok", id="a name of 257 characters"),
        pytest.param({"MessageBody": ""}, MISSING, "ok", id="an empty body"),
        pytest.param({"MessageBody": "\x01"}, "InvalidMessageContents", "ok", id="a control character"),
        pytest.param({"MessageBody": "\ufffe"}, "InvalidMessageContents", "ok", id="U+FFFE"),
        pytest.param({"MessageBody": "x" * MIB}, "ok", "ok", id="a body of 1 MiB"),
        pytest.param({"MessageBody": "x" * (MIB + 1)}, INVALID, INVALID, id="a body of one byte more"),
        pytest.param(
            {"MessageBody": "x" * MIB, "MessageAttributes": attributes(1)}, "ok", "ok", id="1 MiB and an attribute"
        ),
        pytest.param({"DelaySeconds": 901}, "ok", INVALID, id="a delay of more than 15 minutes"),
    ],
)
def test_what_is_said_to_a_message(
    emulator: Emulator, queue: Queue, more: Mapping[str, Any], by_ministack: str, by_moto: str
) -> None:
    request = {"QueueUrl": queue.url, "MessageBody": "x", **more}
    assert answer(queue.sqs.send_message, **request) == emulator.either(ministack=by_ministack, moto=by_moto)


def entry(number: int, body: str = "x", **more: Any) -> Mapping[str, Any]:
    return {"Id": str(number), "MessageBody": body, **more}


@pytest.mark.parametrize(
    ("entries", "by_ministack", "by_moto"),
    [
        pytest.param([], "EmptyBatchRequest", "EmptyBatchRequest", id="none"),
        pytest.param(
            [entry(n) for n in range(11)],
            "TooManyEntriesInBatchRequest",
            "TooManyEntriesInBatchRequest",
            id="eleven",
        ),
        pytest.param([entry(0)] * 2, "BatchEntryIdsNotDistinct", "BatchEntryIdsNotDistinct", id="two of one id"),
        pytest.param([entry(0, "x" * (MIB // 2)), entry(1, "x" * (MIB // 2))], "ok ok", "ok ok", id="1 MiB in all"),
        pytest.param(
            [entry(0, "x" * (MIB // 2)), entry(1, "x" * (MIB // 2 + 1))],
            "BatchRequestTooLong",
            "BatchRequestTooLong",
            id="one byte more in all",
        ),
        pytest.param(
            [entry(0, "x" * (MIB // 2)), entry(1, "x" * (MIB // 2), MessageAttributes=attributes(1))],
            "ok ok",
            "ok ok",
            id="1 MiB in all and an attribute",
        ),
        pytest.param([entry(0), entry(1, "\x01")], "ok InvalidMessageContents", "ok ok", id="a control character"),
        pytest.param([entry(0), entry(1, "")], f"ok {MISSING}", "ok ok", id="an empty body"),
        pytest.param([entry(0), entry(1, MessageAttributes={"a": text("")})], "ok ok", "ok ok", id="an empty value"),
        pytest.param([entry(0), entry(1, DelaySeconds=901)], "ok ok", f"ok {INVALID}", id="a delay that is too long"),
    ],
)
def test_what_is_said_to_a_batch(
    emulator: Emulator, queue: Queue, entries: list[Mapping[str, Any]], by_ministack: str, by_moto: str
) -> None:
    assert queue.send_batch(*entries) == emulator.either(ministack=by_ministack, moto=by_moto)


@pytest.mark.parametrize(
    ("count", "ids", "by_ministack", "by_moto"),
    [
        pytest.param(0, 1, "EmptyBatchRequest", "", id="none"),
        pytest.param(11, 11, "TooManyEntriesInBatchRequest", "ok " * 11, id="eleven"),
        pytest.param(2, 1, "BatchEntryIdsNotDistinct", "ok", id="two of one id"),
    ],
)
def test_moto_takes_any_batch_of_changes_of_visibility(
    emulator: Emulator, queue: Queue, count: int, ids: int, by_ministack: str, by_moto: str
) -> None:
    queue.send("a")
    (message,) = queue.receive()
    lease = {"ReceiptHandle": message["ReceiptHandle"], "VisibilityTimeout": 30}
    entries = [{"Id": str(n % ids), **lease} for n in range(count)]
    said = answer(queue.sqs.change_message_visibility_batch, QueueUrl=queue.url, Entries=entries)
    assert said == emulator.either(ministack=by_ministack, moto=by_moto.strip())


@pytest.mark.parametrize(
    ("more", "by_ministack", "by_moto"),
    [
        pytest.param({"MaxNumberOfMessages": 0}, INVALID, INVALID, id="no message"),
        pytest.param({"MaxNumberOfMessages": 11}, INVALID, INVALID, id="eleven messages"),
        pytest.param({"WaitTimeSeconds": 21}, "ok", INVALID, id="a wait of more than 20 s"),
        pytest.param({"VisibilityTimeout": 43_201}, "ok", INVALID, id="a lease of more than 12 hours"),
        pytest.param({"ReceiveRequestAttemptId": "a"}, "ok", "ok", id="an attempt id on a standard queue"),
    ],
)
def test_what_is_said_to_a_receive(
    emulator: Emulator, queue: Queue, more: Mapping[str, Any], by_ministack: str, by_moto: str
) -> None:
    queue.send("a")
    said = answer(queue.sqs.receive_message, QueueUrl=queue.url, **more)
    assert said == emulator.either(ministack=by_ministack, moto=by_moto)


@pytest.mark.parametrize(
    ("ids", "by_ministack", "by_moto"),
    [
        pytest.param({"MessageDeduplicationId": "d"}, MISSING, MISSING, id="no group"),
        pytest.param({"MessageGroupId": "g"}, INVALID, INVALID, id="no deduplication id"),
        pytest.param(
            {"MessageGroupId": "g", "MessageDeduplicationId": "d", "DelaySeconds": 5}, INVALID, INVALID, id="a delay"
        ),
        pytest.param({"MessageGroupId": "g h", "MessageDeduplicationId": "d"}, "ok", "ok", id="a space in the group"),
        pytest.param({"MessageGroupId": "g" * 129, "MessageDeduplicationId": "d"}, "ok", "ok", id="a long group"),
    ],
)
def test_what_is_said_to_a_fifo_message(
    emulator: Emulator, name: str, ids: Mapping[str, Any], by_ministack: str, by_moto: str
) -> None:
    queue = Queue(emulator, name, fifo=True)
    said = answer(queue.sqs.send_message, QueueUrl=queue.url, MessageBody="x", **ids)
    assert said == emulator.either(ministack=by_ministack, moto=by_moto)


def test_at_moto_an_entry_without_a_group_fails_its_whole_batch(emulator: Emulator, name: str) -> None:
    queue = Queue(emulator, name, fifo=True)
    said = queue.send_batch(
        entry(0, MessageDeduplicationId="0"), entry(1, MessageDeduplicationId="1", MessageGroupId="g")
    )
    assert said == emulator.either(ministack=f"{MISSING} ok", moto=MISSING)
