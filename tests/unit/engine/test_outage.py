"""Outages, whole: what is called meanwhile, what is counted against messages, and what is left when it is over."""

# ruff: noqa: ARG001 - made-up stages and faults name what they are given

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, cast

import pytest

from sluiceway.core.cache import MemoryCache
from sluiceway.core.context import Context, HttpAnswer
from sluiceway.core.errors import MessageError, OutsideError, Transient
from sluiceway.core.message import Message
from sluiceway.core.outcome import Ack, Defer, Retry
from sluiceway.engine.dependencies import Dependencies
from sluiceway.engine.outside import WatchedContext
from sluiceway.testing import StrictSink, VirtualClock

if TYPE_CHECKING:
    from tests.unit.engine.conftest import Bench

    from sluiceway.engine.parts import Parts


def now() -> float:
    return asyncio.get_running_loop().time()


class TimedSink(StrictSink):
    """A sink that is down for a while, and notes when it was called; some messages it never takes."""

    def __init__(
        self, start: float, end: float, *, poison: object = None, retry_after: float | None = None, takes: float = 0
    ) -> None:
        super().__init__()
        self._takes_long = takes
        self.times: list[float] = []
        self.asked: set[str] = set()
        self._down = (start, end)
        self._poison = poison
        self._retry_after = retry_after

    async def send(self, messages: Sequence[Message]) -> Sequence[MessageError | None]:
        self.times.append(now())
        self.asked |= {message.id for message in messages}
        await asyncio.sleep(self._takes_long)
        if self._down[0] <= now() < self._down[1]:
            raise Transient("503", retry_after=self._retry_after)
        wanted = [message for message in messages if message.body != self._poison]
        results = iter(await super().send(wanted) if wanted else ())
        return [Transient("500") if message.body == self._poison else next(results) for message in messages]

    def calls_between(self, start: float, end: float) -> int:
        return sum(start <= time < end for time in self.times)


def test_a_sink_down_for_a_minute_costs_nothing_but_time(bench: type[Bench]) -> None:
    sink = TimedSink(0, 60)
    run = bench(sinks={"bus": sink}).send(*range(1000)).run()
    assert sorted(run.bodies()) == list(range(1000))
    assert run.facts == []
    assert len(run.queue.received) == 1000  # each once: what was received is held, the rest is not received
    assert run.ended_at < 100
    assert sink.calls_between(1, 60) <= 6  # after 1, 3, 7, 15 and 31 seconds
    assert (run.log.count("paused"), run.log.count("resumed")) == (1, 1)


def test_what_is_held_goes_on_soon_after_an_outage_and_not_all_at_once(bench: type[Bench]) -> None:
    sink = TimedSink(0, 60, takes=1)
    run = bench(sinks={"bus": sink}).send(*range(200)).run()
    resumed = next(time for time in sink.times if time >= 60)
    after = sorted(time for time in sink.times if time > resumed)
    assert len(run.bodies()) == 200
    assert after[len(after) * 3 // 4] < resumed + 5  # the last have tried it themselves, and wait for longer
    assert max(after.count(time) for time in after) <= 2


def test_hold_ends_the_wait_for_a_sink_that_is_down(bench: type[Bench]) -> None:
    run = bench(sinks={"bus": TimedSink(0, 1000)}, hold=50, in_flight=20).send(*range(20))
    run.at(49, lambda: given_back.append(len(run.queue.released)))
    run.at(80, lambda: given_back.append(len(run.queue.released)))
    given_back: list[int] = []
    run.run()
    assert given_back[0] == 0
    assert given_back[1] >= 20
    assert run.facts == []
    assert sorted(run.bodies()) == list(range(20))


def test_leases_are_kept_through_an_outage_longer_than_a_lease(bench: type[Bench]) -> None:
    run = bench(sinks={"bus": TimedSink(0, 280)}, lease=30, hold=600, in_flight=30).send(*range(30)).run()
    assert sorted(run.bodies()) == list(range(30))
    assert len(run.queue.received) == 30
    assert run.report.void == 0


@pytest.mark.parametrize("outage", [0, 300])
def test_a_poison_message_among_good_ones_ends_alone_whether_there_was_an_outage_or_not(
    bench: type[Bench], outage: float
) -> None:
    run = bench(sinks={"bus": TimedSink(0, outage, poison=0)}, queue_options={"close_when_empty": False})
    run.send(*range(100))
    for second in range(0, 3600, 20):
        run.at(second, lambda: run.queue.send("later"))
    run.stop_at(3600).run()
    assert [(fact.id, fact.error, fact.attempts) for fact in run.facts] == [("m1", "exhausted", 3)]
    assert len([body for body in run.bodies() if body != "later"]) == 99


def test_a_poison_message_alone_does_not_stop_those_that_come_later(bench: type[Bench]) -> None:
    run = bench(sinks={"bus": TimedSink(0, 0, poison="poison")}, queue_options={"close_when_empty": False})
    run.send("poison")
    run.at(100, lambda: seen.append(run.log.count("paused")))
    run.at(100, lambda: run.queue.send("good"))
    run.at(140, lambda: seen.append(len(run.bodies())))
    seen: list[int] = []
    run.stop_at(300).run()
    assert seen == [1, 1]


def test_a_poison_message_without_any_other_is_an_outage_until_it_is_too_old(bench: type[Bench]) -> None:
    sink = TimedSink(0, 0, poison=0)
    run = bench(sinks={"bus": sink}, max_age=3600).send(0).run()
    assert [fact.error for fact in run.facts] == ["expired"]
    assert run.log.count("paused") == 1
    assert sink.calls_between(0, 3600) > 60
    assert max(later - earlier for earlier, later in pairwise(sink.times)) < 130


def test_an_old_message_does_not_expire_before_it_was_tried(bench: type[Bench]) -> None:
    sink = TimedSink(0, 300)
    run = bench(sinks={"bus": sink}, hold=5, max_age=100, in_flight=20).send(*range(60)).run()
    assert {fact.error for fact in run.facts} <= {"expired"}
    assert {fact.id for fact in run.facts} <= sink.asked
    assert len(run.bodies()) + len(run.facts) == 60


def test_outages_and_deferrals_use_up_no_attempt_of_a_message_that_fails_by_itself_later(bench: type[Bench]) -> None:
    async def moody(message: Message) -> Message | Defer:
        if message.body != "poison":
            return message
        if now() < 600:
            raise Transient("503")
        if now() < 1200:
            return Defer(60, "too early")
        raise ValueError("a bug")

    run = bench(stages={"moody": moody}, attempts=4, queue_options={"close_when_empty": False}).send("poison")
    run.stop_at(4000).run()
    assert len(run.queue.received) > 20
    assert [(fact.error, fact.attempts) for fact in run.facts] == [("bug", 4)]


def test_a_settlement_that_comes_to_nothing_makes_nothing_forgotten(bench: type[Bench]) -> None:
    async def moody(message: Message) -> Message:
        if now() < 600:
            raise Transient("503")
        if run.report.void:
            raise ValueError("a bug")
        return message

    def never_deleted(_message: str, verdict: Ack | Retry, _asked: int) -> Transient | None:
        return Transient("no answer") if isinstance(verdict, Ack) else None

    options = {"close_when_empty": False, "entries": never_deleted}
    run = bench(stages={"moody": moody}, attempts=3, limit=120, queue_options=options).send("a message")
    run.stop_at(9000).run()
    assert run.report.void > 0
    assert [(fact.error, fact.attempts) for fact in run.facts[:1]] == [("bug", 3)]


def test_own_failures_of_a_held_leg_are_remembered_when_it_comes_again(bench: type[Bench]) -> None:
    run = bench(sinks={"bus": TimedSink(0, 0, poison=0)}, hold=2, attempts=5, queue_options={"close_when_empty": False})
    run.send(0)
    for second in range(200):
        run.at(second, lambda: run.queue.send("good"))
    run.stop_at(300).run()
    assert [(fact.id, fact.error, fact.attempts) for fact in run.facts] == [("m1", "exhausted", 5)]


def test_a_message_split_into_many_uses_up_one_attempt_a_time(bench: type[Bench]) -> None:
    def split(message: Message) -> list[Message]:
        return [message] * 10

    async def broken(message: Message) -> Message:
        raise ValueError("a bug")

    run = bench(stages={"split": split, "broken": broken}, attempts=3).send("a").run()
    assert len(run.queue.received) == 3
    assert [(fact.error, fact.attempts) for fact in run.facts] == [("bug", 3)]


@pytest.mark.parametrize("asked", [86_400, 43_200, 40_000])
def test_a_very_long_retry_after_is_cut_to_what_the_source_can_do(bench: type[Bench], asked: float) -> None:
    sink = TimedSink(0, 30, retry_after=asked)
    run = bench(sinks={"bus": StrictSink(takes=9), "partner": sink}).send("a").run()
    assert run.report.void == 0
    assert run.bodies("partner") == ["a"]
    ((_, delay),) = run.queue.released
    assert 39_000 < delay < 43_200 - 9


def test_retry_after_keeps_the_other_messages_away_too(bench: type[Bench]) -> None:
    sink = TimedSink(0, 100, retry_after=90)
    run = bench(sinks={"bus": sink}, in_flight=100).send(*range(100)).run()
    assert sink.calls_between(1, 89) == 0
    assert sorted(run.bodies()) == list(range(100))


class Enricher:
    """An HTTP service behind a cache, as a stage has it."""

    def __init__(self, status: Callable[[], int]) -> None:
        self.calls: list[float] = []
        self._status = status

    async def request(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> HttpAnswer:
        self.calls.append(now())
        await asyncio.sleep(0.05)
        return HttpAnswer(self._status(), {}, b"")


class _Given:
    """The context that an enricher is opened with."""

    pipeline, component, random = "bench", "enrich", None

    def __init__(self, service: Enricher) -> None:
        self.clock = VirtualClock()
        self._service = service

    def http(self, *, timeout: float, max_size: int, allow_private: bool = False) -> Enricher:
        return self._service

    def cache(self, *, ttl: float, entries: int) -> MemoryCache:
        return MemoryCache(self.clock, ttl=ttl, entries=entries)


def with_enricher(bench: type[Bench], service: Enricher, **options: Any) -> Bench:
    """Return a bench with one stage, opened as the worker opens it: each call of its client is watched."""

    class EnricherBench(bench):  # type: ignore[misc,valid-type] # the fixture's class is known at run time only
        def parts(self) -> Parts:
            dependencies = Dependencies(VirtualClock(), self.log)
            process = enriching(WatchedContext(cast("Context", _Given(service)), dependencies))
            return dataclasses.replace(super().parts(), processes={"enrich": process}, dependencies=dependencies)

    return EnricherBench(stages={"enrich": cast("Any", None)}, **options)


def enriching(context: WatchedContext) -> Callable[[Message], Awaitable[Message]]:
    http, cache = context.http(timeout=1, max_size=1), context.cache(ttl=3600, entries=1000)

    async def process(message: Message) -> Message:
        async def fetch() -> int:
            status = (await http.request("GET", f"/{message.body}")).status
            if status >= 500:
                raise Transient(f"answered {status}")
            return status

        await cache.get(str(message.body), fetch)
        return message

    return process


def test_answers_from_a_cache_are_no_sign_of_life_of_an_enricher_that_is_down(bench: type[Bench]) -> None:
    service = Enricher(lambda: 503 if 10 <= now() < 1000 else 200)
    run = with_enricher(bench, service, queue_options={"close_when_empty": False}).send("known")
    for second in range(10, 2000, 2):
        run.at(second, lambda: run.queue.send("known"))
    for number in range(20):
        run.at(10 + number, lambda number=number: run.queue.send(number))  # type: ignore[misc] # mypy sees no default
    run.stop_at(4000).run()
    assert run.facts == []
    assert sorted(body for body in run.bodies() if body != "known") == list(range(20))
    during = [time for time in service.calls if 20 < time < 1000]
    assert len(during) < 10 * 1000 / 30 + 50  # a round of ten for each pause
    assert (run.log.count("paused"), run.log.count("resumed")) == (1, 1)


def test_an_enricher_that_is_down_is_not_hammered_and_delays_only(bench: type[Bench]) -> None:
    service = Enricher(lambda: 503 if now() < 60 else 200)
    run = with_enricher(bench, service).send(*range(1000)).run()
    assert sorted(run.bodies()) == list(range(1000))
    assert run.facts == []
    assert len([time for time in service.calls if 1 < time < 60]) <= 6 * 10
    assert len([name for name in run.queue.received if name]) < 1400


def test_a_404_after_an_outage_says_that_the_service_is_back(bench: type[Bench]) -> None:
    service = Enricher(lambda: 503 if now() < 60 else 404)
    run = with_enricher(bench, service).send(*range(50)).run()
    assert run.worker.down == []
    assert (run.log.count("paused"), run.log.count("resumed")) == (1, 1)


def test_a_sink_whose_secret_is_gone_is_an_outage(bench: type[Bench]) -> None:
    class NoSecret(StrictSink):
        async def send(self, messages: Sequence[Message]) -> Sequence[MessageError | None]:
            if now() < 100:
                raise OutsideError("secret t is not there")
            return await super().send(messages)

    run = bench(sinks={"bus": NoSecret()}).send(*range(20)).run()
    assert run.facts == []
    assert len(run.queue.received) == 20
    assert run.log.count("paused") == 1
