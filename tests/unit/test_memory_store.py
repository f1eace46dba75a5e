"""The store in memory: as every store, and bounded."""

from __future__ import annotations

import pytest

from sluiceway.adapters.memory_store import MemoryStore
from sluiceway.testing import ManualClock
from sluiceway.testing.stores import CHECKS, Check, Opened


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_the_store_in_memory_does_what_every_store_must(check: Check) -> None:
    clock = ManualClock()
    store = MemoryStore(clock)
    await check(Opened(store, store, clock.sleep))


async def test_a_full_store_forgets_what_was_written_longest_ago_and_says_so() -> None:
    forgotten: list[None] = []
    store = MemoryStore(ManualClock(), size=5_000, forgot=lambda: forgotten.append(None))
    first = await store.put("0", b"", ttl=60)
    for n in range(1, 5):
        await store.put(str(n), bytes(600), ttl=60)
    assert not forgotten
    await store.put("0", b"again", ttl=60, version=first)  # now the latest write
    await store.put("5", bytes(600), ttl=60)
    assert [await store.get(str(n)) is None for n in range(6)] == [False, True, False, False, False, False]
    assert len(forgotten) == 1


async def test_a_store_that_only_holds_what_is_over_forgets_nothing() -> None:
    forgotten: list[None] = []
    clock = ManualClock()
    store = MemoryStore(clock, size=5_000, forgot=lambda: forgotten.append(None))
    for n in range(1000):
        assert await store.put(str(n), bytes(600), ttl=1)
        await clock.sleep(1)
    assert not forgotten
    assert len(store._records) == 1


async def test_what_is_rewritten_and_deleted_gives_its_room_back() -> None:
    forgotten: list[None] = []
    store = MemoryStore(ManualClock(), size=5_000, forgot=lambda: forgotten.append(None))
    await store.put("kept", bytes(600), ttl=60)
    version = await store.put("key", bytes(600), ttl=60)
    for _ in range(100):
        version = await store.put("key", bytes(600), ttl=60, version=version)
    for _ in range(100):
        assert version
        assert await store.delete("key", version=version)
        version = await store.put("key", bytes(600), ttl=60)
    assert not forgotten
