"""The part of the suite for sources in which leases end and calls fail; `sources.CHECKS` has all of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sluiceway.core.errors import LeaseLost, Transient
from sluiceway.core.outcome import Ack
from sluiceway.testing.abilities import WHEN, needed
from sluiceway.testing.source_case import (
    Check,
    SourceCase,
    extend,
    given_back,
    is_the_same,
    leases,
    nothing_comes,
    put,
    receive,
    settle,
)


async def what_is_not_settled_comes_again_when_its_lease_ends(case: SourceCase) -> None:
    """The worker that held it is lost: another gets it, counted."""
    lease, elapse = leases(case)
    await put(case, 1)
    (delivery,) = await receive(case, 1)
    await elapse(lease + 1)
    (again,) = await receive(case, 1, case.other)
    is_the_same(again, delivery)


async def who_has_lost_a_lease_cannot_delete_what_another_holds(case: SourceCase) -> None:
    """The late one is told LeaseLost, or nothing; the entries beside it have results of their own, in order."""
    lease, elapse = leases(case)
    await put(case, 1)
    (late,) = await receive(case, 1)
    await elapse(lease + 1)
    (held,) = await receive(case, 1)
    await put(case, 1, first=1)
    (beside,) = await receive(case, 1)
    told, done = await settle(case, (late, Ack()), (beside, Ack()))
    assert isinstance(told, LeaseLost | None)
    assert done is None
    assert await settle(case, (held, given_back(0))) == [None], "what another held was deleted"
    (again,) = await receive(case, 1)
    assert again.message.id == held.message.id


async def who_has_lost_a_lease_cannot_give_back_what_another_holds(case: SourceCase) -> None:
    """Nor hold it longer."""
    lease, elapse = leases(case)
    await put(case, 1)
    (late,) = await receive(case, 1)
    await elapse(lease + 1)
    await receive(case, 1)
    (told,) = await settle(case, (late, given_back(0)))
    assert isinstance(told, LeaseLost | None)
    await nothing_comes(case)


async def a_lease_that_is_extended_lasts_longer(case: SourceCase) -> None:
    """For so many seconds from then on, and no longer."""
    lease, elapse = leases(case)
    await put(case, 1)
    (delivery,) = await receive(case, 1)
    await elapse(lease * 0.75)
    assert await extend(case, delivery, seconds=lease) == [None]
    await elapse(lease * 0.75)
    await nothing_comes(case)
    await elapse(lease / 2)
    (again,) = await receive(case, 1)
    is_the_same(again, delivery)


async def a_receive_that_fails_loses_nothing(case: SourceCase) -> None:
    """It raises Transient; what it had taken comes when that lease ends."""
    failing = needed(case.failing, "failing")
    lease, elapse = leases(case)
    await put(case, 1)
    for when in WHEN:
        with failing("receive", when):
            try:
                await case.receiver.receive(10)
            except Transient:
                pass
            else:
                raise AssertionError("a receive that failed did not raise Transient")
        await elapse(lease + 1 if when == "after" else 0)
        (delivery,) = await receive(case, 1)
        assert await settle(case, (delivery, given_back(0))) == [None]


async def a_settlement_that_fails_can_be_made_again(case: SourceCase) -> None:
    """It says Transient for each; the second time it is done, or was done the first time."""
    failing = needed(case.failing, "failing")
    for when in WHEN:
        await put(case, 2)
        held = await receive(case, 2)
        acks = [(each, Ack()) for each in held]
        with failing("settle", when):
            results = await settle(case, *acks)
        assert [type(result) for result in results] == [Transient, Transient]
        await nothing_comes(case)
        for result in await settle(case, *acks):
            assert result is None or (when == "after" and isinstance(result, LeaseLost))
        if case.lease is not None and case.elapse is not None:
            await case.elapse(case.lease + 1)
        await nothing_comes(case)


async def an_extension_that_fails_can_be_made_again(case: SourceCase) -> None:
    """It says Transient for each, and raises nothing: the lease keeper has nobody to tell."""
    failing = needed(case.failing, "failing")
    await put(case, 2)
    held = await receive(case, 2)
    for when in WHEN:
        with failing("extend", when):
            results = await extend(case, *held, seconds=case.lease or 60)
        assert [type(result) for result in results] == [Transient, Transient]
        assert await extend(case, *held, seconds=case.lease or 60) == [None, None]


CHECKS: Final[Sequence[Check]] = (
    what_is_not_settled_comes_again_when_its_lease_ends,
    who_has_lost_a_lease_cannot_delete_what_another_holds,
    who_has_lost_a_lease_cannot_give_back_what_another_holds,
    a_lease_that_is_extended_lasts_longer,
    a_receive_that_fails_loses_nothing,
    a_settlement_that_fails_can_be_made_again,
    an_extension_that_fails_can_be_made_again,
)
