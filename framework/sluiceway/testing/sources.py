"""What every source must do: run each of `CHECKS` against yours, each with an empty place to receive from.

```python
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_my_source(check: Check) -> None:
    place = MyPlace(clock)
    async with MySource(…).open(context) as receiver:
        await check(SourceCase(receiver, place.put, lease=60, elapse=clock.sleep))
```

A check that needs what the case does not have is skipped and says what that is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from sluiceway.core.errors import LeaseLost
from sluiceway.core.outcome import Ack
from sluiceway.testing import source_faults
from sluiceway.testing.abilities import needed
from sluiceway.testing.source_case import (
    TRIES,
    Check,
    SourceCase,
    extend,
    given_back,
    is_the_same,
    nothing_comes,
    poll,
    put,
    receive,
    settle,
)

__all__ = ["CHECKS", "Check", "SourceCase"]

_HEADERS: Final = {"trace": "a-1", "Greeting": "grüße"}
_BODIES: Final = (b'{ "total": 12.50, "word": "\xc3\xa4" }', b"{not json", b'{"long": "' + b"x" * 10_000 + b'"}')
_DELAY: Final = 60.0


async def what_is_sent_is_received_byte_for_byte(case: SourceCase) -> None:
    """Whatever it is, with its headers, an id and a receipt of its own, and as received for the first time."""
    for number, body in enumerate(_BODIES):
        await case.send(body, _HEADERS, f"group-{number}" if case.ordered else "")
    received = await receive(case, len(_BODIES))
    assert sorted(each.raw for each in received) == sorted(_BODIES)
    for delivery in received:
        assert delivery.message.payload == delivery.raw
        assert {**delivery.message.headers, **_HEADERS} == dict(delivery.message.headers)
        assert delivery.receive_count == 1
    for names in ({each.message.id for each in received}, {each.receipt for each in received}):
        assert len(names - {""}) == len(_BODIES), "an id or a receipt is missing, or two are the same"


async def a_receive_gives_at_most_what_is_asked_for(case: SourceCase) -> None:
    """A worker has room for so many and no more; the others come later."""
    await put(case, 5)
    ids: set[str] = set()
    for _ in range(TRIES):
        received = await poll(case, 2)
        assert len(received) <= 2
        ids |= {each.message.id for each in received}
        if len(ids) == 5:
            return
    raise AssertionError(f"of 5 messages came {len(ids)}")


async def an_empty_place_gives_nothing(case: SourceCase) -> None:
    """An empty list when the wait is over; or, from what will never have anything, SourceExhausted."""
    assert await poll(case, 10) == []


async def what_is_received_is_handed_to_nobody_else(case: SourceCase) -> None:
    """While its lease lasts."""
    await put(case, 1)
    await receive(case, 1)
    await nothing_comes(case)
    if case.lease is not None and case.elapse is not None:
        await case.elapse(case.lease / 2)
        await nothing_comes(case)


async def what_is_acknowledged_never_comes_again(case: SourceCase) -> None:
    """Not at once, and not when its lease would have ended."""
    await put(case, 1)
    (delivery,) = await receive(case, 1)
    assert await settle(case, (delivery, Ack())) == [None]
    await nothing_comes(case)
    if case.lease is not None and case.elapse is not None:
        await case.elapse(case.lease + 1)
        await nothing_comes(case)


async def what_is_given_back_comes_again(case: SourceCase) -> None:
    """The same message, under a new receipt, and counted."""
    await put(case, 1)
    (delivery,) = await receive(case, 1)
    assert await settle(case, (delivery, given_back(0))) == [None]
    (again,) = await receive(case, 1)
    is_the_same(again, delivery)


async def what_is_given_back_for_later_comes_no_sooner(case: SourceCase) -> None:
    """It comes when its delay is over."""
    elapse = needed(case.elapse, "elapse")
    await put(case, 1)
    (delivery,) = await receive(case, 1)
    assert await settle(case, (delivery, given_back(_DELAY))) == [None]
    await nothing_comes(case)
    await elapse(_DELAY / 2)
    await nothing_comes(case)
    await elapse(_DELAY * 0.6)
    (again,) = await receive(case, 1)
    is_the_same(again, delivery)


async def each_settlement_of_a_batch_has_its_own_result(case: SourceCase) -> None:
    """One for each, and each does its own."""
    await put(case, 12)
    held = await receive(case, 12)
    verdicts = [given_back(0) if number in {3, 10} else Ack() for number in range(12)]
    assert await settle(case, *zip(held, verdicts, strict=True)) == [None] * 12
    again = await receive(case, 2)
    assert {each.message.id for each in again} == {held[3].message.id, held[10].message.id}
    await nothing_comes(case)


async def each_extension_of_a_batch_has_its_own_result(case: SourceCase) -> None:
    """One for each, in order; of what has been acknowledged there is no lease any more."""
    await put(case, 12)
    held = await receive(case, 12)
    assert await settle(case, (held[1], Ack())) == [None]
    results = await extend(case, *held, seconds=case.lease or 60)
    expected = LeaseLost if case.lease is not None else LeaseLost | None
    assert isinstance(results.pop(1), expected)
    assert results == [None] * 11


async def of_two_receivers_each_message_goes_to_one(case: SourceCase) -> None:
    """However they compete."""
    other = needed(case.other, "other")
    await put(case, 12)
    ids: list[str] = []
    for _ in range(TRIES):
        both = await asyncio.gather(poll(case, 3), poll(case, 3, other))
        ids += [each.message.id for received in both for each in received]
        if len(ids) >= 12:
            break
    await nothing_comes(case)
    assert (len(ids), len(set(ids))) == (12, 12)


async def a_group_comes_in_order_and_one_after_the_other(case: SourceCase) -> None:
    """What comes behind a message in its group waits until that one is settled; other groups go on."""
    needed(case.ordered, "ordered")
    for body, group in ((b"1", "g"), (b"2", "g"), (b"3", "g"), (b"4", "h")):
        await case.send(body, {}, group)
    (first,) = await receive(case, 1)
    assert first.group in {"g", "h"}
    ahead = [first]
    if first.raw == b"4":
        ahead = await receive(case, 1)
    assert [(each.raw, each.group) for each in ahead] == [(b"1", "g")]
    while others := await poll(case, 10, case.other):
        assert [(each.raw, each.group) for each in others] == [(b"4", "h")]
    assert await settle(case, (ahead[0], Ack())) == [None]
    for body in (b"2", b"3"):
        (following,) = await receive(case, 1)
        assert following.raw == body
        assert await settle(case, (following, Ack())) == [None]


async def what_is_given_back_stays_before_what_follows_it(case: SourceCase) -> None:
    """A retry changes no order."""
    needed(case.ordered, "ordered")
    for body in (b"1", b"2"):
        await case.send(body, {}, "g")
    (first,) = await receive(case, 1)
    assert await settle(case, (first, given_back(0))) == [None]
    (again,) = await receive(case, 1)
    assert (first.raw, again.raw) == (b"1", b"1")


CHECKS: Final[Sequence[Check]] = (
    what_is_sent_is_received_byte_for_byte,
    a_receive_gives_at_most_what_is_asked_for,
    an_empty_place_gives_nothing,
    what_is_received_is_handed_to_nobody_else,
    what_is_acknowledged_never_comes_again,
    what_is_given_back_comes_again,
    what_is_given_back_for_later_comes_no_sooner,
    each_settlement_of_a_batch_has_its_own_result,
    each_extension_of_a_batch_has_its_own_result,
    of_two_receivers_each_message_goes_to_one,
    a_group_comes_in_order_and_one_after_the_other,
    what_is_given_back_stays_before_what_follows_it,
    *source_faults.CHECKS,
)
"""All of them; each needs an empty place."""
