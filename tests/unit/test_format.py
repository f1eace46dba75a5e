"""`format.decode` and `format.encode`: what becomes of bodies, what is refused, and that one undoes the other."""

from __future__ import annotations

import base64
import gzip
import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sluiceway import JSON, Message, Reject
from sluiceway.testing import run_pipeline
from sluiceway_patterns.format import Decode, Encode

bodies = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "c"]), inner, max_size=3),
    max_leaves=12,
)
wrapping = st.lists(st.sampled_from(["base64", "gzip"]), max_size=3)
cells = st.text(st.characters(codec="utf-8"), max_size=6)


def decode(body: Message | JSON, *steps: str, **settings: Any) -> Any:
    message = body if isinstance(body, Message) else Message().with_text(str(body))
    return Decode.model_validate({"steps": steps, **settings}).process(message).body


def encode(body: JSON, *steps: str, **settings: Any) -> Message:
    return Encode.model_validate({"steps": steps, **settings}).process(Message(body))


def refusal(body: Message | JSON, *steps: str, **settings: Any) -> tuple[str, str]:
    with pytest.raises(Reject) as caught:
        decode(body, *steps, **settings)
    return caught.value.error, caught.value.reason


def packed(raw: bytes) -> str:
    return base64.b64encode(gzip.compress(raw, mtime=0)).decode()


def test_each_format() -> None:
    assert decode('{"a": 1}', "json") == {"a": 1}
    assert decode('{"a": 1}\r\n\n[2]\n', "ndjson") == [{"a": 1}, [2]]
    assert decode('\ufeffsku,name\r\n1,"a, ""b""\nc"\n\n2,', "csv") == [
        {"sku": "1", "name": 'a, "b"\nc'},
        {"sku": "2", "name": ""},
    ]
    assert decode("aGVs\nbG8=", "base64", "text") == "hello"
    assert decode(packed(b"sku;qty\ntea;4\n"), "base64", "gzip", "csv", csv={"delimiter": ";"}) == [
        {"sku": "tea", "qty": "4"}
    ]


def test_rows_without_a_header_get_the_columns_that_are_given() -> None:
    assert decode("tea,4", "csv", csv={"header": False, "columns": ["sku", "qty"]}) == [{"sku": "tea", "qty": "4"}]


def test_gzip_of_several_members_and_with_padding() -> None:
    raw = gzip.compress(b"[1,", mtime=0) + gzip.compress(b"2]", mtime=0) + b"\0\0"
    assert decode(Message().with_payload(raw), "gzip", "json") == [1, 2]


def test_bytes_are_taken_as_they_came_whatever_the_source_s_format() -> None:
    assert decode(Message().with_payload(b"a,b\n1,2\n"), "csv") == [{"a": "1", "b": "2"}]
    assert decode(Message().with_payload(b'{"a": 1}'), "ndjson") == [{"a": 1}]
    assert decode(Message("aGVsbG8="), "base64", "text") == "hello"


def test_a_field_is_read_in_its_place() -> None:
    message = Message({"awslogs": {"data": packed(b'{"n": 1}')}, "x": 1})
    assert decode(message, "base64", "gzip", "json", path="awslogs.data") == {"awslogs": {"data": {"n": 1}}, "x": 1}
    assert refusal(message, "json", path="awslogs.date") == ("missing", "body.awslogs.date is missing")
    assert refusal(message, "json", path="x") == ("invalid", "1 is not text")


def test_what_was_read_is_sent_as_what_it_is() -> None:
    stage = Decode.model_validate({"steps": ["json"]})
    assert stage.process(Message().with_text('"hello"')).payload == b'"hello"'
    assert Decode.model_validate({"steps": ["text"]}).process(Message("hello")).payload == b"hello"


@pytest.mark.parametrize(
    ("text", "steps", "error", "reason"),
    [
        ("{", ["json"], "invalid", "the body is not valid JSON"),
        ('{"a": 1, "a": 2}', ["json"], "invalid", "twice"),
        ("[1]\n[", ["ndjson"], "invalid", "line 2 is not valid JSON"),
        ("[1]\n[2]\n[3]\n[4]", ["ndjson"], "oversize", "more lines than max_rows, 3"),
        ("a\n1\n2\n3\n4", ["csv"], "oversize", "more rows than max_rows, 3"),
        ("a,b\n1,2,3", ["csv"], "invalid", "line 2 has 3 fields, and there are 2 columns"),
        ("a,b\n1", ["csv"], "invalid", "line 2 has 1 fields"),
        ("a,a\n1,2", ["csv"], "invalid", "the header has the column a twice"),
        ("a,\n1,2", ["csv"], "invalid", "column 2 of the header has no name"),
        ('a\n"1', ["csv"], "invalid", "line 2 is not CSV"),
        ("a" + ",b" * 250, ["csv"], "oversize", "the header has 251 columns"),
        ("?", ["base64", "text"], "invalid", "the body is not base64"),
        ("/w==", ["base64", "text"], "invalid", "the body is not UTF-8: byte 0"),
        ("aGVsbG8=", ["base64", "gzip", "text"], "invalid", "the body is not gzip"),
        (packed(b"hello")[:-8], ["base64", "gzip", "text"], "invalid", "not gzip"),
        (packed(bytes(2000)), ["base64", "gzip", "text"], "oversize", "larger than max_size, 1KiB"),
        ("x" * 1025, ["json"], "oversize", "larger than max_size"),
    ],
)
def test_what_is_not_what_the_steps_say(text: str, steps: list[str], error: str, reason: str) -> None:
    got, said = refusal(text, *steps, max_size="1KiB", max_rows=3)
    assert got == error
    assert reason in said


def test_a_bomb_is_not_unpacked() -> None:
    bomb = gzip.compress(gzip.compress(bytes(64 * 1024 * 1024), mtime=0), mtime=0)
    tracemalloc.start()
    try:
        assert refusal(Message().with_payload(bomb), "gzip", "gzip", "text")[0] == "oversize"
        assert tracemalloc.get_traced_memory()[1] < 32 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_what_is_written() -> None:
    rows: JSON = [{"sku": "tea", "qty": 2, "gift": True}, {"sku": "a,b", "note": None}]
    assert encode(rows, "csv").payload == b'sku,qty,gift,note\r\ntea,2,true,\r\n"a,b",,,\r\n'
    assert encode(rows, "csv", csv={"columns": ["qty"], "header": False}).payload == b'2\r\n""\r\n'
    assert encode([], "csv").payload == b""
    assert encode([{"a": 1}, 2], "ndjson").payload == b'{"a":1}\n2\n'
    assert encode({"a": 1}, "json", "base64").payload == base64.b64encode(b'{"a":1}')
    assert gzip.decompress(encode("hello", "text", "gzip").payload) == b"hello"
    assert encode({"a": [1], "b": 2}, "json", path="a").body == {"a": "[1]", "b": 2}


def test_the_same_body_gives_the_same_bytes() -> None:
    assert encode([1], "json", "gzip").payload == encode([1], "json", "gzip").payload


@pytest.mark.parametrize(
    ("body", "step", "reason"),
    [
        ({}, "csv", "an object is not a list"),
        ([1], "csv", "element 0 is 1, not an object"),
        ([{}, {"a": []}], "csv", "a of element 1 is a list, which is no single field"),
        ("x", "ndjson", '"x" is not a list'),
        ([], "text", "a list is not text"),
        ("\ud800", "text", "half of a surrogate pair"),
        ("\ud800", "json", "cannot be written as JSON"),
        ([{"a": "\ud800"}], "csv", "half of a surrogate pair"),
    ],
)
def test_what_cannot_be_written(body: JSON, step: str, reason: str) -> None:
    with pytest.raises(Reject) as caught:
        encode(body, step)
    assert caught.value.error == "invalid"
    assert reason in caught.value.reason


@pytest.mark.parametrize(
    ("stage", "settings"),
    [
        (Decode, {"steps": []}),
        (Decode, {"steps": ["base64"]}),
        (Decode, {"steps": ["json", "base64", "text"]}),
        (Decode, {"steps": ["csv"], "csv": {"header": False}}),
        (Decode, {"steps": ["csv"], "csv": {"columns": ["a"]}}),
        (Decode, {"steps": ["csv"], "csv": {"delimiter": '"'}}),
        (Decode, {"steps": ["csv"], "csv": {"delimiter": ";;"}}),
        (Encode, {"steps": ["gzip"]}),
        (Encode, {"steps": ["json", "csv"]}),
        (Encode, {"steps": ["json", "gzip"], "path": "a"}),
    ],
)
def test_settings_that_can_only_be_mistakes(stage: type[Decode | Encode], settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        stage.model_validate(settings)


def test_a_sink_sends_the_text_itself() -> None:
    pipeline = """
version: 1
name: rows
source: {use: memory}
stages:
  - {use: format.encode, with: {steps: [csv]}}
sinks: [{id: out, use: memory}]
"""
    (sent,) = run_pipeline(pipeline, [{"body": [{"a": 1}]}]).sinks["out"]
    assert sent.payload == b"a\r\n1\r\n"


@given(body=bodies, around=wrapping)
def test_json_comes_back(body: JSON, around: list[str]) -> None:
    for step, value in (("json", body), ("ndjson", [body, body])):
        assert decode(encode(value, step, *around), *reversed(around), step) == json.loads(json.dumps(value))


@given(rows=st.lists(st.fixed_dictionaries({"a": cells, "b": cells}), min_size=1, max_size=4), around=wrapping)
def test_rows_of_text_come_back(rows: list[Any], around: list[str]) -> None:
    assert decode(encode(rows, "csv", *around), *reversed(around), "csv") == rows


@given(body=bodies, raw=st.binary(max_size=30), around=wrapping, end=st.sampled_from(["json", "ndjson", "csv", "text"]))
def test_anything_is_read_or_rejected(body: JSON, raw: bytes, around: list[str], end: str) -> None:
    for message in (Message(body), Message().with_payload(raw), Message().with_payload(gzip.compress(raw, mtime=0))):
        for stage in (Decode, Encode):
            steps = [*around, end] if stage is Decode else [end, *around]
            try:
                _ = stage.model_validate({"steps": steps}).process(message).payload
            except Reject:
                continue
