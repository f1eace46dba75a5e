"""The demo's pipeline file on a second emulator: what one of them forgives, the other may not."""

from __future__ import annotations

from collections import Counter

import pytest

from sluiceway.local.demo import Story, pipeline_file, tell

ACCEPTED = ["A-1001", "A-1002", "A-1003", "A-1006", "A-1007", "A-1008", "A-1008", "A-1009", "A-1010"]


@pytest.fixture
async def story(moto: str) -> Story:
    return await tell(pipeline_file(), moto, say=lambda _: None, progress=lambda *_: None)


async def test_shop_orders_does_on_moto_what_it_does_on_ministack(story: Story) -> None:
    assert story.account.mistakes == []
    assert story.queued == 0
    assert story.drift == {"body.gift_wrap": 1}
    outcomes = Counter((row.became, row.where) for row in story.account.rows)
    assert outcomes == {
        ("accepted", "bus, partner"): 9,
        ("dropped", "only-paid"): 3,
        ("dead-lettered", "shop-orders-dlq"): 5,
    }
    assert [row.order.number for row in story.account.rows if row.became == "accepted"] == ACCEPTED
    reasons = {row.order.number: row.why for row in story.account.rows if row.became == "dead-lettered"}
    assert reasons["A-1011"].startswith('our-words invalid: channel: body.chan is "?"')
    assert reasons["A-1012"].startswith("as-agreed invalid: the body is not valid JSON")
    assert reasons["A-1014"].startswith("add-customer missing: ")
