"""The in-flight budget: what may be received is reserved before it is asked for."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from sluiceway.engine.budget import FULL, LARGEST, Budget
from sluiceway.testing import run_virtual


def test_no_more_than_a_full_batch_is_reserved_at_a_time() -> None:
    assert run_virtual(Budget(200, 64 * LARGEST).reserve()) == FULL


def test_one_message_is_let_in_however_small_the_budget() -> None:
    assert run_virtual(Budget(5, 1).reserve()) == 1


def test_a_reservation_waits_for_room_and_takes_what_there_is() -> None:
    async def scenario() -> int:
        budget = Budget(10, 64 * LARGEST)
        assert await budget.reserve() == 10
        assert budget.spent
        budget.used(10, [100] * 10)
        asyncio.get_running_loop().call_later(5, budget.release, 100)
        return await budget.reserve()

    assert run_virtual(scenario()) == 1


def test_a_closed_budget_lets_nobody_wait() -> None:
    async def scenario() -> int:
        budget = Budget(1, LARGEST)
        await budget.reserve()
        asyncio.get_running_loop().call_later(5, budget.close)
        return await budget.reserve()

    assert run_virtual(scenario()) == 0


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_messages_and_bytes_under_way_never_exceed_the_budget(data: st.DataObject) -> None:
    messages = data.draw(st.integers(1, 40))
    size = data.draw(st.integers(1, 20)) * LARGEST

    async def scenario() -> None:
        budget = Budget(messages, size)
        held: list[int] = []
        for _ in range(20):
            if not budget.spent:
                room = await budget.reserve()
                got = data.draw(st.lists(st.integers(0, LARGEST), max_size=room))
                budget.used(room, got)
                held += got
            if held and data.draw(st.booleans()):
                budget.release(held.pop())
            assert len(held) <= messages
            assert sum(held) <= size

    run_virtual(scenario())
