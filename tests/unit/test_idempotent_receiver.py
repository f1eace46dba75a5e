"""`idempotent_receiver`: one of each key goes through, whatever competes, fails, dies or comes late."""

# ruff: noqa: FBT003 - a completion takes the engine's word as its only argument

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Coroutine
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from sluiceway import JSON, Claimed, Defer, Drop, Duration, Message, Record, Reject, Transient
from sluiceway.adapters.memory_store import MemoryStore
from sluiceway.testing import ManualClock, VirtualClock, run_virtual
from sluiceway_patterns.idempotent import IdempotentReceiver

Process = Callable[[Message], Any]


class Faulty(MemoryStore):
    """A store in memory whose next puts fail, before or after their effect."""

    def __init__(self, clock: Any) -> None:
        super().__init__(clock)
        self.down = False
        self.lose_answers = 0

    async def get(self, key: str) -> Record | None:
        if self.down:
            raise Transient("the store is down")
        await asyncio.sleep(0)  # so that others come between
        return await super().get(key)

    async def put(self, key: str, value: bytes, *, ttl: float, version: str | None = None) -> str | None:
        if self.down:
            raise Transient("the store is down")
        written = await super().put(key, value, ttl=ttl, version=version)
        if self.lose_answers:
            self.lose_answers -= 1
            raise Transient("the answer got lost")
        return written


class Shared:
    """A context for several workers, all on one store."""

    pipeline = "orders"
    component = "once"

    def __init__(self, clock: Any = None) -> None:
        self.clock = clock or ManualClock(1000)
        self.random = random.Random(1)  # noqa: S311 - chance in a test, not cryptography
        self.kept = Faulty(self.clock)
        self.counts: Counter[str] = Counter()

    async def store(self, choice: object) -> Faulty:
        return self.kept

    def count(self, name: str, amount: int = 1, **labels: str) -> None:
        self.counts[name] += amount


def on(test: Callable[[Shared, Process], Coroutine[Any, Any, None]], **keys: Any) -> None:
    async def opened() -> None:
        shared = Shared()
        async with receiver(**keys).open(shared) as process:  # type: ignore[arg-type] # what is used of a context
            await test(shared, process)

    asyncio.run(opened())


def receiver(**keys: Any) -> IdempotentReceiver:
    return IdempotentReceiver.model_validate({"key": {"jmes": "body.no"}, "store": "memory", **keys})


def order(number: JSON = 1, message_id: str = "m1") -> Message:
    return Message({"no": number}, id=message_id)


def test_the_first_goes_on_and_once_it_is_done_repeats_are_dropped_for_the_window() -> None:
    async def test(shared: Shared, process: Process) -> None:
        first = await process(order())
        assert isinstance(first, Claimed)
        assert first.message == order()
        await first.complete(True)
        assert await process(order(message_id="m2")) == Drop("a repeat of a message that is done")
        assert await process(order()) == Drop("a repeat of a message that is done")
        assert shared.counts == {"repeat": 2}
        await shared.clock.sleep(3599)
        assert isinstance(await process(order()), Drop)
        await shared.clock.sleep(1)
        assert isinstance(await process(order()), Claimed)

    on(test, window="1h")


KEYS: list[JSON] = [1, 2, "x", True, [1], {"a": 1}, 1.5, "é" * 600, "é" * 601, "\ud800", "\ud801", "\ufffd"]


def test_a_key_that_cannot_be_written_is_rejected() -> None:
    async def test(_: Shared, process: Process) -> None:
        with pytest.raises(Reject, match="the key cannot be written"):
            await process(order(["\ud800"]))

    on(test)


def test_messages_with_other_keys_do_not_meet() -> None:
    async def test(_: Shared, process: Process) -> None:
        results = [await process(order(n)) for n in KEYS]
        assert all(isinstance(result, Claimed) for result in results)

    on(test)


def test_by_default_a_message_is_known_by_its_id() -> None:
    async def test(_: Shared, process: Process) -> None:
        assert isinstance(await process(Message(1, id="a")), Claimed)
        assert isinstance(await process(Message(1, id="b")), Claimed)
        assert isinstance(await process(Message(2, id="a")), Defer)

    on(test, key={"jmes": "id"})


@pytest.mark.parametrize("body", [{}, {"no": None}, {"no": ""}, "text"])
def test_a_message_without_a_key_is_rejected(body: JSON) -> None:
    async def test(_: Shared, process: Process) -> None:
        with pytest.raises(Reject, match="the message has no key") as caught:
            await process(Message(body))
        assert caught.value.error == "missing"

    on(test)


def test_while_one_is_in_progress_its_repeat_is_given_back_for_the_rest_of_the_lease() -> None:
    async def test(shared: Shared, process: Process) -> None:
        assert isinstance(await process(order()), Claimed)
        await shared.clock.sleep(100)
        for repeat in (order(message_id="m2"), order()):
            later = await process(repeat)
            assert isinstance(later, Defer)
            assert 200 < later.delay <= 221
        assert shared.counts == {"in_progress": 2}

    on(test)


def test_what_is_given_back_or_dead_lettered_is_let_in_again_at_once() -> None:
    async def test(_: Shared, process: Process) -> None:
        await (await process(order())).complete(False)
        again = await process(order())
        assert isinstance(again, Claimed)
        await again.complete(True)
        assert isinstance(await process(order()), Drop)

    on(test)


def test_of_two_at_a_time_exactly_one_goes_on() -> None:
    async def test(_: Shared, process: Process) -> None:
        results = await asyncio.gather(*(process(order(message_id=f"m{n}")) for n in range(10)))
        assert Counter(type(result) for result in results) == {Claimed: 1, Defer: 9}

    on(test)


def test_after_the_lease_another_takes_over_and_the_late_one_changes_nothing() -> None:
    async def test(shared: Shared, process: Process) -> None:
        late = await process(order())
        await shared.clock.sleep(300)
        second = await process(order(message_id="m2"))
        assert isinstance(second, Claimed)
        await late.complete(True)  # its effects have happened: it is acknowledged, and nothing is overwritten
        assert isinstance(await process(order(message_id="m3")), Defer)
        await late.complete(False)
        assert isinstance(await process(order(message_id="m3")), Defer)
        assert (shared.counts["taken_over"], shared.counts["superseded"]) == (1, 1)
        await second.complete(True)
        assert isinstance(await process(order(message_id="m3")), Drop)

    on(test)


def test_one_that_is_late_but_was_not_overtaken_is_done() -> None:
    async def test(shared: Shared, process: Process) -> None:
        late = await process(order())
        await shared.clock.sleep(3000)
        await late.complete(True)
        assert isinstance(await process(order()), Drop)
        assert not shared.counts["superseded"]

    on(test)


def test_one_whose_successor_has_given_up_is_done() -> None:
    async def test(shared: Shared, process: Process) -> None:
        late = await process(order())
        await shared.clock.sleep(300)
        await (await process(order())).complete(False)
        await late.complete(True)
        assert isinstance(await process(order()), Drop)

    on(test)


def test_while_the_store_is_down_nothing_goes_through_and_nothing_is_called_done() -> None:
    async def test(shared: Shared, process: Process) -> None:
        held = await process(order())
        shared.kept.down = True
        with pytest.raises(Transient):
            await process(order(2))
        with pytest.raises(Transient):
            await held.complete(True)
        shared.kept.down = False
        await held.complete(True)
        assert isinstance(await process(order()), Drop)

    on(test)


def test_a_claim_that_was_written_although_its_answer_got_lost_is_one_s_own() -> None:
    async def test(shared: Shared, process: Process) -> None:
        shared.kept.lose_answers = 1
        claimed = await process(order())
        assert isinstance(claimed, Claimed)
        assert isinstance(await process(order(message_id="m2")), Defer)
        shared.kept.lose_answers = 1
        with pytest.raises(Transient):
            await claimed.complete(True)
        await claimed.complete(True)  # as the engine asks again
        assert not shared.counts["superseded"]
        assert isinstance(await process(order()), Drop)

    on(test)


def test_a_record_of_somebody_else_lets_nothing_through() -> None:
    async def test(shared: Shared, process: Process) -> None:
        await shared.kept.put("1", b'{"count": 3}', ttl=60)
        with pytest.raises(Transient, match="none of an idempotent receiver"):
            await process(order())

    on(test)


def test_of_equal_children_of_one_message_one_goes_on_and_none_waits_for_the_other() -> None:
    async def test(_: Shared, process: Process) -> None:
        assert isinstance(await process(order(message_id="m1/0")), Claimed)
        assert await process(order(message_id="m1/1/3")) == Drop("a repeat within the same message")
        assert isinstance(await process(order(message_id="m2/1")), Defer)

    on(test)


@pytest.mark.parametrize("keys", [{"window": "0s"}, {"lease": "0s"}, {"key": {"jmes": "body.["}}, {"store": "disk"}])
def test_settings_that_cannot_work_are_refused(keys: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        receiver(**keys)


@pytest.mark.parametrize(
    ("key", "fix"),
    [
        ("body.no", "{jmes: body.no}"),
        ("id", "{jmes: id}"),
        ("order no", "{jmes: body.order_no}"),
        ({"literal": ["body.no"]}, "{jmes: body.order_no}"),
    ],
)
def test_a_key_that_is_the_same_for_every_message_is_refused_with_what_was_meant(key: object, fix: str) -> None:
    with pytest.raises(ValidationError) as caught:
        receiver(key=key)
    [error] = caught.value.errors()
    assert error["loc"] == ("key",)
    assert error["msg"].endswith(f"would be dropped as repeats: write {fix}")


def test_a_message_that_is_done_is_known_for_no_shorter_than_one_in_progress() -> None:
    assert receiver(window="5m", lease="5m").window == Duration("5m")
    with pytest.raises(ValidationError, match=r"window \(1m\) is shorter than lease \(5m\)"):
        receiver(window="1m")


def test_the_store_must_be_named() -> None:
    with pytest.raises(ValidationError, match="store"):
        IdempotentReceiver.model_validate({})


async def until_answered(shared: Shared, claimed: Claimed, *, done: bool) -> None:
    while True:
        try:
            await claimed.complete(done)
        except Transient:
            await shared.clock.sleep(1)
        else:
            return


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_whatever_competes_fails_or_dies_a_key_is_never_in_two_hands_within_a_lease(seed: int) -> None:
    """Workers with a clock and a store in common take a key in turns; some die, some are slow, some fail."""
    chance = random.Random(seed)  # noqa: S311 - chance in a test, not cryptography
    lease, holders = 20.0, list[tuple[float, float]]()

    async def worker(shared: Shared, process: Process, name: str) -> None:
        for _ in range(30):
            try:
                result = await process(order(message_id=name))
            except Transient:
                await shared.clock.sleep(1)
                continue
            if isinstance(result, Drop):
                return
            if isinstance(result, Defer):
                await shared.clock.sleep(result.delay)
                continue
            begun = shared.clock.now()
            await shared.clock.sleep(chance.uniform(0, 1.5 * lease))
            holders.append((begun, min(shared.clock.now(), begun + lease)))
            match chance.choice(["done", "fails", "dies", "deaf"]):
                case "done":
                    await until_answered(shared, result, done=True)
                    return
                case "fails":
                    await until_answered(shared, result, done=False)
                case "dies":
                    await shared.clock.sleep(lease)
                case _:
                    shared.kept.lose_answers = 1

    async def run() -> None:
        shared = Shared(VirtualClock())
        async with receiver(lease="20s").open(shared) as process:  # type: ignore[arg-type] # what is used of a context
            await asyncio.gather(*(worker(shared, process, f"m{n}") for n in range(4)))

    run_virtual(run())
    spans = sorted(holders)
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
