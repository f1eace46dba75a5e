"""The suite for dead letters: the memory sink and the strict one pass it, and it catches what it is for."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import cast

import pytest

from sluiceway import JSON, Reject, Transient
from sluiceway.adapters.memory import MemorySink
from sluiceway.core.errors import MessageError
from sluiceway.core.outcome import Facts
from sluiceway.core.ports import Delivery
from sluiceway.testing import AfterEffect, StrictDeadLetters, VirtualClock, dead_letters, run_virtual
from sluiceway.testing.abilities import When
from sluiceway.testing.dead_letters import CHECKS, Buried, Check, DeadLetterCase
from sluiceway.testing.mocks import Mock, MockContext, RunFailed

named = pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
Letters = Sequence[tuple[Delivery, Facts]]
Results = Sequence[MessageError | None]


def buried(letters: Letters) -> list[Buried]:
    return [
        Buried(
            delivery.raw, cast("dict[str, JSON]", {**asdict(facts), "accepted": [*facts.accepted]}), delivery.attributes
        )
        for delivery, facts in letters
    ]


@named
def test_the_memory_sink_keeps_dead_letters_as_every_sink_must(check: Check) -> None:
    async def scene() -> None:
        chance = random.Random(1)  # noqa: S311 - chance in a test, not cryptography
        context = MockContext("p", "s", VirtualClock(), chance, Mock("s", RunFailed), Counter())
        sink = MemorySink()

        async def all_there_is() -> list[Buried]:
            return buried(sink.buried)

        async with sink.open_dead_letters(context) as bury:
            await check(DeadLetterCase(bury, all_there_is))

    run_virtual(scene())


class Grave:
    """Strict dead letters: the methods are what the broken ones do otherwise."""

    def __init__(self) -> None:
        self.fault: Exception | AfterEffect | None = None
        self.strict = StrictDeadLetters(calls=lambda _: self.fault)

    async def bury(self, letters: Letters) -> Results:
        return await self.strict.bury(letters)

    async def all_there_is(self) -> list[Buried]:
        return buried(self.strict.accepted)

    @contextmanager
    def failing(self, when: When) -> Iterator[None]:
        self.fault = Transient("reset") if when == "before" else AfterEffect(Transient("reset"))
        yield
        self.fault = None


@named
def test_the_strict_fake_keeps_dead_letters_as_every_sink_must(check: Check) -> None:
    grave = Grave()
    run_virtual(check(DeadLetterCase(grave.bury, grave.all_there_is, grave.failing)))


class Cleaning(Grave):
    """Keeps what is JSON only."""

    async def bury(self, letters: Letters) -> Results:
        await super().bury([letter for letter in letters if letter[0].raw.startswith(b"{ ")])
        return [None] * len(letters)


class Bare(Grave):
    """Loses the attributes, and one of the facts."""

    async def bury(self, letters: Letters) -> Results:
        return await super().bury(
            [(Delivery(each.message, "", each.raw), replace(facts, stage="")) for each, facts in letters]
        )


class Curt(Grave):
    """Takes no long reasons."""

    async def bury(self, letters: Letters) -> Results:
        if any(len(facts.reason) > 1000 for _, facts in letters):
            return [Reject("too long")] * len(letters)
        return await super().bury(letters)


class Narrow(Grave):
    """Confirms ten at a time."""

    async def bury(self, letters: Letters) -> Results:
        return (await super().bury(letters))[:10]


class Once(Grave):
    """Refuses what it has."""

    async def bury(self, letters: Letters) -> Results:
        return [Reject("again")] * len(letters) if self.strict.accepted else await super().bury(letters)


class Sure(Grave):
    """Takes a call that failed for one that did not."""

    async def bury(self, letters: Letters) -> Results:
        try:
            return await super().bury(letters)
        except Transient:
            return [None] * len(letters)


BAD: list[tuple[Check, type[Grave]]] = [
    (dead_letters.a_dead_letter_is_the_message_as_it_was_received, Cleaning),
    (dead_letters.a_dead_letter_is_the_message_as_it_was_received, Bare),
    (dead_letters.its_facts_lie_beside_it, Bare),
    (dead_letters.however_long_the_reason_it_is_kept, Curt),
    (dead_letters.more_than_one_call_takes_are_all_kept, Narrow),
    (dead_letters.what_is_buried_again_is_confirmed_again, Once),
    (dead_letters.a_call_that_fails_is_transient_for_each, Sure),
]


@pytest.mark.parametrize(("check", "kind"), BAD, ids=lambda value: getattr(value, "__name__", ""))
def test_a_check_catches_what_it_is_for(check: Check, kind: type[Grave]) -> None:
    grave = kind()
    with pytest.raises(AssertionError):
        run_virtual(check(DeadLetterCase(grave.bury, grave.all_there_is, grave.failing)))


def test_every_check_has_something_that_it_catches() -> None:
    assert {check for check, _ in BAD} == set(CHECKS)
