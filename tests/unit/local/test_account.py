"""The demo's account must notice whatever is not as it must be, or the demo proves nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sluiceway.engine.report import Ending
from sluiceway.local.account import Found, account
from sluiceway.local.readback import Letter
from sluiceway.local.shop import Order

ACCEPTED = Order("A-1", "paid", '{"n": 1}')
DROPPED = Order("A-2", "unpaid", '{"n": 2}', "dropped", "only-paid")
DEAD = Order("A-3", "channel ?", '{"n": 3}', "dead-lettered", "our-words invalid")
SENT = [("id-1", ACCEPTED), ("id-2", DROPPED), ("id-3", DEAD)]
FACTS = {"stage": "our-words", "error": "invalid", "reason": "body.chan is ?"}
AS_IT_MUST_BE = Found(
    events=[{"orderId": "A-1"}],
    webhooks={"id-1": [b'{"orderId":"A-1"}']},
    letters={"id-3": Letter('{"n": 3}', FACTS)},
    endings={"id-2": [Ending("dropped", "only-paid", "no pattern matched")]},
    queued=0,
)


def mistakes(found: Found) -> list[str]:
    return account(SENT, found, sinks="bus, partner", dead_letters="dlq").mistakes


def test_each_message_gets_a_row_with_its_outcome_its_place_and_its_reason() -> None:
    rows = account(SENT, AS_IT_MUST_BE, sinks="bus, partner", dead_letters="dlq").rows
    assert [(row.id, row.became, row.where, row.why) for row in rows] == [
        ("id-1", "accepted", "bus, partner", ""),
        ("id-2", "dropped", "only-paid", "no pattern matched"),
        ("id-3", "dead-lettered", "dlq", "our-words invalid: body.chan is ?"),
    ]
    assert mistakes(AS_IT_MUST_BE) == []


def test_a_message_that_was_tried_again_says_why() -> None:
    endings = {**AS_IT_MUST_BE.endings, "id-1": [Ending("returned", "add-customer", "answered 503")]}
    rows = account(SENT, replace(AS_IT_MUST_BE, endings=endings), sinks="bus", dead_letters="dlq").rows
    assert rows[0].why == "at the second attempt: answered 503"


@pytest.mark.parametrize(
    ("changed", "mistake"),
    [
        ({"events": []}, "A-1 (id-1) was to be accepted and is lost"),
        ({"webhooks": {}}, "A-1 (id-1) was to be accepted and is lost"),
        ({"webhooks": {"id-1": [b'{"orderId":"A-9"}']}}, "A-1 (id-1) was to be accepted and is lost"),
        ({"webhooks": {"id-1": [b'{"orderId":"A-1"}'] * 2}}, "the partner has A-1 (id-1) 2 times"),
        ({"events": [{"orderId": "A-1"}] * 2}, 'the bus carried what nobody sent: {"orderId": "A-1"}'),
        ({"letters": {}}, "A-3 (id-3) was to be dead-lettered and is lost"),
        (
            {"letters": {"id-3": Letter('{"n":3}', FACTS)}},
            "the dead letter of A-3 (id-3) is not what was sent, byte for byte",
        ),
        (
            {"letters": {"id-3": Letter('{"n": 3}', {**FACTS, "error": "missing"})}},
            "A-3 (id-3) was to be dead-lettered at our-words invalid, not at our-words missing",
        ),
        ({"endings": {}}, "A-2 (id-2) was to be dropped and is lost"),
        (
            {"endings": {"id-2": [Ending("dropped", "other", "")]}},
            "A-2 (id-2) was to be dropped at only-paid, not at other",
        ),
        ({"queued": 2}, "2 messages are still in the queue"),
    ],
)
def test_whatever_is_not_as_it_must_be_is_said(changed: dict[str, object], mistake: str) -> None:
    assert mistake in mistakes(replace(AS_IT_MUST_BE, **changed))  # type: ignore[arg-type] # fields by name


def test_what_nobody_sent_is_said() -> None:
    strangers = replace(
        AS_IT_MUST_BE,
        webhooks={**AS_IT_MUST_BE.webhooks, "id-9": [b"{}"]},
        letters={**AS_IT_MUST_BE.letters, "id-8": Letter("", FACTS)},
    )
    assert mistakes(strangers) == ["the partner has id-9, which nobody sent", "dlq has id-8, which nobody sent"]
