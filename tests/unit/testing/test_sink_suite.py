"""The suite for sinks: the memory sink and the strict one pass it, and it catches what it is for."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import ClassVar
from unittest import SkipTest

import pytest
from pydantic import Field

from sluiceway import JSON, Message, Reject, Sink, Transient
from sluiceway.adapters.memory import MemorySink
from sluiceway.core.errors import MessageError
from sluiceway.testing import AfterEffect, StrictSink, VirtualClock, run_virtual, sinks
from sluiceway.testing.abilities import When
from sluiceway.testing.mocks import Mock, MockContext, RunFailed
from sluiceway.testing.sinks import CHECKS, Arrived, Check, SinkCase

named = pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
Results = list[MessageError | None]


def numbered(number: int) -> Message:
    return Message({"n": number}, id=f"m-{number}")


def arrived(messages: Sequence[Message]) -> list[Arrived]:
    return [Arrived(message.payload, message.headers) for message in messages]


@named
def test_the_memory_sink_does_what_every_sink_must(check: Check) -> None:
    async def scene() -> None:
        chance = random.Random(1)  # noqa: S311 - chance in a test, not cryptography
        context = MockContext("p", "s", VirtualClock(), chance, Mock("s", RunFailed), Counter())
        sink = MemorySink()

        async def all_there_is() -> list[Arrived]:
            return arrived(sink.messages)

        async with sink.open(context) as send:
            await check(SinkCase(sink, send, all_there_is, numbered))

    run_virtual(scene())


@named
def test_the_strict_sink_does_what_every_sink_must(check: Check) -> None:
    run_virtual(check(strict_case()))


def strict_case() -> SinkCase:
    fault: list[Exception | AfterEffect] = []
    unlucky: list[str] = []
    refused = Message("no", id="refused")

    def fate(message: Message, _: int) -> Exception | None:
        if message.id in unlucky:
            return Transient("throttled")
        return Reject("it says no") if message.id == refused.id else None

    strict = StrictSink(calls=lambda _: fault[0] if fault else None, entries=fate)

    @contextmanager
    def failing(when: When) -> Iterator[None]:
        fault.append(Transient("reset") if when == "before" else AfterEffect(Transient("reset")))
        yield
        fault.clear()

    @contextmanager
    def failing_one(message: Message) -> Iterator[None]:
        unlucky.append(message.id)
        yield
        unlucky.clear()

    async def all_there_is() -> list[Arrived]:
        return arrived(strict.accepted)

    return SinkCase(
        MemorySink(),
        strict.send,
        all_there_is,
        numbered,
        refuses=refused,
        failing=failing,
        failing_one=failing_one,
    )


class Shelf(Sink):
    """Put messages on a shelf, at most three at a time."""

    batch_entries: ClassVar[int] = 3
    batch_bytes: ClassVar[int] = 5000

    forward: tuple[str, ...] = Field(default=("trace",), description="Names of the headers to pass on.")


class Place:
    """What takes the messages of a `Shelf`: the hooks are what the broken ones do otherwise."""

    sink: Sink = Shelf()

    def __init__(self) -> None:
        self.kept: list[Arrived] = []
        self.down: When | None = None
        self.unlucky: str = ""

    async def send(self, messages: Sequence[Message]) -> Results:
        if self.down == "before":
            raise Transient("reset")
        results = [self.take(message) for message in messages]
        if self.down == "after":
            raise Transient("reset")
        return results

    def take(self, message: Message) -> MessageError | None:
        if message.id == self.unlucky:
            return Transient("throttled")
        if message.payload == b'"no"':
            return Reject("it says no")
        if self.sink.weigh(message) > 5000:
            return Reject("too large", error="oversize")
        names = self.sink.forward
        self.kept.append(Arrived(message.payload, {name: message.headers.get(name, "") for name in names}))
        return None

    async def all_there_is(self) -> Sequence[Arrived]:
        return list(self.kept)

    @contextmanager
    def failing(self, when: When) -> Iterator[None]:
        self.down = when
        yield
        self.down = None

    @contextmanager
    def failing_one(self, message: Message) -> Iterator[None]:
        self.unlucky = message.id
        yield
        self.unlucky = ""

    def case(self) -> SinkCase:
        return SinkCase(
            self.sink,
            self.send,
            self.all_there_is,
            numbered,
            refuses=Message("no", id="no"),
            failing=self.failing,
            failing_one=self.failing_one,
        )


@named
def test_a_good_sink_passes(check: Check) -> None:
    run_virtual(check(Place().case()))


class Idle(Place):
    """Accepts, and does nothing."""

    async def send(self, messages: Sequence[Message]) -> Results:
        return [None] * len(messages)


class Short(Place):
    """Forgets a result where there are many."""

    async def send(self, messages: Sequence[Message]) -> Results:
        return (await super().send(messages))[:2]


class Tidy(Place):
    """Writes the JSON anew."""

    def take(self, message: Message) -> MessageError | None:
        return super().take(message.with_body(message.body))


class Strict(Place):
    """Refuses what it has."""

    def take(self, message: Message) -> MessageError | None:
        known = any(message.payload == each.body for each in self.kept)
        return Reject("again") if known else super().take(message)


class Touchy(Place):
    """Judges a batch as one."""

    async def send(self, messages: Sequence[Message]) -> Results:
        results = await super().send(messages)
        worst = next((result for result in results if result is not None), None)
        return [worst] * len(messages)


class Small(Place):
    """Takes less than its sink says."""

    def take(self, message: Message) -> MessageError | None:
        return Reject("too large") if len(message.payload) > 4000 else super().take(message)


class Chatty(Place):
    """Passes on every header."""

    def take(self, message: Message) -> MessageError | None:
        result = super().take(message)
        if result is None:
            self.kept[-1] = Arrived(message.payload, message.headers)
        return result


class Mute(Place):
    """Passes on no header."""

    def take(self, message: Message) -> MessageError | None:
        result = super().take(message)
        if result is None:
            self.kept[-1] = Arrived(message.payload)
        return result


class Harsh(Place):
    """Gives up what failed for now."""

    async def send(self, messages: Sequence[Message]) -> Results:
        try:
            results = await super().send(messages)
        except Transient:
            return [Reject("it failed")] * len(messages)
        return [Reject("it failed") if isinstance(result, Transient) else result for result in results]


class Sure(Place):
    """Takes a lost answer for a good one."""

    async def send(self, messages: Sequence[Message]) -> Results:
        try:
            return await super().send(messages)
        except Transient:
            return [None] * len(messages)


class Unweighed(Shelf):
    """Weighs everything the same."""

    def weigh(self, message: Message) -> int:
        return 1


class Angry(Shelf):
    """Rejects what is too large for the wrong reason."""

    def weigh(self, message: Message) -> int:
        if len(message.payload) > 5000:
            raise Reject("no")
        return len(message.payload)


class Boasting(Shelf):
    """Shows what it does not send."""

    def preview(self, message: Message) -> Mapping[str, JSON]:
        return {"body": "as you like it"}


class Wordless(Shelf):
    colour: str = ""


def on(shelf: Sink) -> type[Place]:
    """Return a place with another sink."""
    return type(type(shelf).__name__, (Place,), {"sink": shelf})


BAD: list[tuple[Check, Callable[[], Place]]] = [
    (sinks.what_is_accepted_is_there, Idle),
    (sinks.a_full_batch_is_taken, Short),
    (sinks.a_body_arrives_byte_for_byte, Tidy),
    (sinks.what_is_sent_again_is_accepted_again, Strict),
    (sinks.a_message_that_it_cannot_take_is_rejected_alone, Touchy),
    (sinks.a_message_that_it_cannot_take_is_rejected_alone, Idle),
    (sinks.weigh_counts_the_body, on(Unweighed())),
    (sinks.what_fills_a_batch_is_taken, Small),
    (sinks.what_is_too_large_is_known_before_it_is_sent, on(Unweighed())),
    (sinks.what_is_too_large_is_known_before_it_is_sent, on(Angry())),
    (sinks.only_the_headers_in_forward_arrive, Chatty),
    (sinks.only_the_headers_in_forward_arrive, Mute),
    (sinks.a_preview_shows_what_arrives_and_sends_nothing, on(Boasting())),
    (sinks.a_call_that_fails_is_transient_for_each, Harsh),
    (sinks.a_call_that_fails_is_transient_for_each, Sure),
    (sinks.one_that_fails_for_now_is_transient_alone, Harsh),
    (sinks.one_that_fails_for_now_is_transient_alone, Touchy),
    (sinks.it_says_what_it_is_for, on(Wordless())),
]


@pytest.mark.parametrize(("check", "place"), BAD, ids=lambda value: getattr(value, "__name__", ""))
def test_a_check_catches_what_it_is_for(check: Check, place: Callable[[], Place]) -> None:
    with pytest.raises(AssertionError):
        run_virtual(check(place().case()))


def test_every_check_has_something_that_it_catches() -> None:
    assert {check for check, _ in BAD} == set(CHECKS)


def test_a_check_is_skipped_by_the_name_of_what_the_case_lacks() -> None:
    place = Place()
    bare = SinkCase(place.sink, place.send, place.all_there_is, numbered)
    with pytest.raises(SkipTest, match="the case has no `failing_one`"):
        run_virtual(sinks.one_that_fails_for_now_is_transient_alone(bare))
