"""`template`: what becomes of placeholders, and which templates a file may hold."""

from __future__ import annotations

import asyncio
import copy
import json
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sluiceway import JSON, Context, Message
from sluiceway.testing import ManualClock
from sluiceway_patterns.template import Template

BODY: dict[str, Any] = {
    "no": "A-1",
    "total": 12.5,
    "paid": True,
    "none": None,
    "quote": 'say "hi" \\ <$.body.no>',
    "lines": [{"sku": "tea", "tags": ["a", "b"]}, {"sku": "cup"}, 5],
    "by-day": {"mo": 1, "tu": 2},
}

bodies = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=3),
    max_leaves=10,
)
paths = st.lists(st.sampled_from([".a", ".b", "[0]", "[*]", ".*"]), max_size=4).map(
    lambda steps: "$.body" + "".join(steps)
)


class FakeContext:
    """Has a name and the time."""

    pipeline = "orders"
    clock = ManualClock(1.5)


def message(template: JSON, body: JSON) -> Message:
    async def send() -> Message:
        async with Template.model_validate({"template": template}).open(cast("Context", FakeContext())) as process:
            return process(Message(body, id="m-1", headers={"tenant": "acme"}, meta={"queue": "q"}))

    return asyncio.run(send())


def filled(template: JSON, body: JSON = BODY) -> Any:
    return message(template, body).body


def mistake(template: JSON) -> tuple[str, list[str | int], int]:
    with pytest.raises(ValidationError) as caught:
        Template.model_validate({"template": template})
    (error,) = caught.value.errors()
    return error["msg"], error["ctx"]["path"], error["ctx"]["offset"]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$.body.no", "A-1"),
        ("$.body.total", 12.5),
        ("$.body.lines[0].sku", "tea"),
        ("$.body.lines[9].sku", None),
        ("$.body.lines[*].sku", ["tea", "cup"]),
        ("$.body.lines[*].tags[*]", ["a", "b"]),
        ("$.body.by-day.*", [1, 2]),
        ("$.body.by-day[0]", None),
        ("$.body.no.deeper", None),
        ("$.body.nothing[*]", []),
        ("$.body", BODY),
        ("$.id", "m-1"),
        ("$.headers.tenant", "acme"),
        ("$.headers", {"tenant": "acme"}),
        ("$.meta.queue", "q"),
        ("aws.pipes.pipe-name", "orders"),
        ("aws.pipes.event.ingestion-time", "1970-01-01T00:00:01.500+00:00"),
        ("aws.pipes.event.json", {"id": "m-1", "body": BODY, "headers": {"tenant": "acme"}, "meta": {"queue": "q"}}),
    ],
)
def test_a_placeholder_alone_is_the_value_in_all_three_forms(path: str, value: JSON) -> None:
    assert filled({"a": [f"<{path}>"]}) == {"a": [value]}
    assert filled(f'{{"a": [<{path}>]}}') == {"a": [value]}
    assert json.loads(message(f" <{path}>\n", BODY).payload) == value


def test_in_a_string_placeholders_become_text() -> None:
    template = "<$.body.no>: <$.body.total> <$.body.paid> <$.body.none><$.body.x> <$.body.by-day> 1 < 2 <b>"
    expected = 'A-1: 12.5 true  {"mo":1,"tu":2} 1 < 2 <b>'
    assert filled({"text": template}) == {"text": expected}
    assert filled('{"text": "' + template + '"}') == {"text": expected}
    assert filled('{"text": "<$.body.total>"}') == {"text": "12.5"}


def test_any_other_text_is_sent_as_text() -> None:
    sent = message("Order <$.body.no>, <$.body.total>", BODY)
    assert (sent.body, sent.payload) == ("Order A-1, 12.5", b"Order A-1, 12.5")
    assert message("<$.body.no>", BODY).payload == b'"A-1"'


def test_values_cannot_change_the_template() -> None:
    assert json.loads(message('{"a": "<$.body.quote>"}', BODY).payload) == {"a": BODY["quote"]}
    assert filled("it says <$.body.quote>") == f"it says {BODY['quote']}"


def test_what_holds_no_placeholder_stays_as_it_is() -> None:
    template: JSON = {"n": 1, "t": "x < y", "l": [None, True], "o": {}}
    assert filled(template) == template


@pytest.mark.parametrize(
    ("template", "reason", "path", "offset"),
    [
        ("Order <$.body.no", "no > ends <$.body.no", [], 6),
        ({"a": ["x", "Order <$.body..no>"]}, "$.body..no is no path", ["a", 1], 13),
        ({"a": "<$.order.no>"}, "did you mean $.body?", ["a"], 1),
        ({"a": "<$.messageId>"}, "did you mean $.id?", ["a"], 1),
        ({"a": "<$.detail.x>"}, "did you mean $.body.detail?", ["a"], 1),
        ({"a": "<$>"}, "a message has id, body, headers, meta", ["a"], 1),
        ({"a": "<aws.pipes.pipe-arn>"}, "<aws.pipes.pipe-arn> is not known here", ["a"], 1),
        ({"<$.body.no>": 1}, "a placeholder cannot stand in a key", [], 0),
        ('{"a": <$.body.no>', "begins as JSON and is none", [], 0),
        ('{"a": 1, "a": 2}', "begins as JSON and is none", [], 0),
        ('{"a": "\\u0000<$.body.no>"}', "U+0000", [], 0),
        (["<$.body.no>"] * 101, "more than 100 placeholders", [100], 1),
        ("<$.body" + ".a" * 64 + ">", "more than 64 steps", [], 1),
    ],
)
def test_templates_that_can_only_be_mistakes(template: JSON, reason: str, path: list[str | int], offset: int) -> None:
    said, at, where = mistake(template)
    assert reason in said
    assert (at, where) == (path, offset)


@given(body=bodies, path=paths)
def test_any_body_fills_any_template_with_json(body: JSON, path: str) -> None:
    before = copy.deepcopy(body)
    sent = message(f'{{"a": <{path}>, "b": "x<{path}>y"}}', body)
    read = json.loads(sent.payload)
    assert isinstance(read["b"], str)
    assert read["a"] == filled({"a": f"<{path}>"}, body)["a"]
    assert body == before


@given(template=st.recursive(st.text(alphabet='<$.a"{}[*]', max_size=12), lambda inner: st.lists(inner, max_size=2)))
def test_any_template_is_read_or_refused(template: JSON) -> None:
    try:
        stage = Template.model_validate({"template": template})
    except ValidationError:
        return
    assert stage.template == template
