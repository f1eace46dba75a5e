"""What every store must do: run each of `CHECKS` against yours.

```python
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_my_store(check: Check) -> None:
    clock = ManualClock()
    await check(Opened(MyStore(clock), MyStore(clock), clock.sleep))
```
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from sluiceway.core.errors import Reject
from sluiceway.core.ports import Record, Store
from sluiceway.core.store import LARGEST_VALUE, LONGEST_KEY


@dataclass(frozen=True, slots=True)
class Opened:
    """A store to be checked, which holds none of the keys that the checks use.

    Attributes:
        store: The store, as one worker has it.
        other: The same records, as another worker sees them; the store itself when no other sees them.
        elapse: Lets so many seconds pass on the clocks of both.
    """

    store: Store
    other: Store
    elapse: Callable[[float], Awaitable[object]]


Check: TypeAlias = Callable[[Opened], Awaitable[None]]
"""Raises AssertionError when a store breaks the rule in its name."""

_TTL: Final = 60.0
_COMPETITORS: Final = 8


async def what_is_put_is_there_for_all(opened: Opened) -> None:
    """A record is there when `put` returns: its bytes, its version, for every worker."""
    assert await opened.store.get("put") is None
    value = bytes(range(256))
    version = await _put(opened.store, "put", value)
    assert await opened.store.get("put") == await opened.other.get("put") == Record(value, version)
    empty = await _put(opened.store, "put/ä b?#", b"")
    assert await opened.other.get("put/ä b?#") == Record(b"", empty)


async def a_put_for_no_record_does_not_replace_one(opened: Opened) -> None:
    """What somebody has written is not overwritten by one who thinks that there is nothing."""
    version = await _put(opened.store, "new", b"1")
    assert await opened.other.put("new", b"2", ttl=_TTL) is None
    assert await opened.store.get("new") == Record(b"1", version)


async def a_put_replaces_only_the_version_that_was_read(opened: Opened) -> None:
    """Of two who have read the same version, the later writer is told so, and nothing is written."""
    first = await _put(opened.store, "replace", b"1")
    second = await opened.other.put("replace", b"2", ttl=_TTL, version=first)
    assert second not in (None, first)
    assert await opened.store.put("replace", b"3", ttl=_TTL, version=first) is None
    assert await opened.store.get("replace") == Record(b"2", second or "")
    assert await opened.store.put("never written", b"1", ttl=_TTL, version=first) is None
    assert await opened.store.get("never written") is None


async def of_many_writers_one_wins(opened: Opened) -> None:
    """However many write at once, for no record or for one version, exactly one of them succeeds."""
    version: str | None = None
    for _ in range(3):
        puts = [
            (opened.store, opened.other)[n % 2].put("race", str(n).encode(), ttl=_TTL, version=version)
            for n in range(_COMPETITORS)
        ]
        results = await asyncio.gather(*puts)
        [(winner, version)] = [(n, result) for n, result in enumerate(results) if result is not None]
        assert await opened.store.get("race") == Record(str(winner).encode(), version)


async def a_delete_takes_only_the_version_that_was_read(opened: Opened) -> None:
    """A record that has changed since is not deleted; one that is deleted is gone for all."""
    old = await _put(opened.store, "delete", b"1")
    new = await opened.store.put("delete", b"2", ttl=_TTL, version=old)
    assert not await opened.other.delete("delete", version=old)
    assert await opened.store.get("delete") == Record(b"2", new or "")
    assert await opened.other.delete("delete", version=new or "")
    assert await opened.store.get("delete") is None
    assert not await opened.store.delete("delete", version=new or "")


async def a_version_never_comes_back(opened: Opened) -> None:
    """A record that is deleted and made again, even with the same bytes, is another one for a late writer."""
    old = await _put(opened.store, "again", b"same")
    assert await opened.other.delete("again", version=old)
    new = await _put(opened.other, "again", b"same")
    assert new != old
    assert await opened.store.put("again", b"late", ttl=_TTL, version=old) is None
    assert not await opened.store.delete("again", version=old)
    assert await opened.store.get("again") == Record(b"same", new)


async def what_has_expired_is_as_good_as_gone(opened: Opened) -> None:
    """After its time a record is not read, replaced or deleted; a new one takes its place."""
    old = await _put(opened.store, "expire", b"1")
    await opened.elapse(_TTL - 2)
    assert await opened.other.get("expire") == Record(b"1", old)
    assert await opened.other.put("expire", b"2", ttl=_TTL) is None
    await opened.elapse(4)
    assert await opened.store.get("expire") is None
    assert await opened.store.put("expire", b"2", ttl=_TTL, version=old) is None
    assert not await opened.store.delete("expire", version=old)
    new = await _put(opened.other, "expire", b"3")
    assert await opened.store.get("expire") == Record(b"3", new)


async def each_put_begins_the_time_anew(opened: Opened) -> None:
    """A record lives for its latest `ttl`."""
    version = await _put(opened.store, "renew", b"1")
    await opened.elapse(_TTL / 2)
    assert await opened.store.put("renew", b"2", ttl=_TTL, version=version)
    await opened.elapse(_TTL - 2)
    assert await opened.store.get("renew") is not None
    await opened.elapse(4)
    assert await opened.store.get("renew") is None


async def what_is_too_large_is_rejected(opened: Opened) -> None:
    """The largest key and value fit; one byte more of either is rejected as `oversize` and not written."""
    key = "k" * LONGEST_KEY
    version = await _put(opened.store, key, bytes(LARGEST_VALUE))
    assert await opened.other.get(key) == Record(bytes(LARGEST_VALUE), version)
    for long_key, large_value in ((key + "k", b""), ("large", bytes(LARGEST_VALUE + 1))):
        try:
            await opened.store.put(long_key, large_value, ttl=_TTL)
        except Reject as error:
            assert error.error == "oversize"  # noqa: PT017 - the suite needs no pytest
        else:
            raise AssertionError("what is too large was not rejected")
    assert await opened.store.get("large") is None


CHECKS: Final[Sequence[Check]] = (
    what_is_put_is_there_for_all,
    a_put_for_no_record_does_not_replace_one,
    a_put_replaces_only_the_version_that_was_read,
    of_many_writers_one_wins,
    a_delete_takes_only_the_version_that_was_read,
    a_version_never_comes_back,
    what_has_expired_is_as_good_as_gone,
    each_put_begins_the_time_anew,
    what_is_too_large_is_rejected,
)
"""All of them. They use keys of their own each, so that one opened store does for all."""


async def _put(store: Store, key: str, value: bytes) -> str:
    version = await store.put(key, value, ttl=_TTL)
    assert version is not None, f"there was a record {key!r} already, or an expired one was not treated as gone"
    return version
