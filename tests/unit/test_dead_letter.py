from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluiceway.adapters.dead_letter import FACTS_BYTES, FACTS_NAME, dead_letter_entry
from sluiceway.adapters.sqs_attributes import ILLEGAL, size_of
from sluiceway.adapters.sqs_queue import MAX_BYTES
from sluiceway.core.message import Message
from sluiceway.core.outcome import Facts
from sluiceway.core.ports import Delivery

# What SQS itself can hand out: legal text, names of legal characters, no empty values.
legal_text = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"])).filter(lambda s: not ILLEGAL.search(s))
names = st.text("abcdefghijklmnopqrstuvwxyz_-0123456789", min_size=1, max_size=20)
text_attributes = st.builds(
    lambda kind, value: {"DataType": kind, "StringValue": value},
    st.sampled_from(["String", "Number", "String.custom"]),
    legal_text.filter(bool),
)
binary_attributes = st.builds(
    lambda value: {"DataType": "Binary", "BinaryValue": value}, st.binary(min_size=1, max_size=6000)
)
attribute_sets = st.dictionaries(
    st.one_of(names, st.just(FACTS_NAME)), st.one_of(text_attributes, binary_attributes), max_size=10
)
all_facts = st.builds(
    Facts,
    pipeline=st.text(max_size=60),
    stage=st.text(max_size=60),
    error=st.sampled_from(["invalid", "bug", "exhausted"]),
    reason=st.text(max_size=9000),
    attempts=st.integers(1, 1000),
    accepted=st.lists(st.text(max_size=60), max_size=5).map(tuple),
    id=st.text(max_size=200),
    time=st.just("2026-11-24T12:00:00Z"),
)


def facts(**changed: Any) -> Facts:
    plain: dict[str, Any] = {
        "pipeline": "orders",
        "stage": "our-words",
        "error": "invalid",
        "reason": "body.chan is '?'",
        "attempts": 1,
        "accepted": (),
        "id": "m-1",
        "time": "2026-11-24T12:00:00Z",
    }
    return Facts(**{**plain, **changed})


def delivery(attributes: dict[str, Any] | None = None, raw: bytes = b"{}", group: str | None = None) -> Delivery:
    return Delivery(Message(id="m-1"), "receipt", raw, attributes=attributes, group=group)


def attribute(value: str) -> dict[str, Any]:
    return {"DataType": "String", "StringValue": value}


def facts_on(entry: Any) -> Any:
    return json.loads(entry["MessageAttributes"][FACTS_NAME]["StringValue"])


@settings(max_examples=150, deadline=None)
@given(attribute_sets, all_facts, legal_text)
def test_a_dead_letter_always_fits_and_always_holds_the_whole_original(
    attributes: dict[str, Any], known: Facts, body: str
) -> None:
    original = delivery(attributes, body.encode())
    made = dead_letter_entry(original, known, fifo=False)
    kept = dict(made.entry["MessageAttributes"])

    assert made.entry["MessageBody"].encode() == original.raw
    assert len(kept) <= 10
    if not made.has_facts:
        assert kept == attributes
        return
    value = kept.pop(FACTS_NAME)["StringValue"]
    assert len(value.encode()) <= FACTS_BYTES
    assert not ILLEGAL.search(value)
    found = json.loads(value)
    assert found.keys() - {"folded"} == {
        "pipeline", "stage", "error", "reason", "attempts", "accepted", "id", "time"
    }  # fmt: skip
    assert found["attempts"] == known.attempts
    assert known.reason.startswith(found["reason"].removesuffix("…")) or found["reason"] == known.reason
    if "folded" in found:
        folded, is_binary = found["folded"], found["folded"]["type"].startswith("Binary")
        restored = base64.b64decode(folded["value"]) if is_binary else folded["value"]
        kept[folded["name"]] = {"DataType": folded["type"], "BinaryValue" if is_binary else "StringValue": restored}
    assert kept == attributes


@pytest.mark.parametrize(("spare", "has_facts"), [(-1, False), (0, True), (1, True)])
def test_the_facts_are_on_it_exactly_as_long_as_a_mebibyte_has_room_for_them(spare: int, has_facts: bool) -> None:  # noqa: FBT001 - a row of the table
    attributes = dict(dead_letter_entry(delivery(), facts(), fifo=False).entry["MessageAttributes"])
    raw = b"x" * (MAX_BYTES - size_of(attributes) - spare)
    assert dead_letter_entry(delivery(raw=raw), facts(), fifo=False).has_facts == has_facts


def test_a_long_reason_is_cut_at_the_end_so_that_the_facts_fit() -> None:
    made = dead_letter_entry(delivery(), facts(reason="ü" * 5000), fifo=False)
    value = made.entry["MessageAttributes"][FACTS_NAME]["StringValue"]
    assert FACTS_BYTES - 2 <= len(value.encode()) <= FACTS_BYTES
    assert json.loads(value)["reason"].endswith("ü…")


def test_characters_that_sqs_refuses_are_escaped_in_the_facts_and_read_back_the_same() -> None:
    reason = "nul \x00, bell \x07, not a character \uffff, half a pair \ud83d"
    assert facts_on(dead_letter_entry(delivery(), facts(reason=reason), fifo=False).entry)["reason"] == reason


def test_with_ten_attributes_the_smallest_is_folded_into_the_facts() -> None:
    attributes = {f"a{i}": attribute("long value") for i in range(9)} | {"z": attribute("v")}
    made = dead_letter_entry(delivery(attributes), facts(), fifo=False)
    assert facts_on(made.entry)["folded"] == {"name": "z", "type": "String", "value": "v"}
    assert set(made.entry["MessageAttributes"]) == {*(f"a{i}" for i in range(9)), FACTS_NAME}


def test_when_no_attribute_is_small_enough_to_fold_the_original_goes_alone() -> None:
    attributes = {f"a{i}": attribute("x" * 5000) for i in range(10)}
    made = dead_letter_entry(delivery(attributes), facts(), fifo=False)
    assert not made.has_facts
    assert made.entry["MessageAttributes"] == attributes


def test_the_facts_of_an_earlier_time_are_replaced_and_what_they_had_folded_stays() -> None:
    attributes = {f"a{i}": attribute("long value") for i in range(9)} | {"z": attribute("v")}
    first = dead_letter_entry(delivery(attributes), facts(), fifo=False).entry
    again = dead_letter_entry(delivery(dict(first["MessageAttributes"])), facts(stage="bus"), fifo=False).entry
    assert facts_on(again)["stage"] == "bus"
    assert facts_on(again)["folded"] == {"name": "z", "type": "String", "value": "v"}


def test_an_attribute_of_somebody_elses_with_our_name_is_folded() -> None:
    made = dead_letter_entry(delivery({FACTS_NAME: attribute("not ours")}), facts(), fifo=False)
    assert facts_on(made.entry)["folded"] == {"name": FACTS_NAME, "type": "String", "value": "not ours"}


def test_on_a_fifo_queue_a_message_without_a_group_is_a_group_of_its_own() -> None:
    made = dead_letter_entry(delivery(), facts(), fifo=True).entry
    assert made["MessageGroupId"] == "m-1"
    assert dead_letter_entry(delivery(group="g"), facts(), fifo=True).entry["MessageGroupId"] == "g"
    assert "MessageGroupId" not in dead_letter_entry(delivery(group="g"), facts(), fifo=False).entry


@pytest.mark.parametrize(
    "text",
    [
        "[" * 20_000,
        '{"pipeline": "p", "stage": "s", "error": "bug", "folded": ' + "[" * 900 + "]" * 900 + "}",
        '{"pipeline": "p", "stage": "s", "error": "bug", "folded": NaN}',
    ],
    ids=["too deep to read", "too deep to write", "no JSON"],
)
def test_an_attribute_that_poses_as_ours_does_not_keep_a_message_out_of_the_queue(text: str) -> None:
    posing = {FACTS_NAME: {"DataType": "String", "StringValue": text}}

    made = dead_letter_entry(delivery(posing), facts(), fifo=False)

    attributes: Any = made.entry["MessageAttributes"]
    if not made.has_facts:
        assert attributes == posing
    else:
        assert json.loads(attributes[FACTS_NAME]["StringValue"])["folded"]["value"] == text


def test_half_a_surrogate_pair_anywhere_does_not_keep_a_message_from_being_dead_lettered() -> None:
    attributes = {"\ud800": {"DataType": "String", "StringValue": "\udfff"}}
    odd = Delivery(Message(id="\ud800"), "receipt", b"{}", attributes=attributes)

    made = dead_letter_entry(odd, facts(id="\ud800", reason="\udfff"), fifo=True)

    assert made.has_facts
    assert made.entry["MessageGroupId"] == "\ud800"
