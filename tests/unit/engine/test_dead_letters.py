"""The dead-letter queue when it is down, gone, denied, slow or broken: nothing is deleted, and nothing is given up."""

# ruff: noqa: ARG001 - made-up stages and faults name what they are given

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pytest

from sluiceway.core.errors import MessageError, OutsideError, Reject, Transient
from sluiceway.core.message import Message
from sluiceway.core.outcome import Facts
from sluiceway.core.ports import Delivery
from sluiceway.testing import StrictDeadLetters, StrictQueue, StrictSink

if TYPE_CHECKING:
    from tests.unit.engine.conftest import Bench


def picky(message: Message) -> Message:
    if isinstance(message.body, str):
        raise Reject("wrong")
    return message


def now() -> float:
    return asyncio.get_running_loop().time()


class DownUntil(StrictDeadLetters):
    """A dead-letter queue that raises for a while, and notes when it was called."""

    def __init__(self, seconds: float, error: Exception) -> None:
        super().__init__()
        self.times: list[float] = []
        self._seconds = seconds
        self._error = error

    async def bury(self, letters: Sequence[tuple[Delivery, Facts]]) -> Sequence[MessageError | None]:
        self.times.append(now())
        if now() < self._seconds:
            raise self._error
        return await super().bury(letters)


OUTAGES = [
    Transient("503"),
    OutsideError("queue dlq does not exist: create it"),
    OutsideError("access is denied: allow SendMessage"),
    KeyError("a bug"),
]


@pytest.mark.parametrize("error", OUTAGES, ids=["down", "gone", "denied", "broken"])
def test_through_ten_minutes_without_a_dead_letter_queue_nothing_is_lost(bench: type[Bench], error: Exception) -> None:
    dead = DownUntil(600, error)
    run = bench(stages={"picky": picky}, dead=dead).send(*"wrong" * 8, *range(1000))
    run.at(599, lambda: seen.append((list(run.queue.deleted), len(run.facts), len(run.queue.received))))
    seen: list[tuple[list[str], int, int]] = []
    run.run()
    ((deleted, buried, _),) = seen
    assert not {f"m{n}" for n in range(1, 41)} & set(deleted)
    assert buried == 0
    assert len(run.facts) == 40
    assert sorted(run.bodies()) == list(range(1000))
    assert len(run.queue.received) == 1040  # leases were kept all the while: nothing came twice
    assert len([time for time in dead.times if 20 < time < 600]) < 2 * 600 / 30  # one round for each pause
    assert (run.log.count("paused"), run.log.count("resumed")) == (1, 1)
    (line,) = [facts for level, event, facts in run.log.lines if event == "nothing can be dead-lettered"]
    assert str(error.args[0]) in str(line["reason"])
    assert "role" in str(line["fix"])


def test_what_is_held_for_the_dead_letter_queue_follows_as_soon_as_it_serves(bench: type[Bench]) -> None:
    class Slow(DownUntil):
        async def bury(self, letters: Sequence[tuple[Delivery, Facts]]) -> Sequence[MessageError | None]:
            results = await super().bury(letters)
            await asyncio.sleep(1)
            return results

    dead = Slow(600, Transient("503"))
    run = bench(stages={"picky": picky}, dead=dead).send(*"wrong" * 20).run()
    assert len(run.facts) == 100
    assert run.ended_at < min(time for time in dead.times if time >= 600) + 4


def test_receiving_stops_while_a_dead_letter_waits(bench: type[Bench]) -> None:
    run = bench(
        stages={"picky": picky}, dead=DownUntil(600, Transient("503")), queue_options={"close_when_empty": False}
    )
    run.send("wrong")
    run.at(100, lambda: [run.queue.send(n) for n in range(100)])
    run.at(599, lambda: seen.append(len(run.queue.received)))
    seen: list[int] = []
    run.stop_at(900).run()
    assert seen[0] <= 11  # a poll that was under way when it went down
    assert len(run.bodies()) == 100


def test_when_the_lease_of_a_dead_letter_ends_the_message_comes_again(bench: type[Bench]) -> None:
    run = bench(stages={"picky": picky}, dead=DownUntil(600, Transient("503")), limit=120).send("wrong").run()
    assert run.report.void >= 1
    assert len(run.queue.received) >= 2
    assert [fact.reason for fact in run.facts] == ["wrong"]
    assert run.queue.deleted == ["m1"]


def test_a_letter_that_breaks_the_dead_letter_queue_keeps_no_other_out(bench: type[Bench]) -> None:
    class Breaks(StrictDeadLetters):
        async def bury(self, letters: Sequence[tuple[Delivery, Facts]]) -> Sequence[MessageError | None]:
            if any(delivery.message.body == "poison" for delivery, _ in letters):
                raise KeyError("poison")
            return await super().bury(letters)

    run = bench(stages={"picky": picky}, dead=Breaks(), queue_options={"close_when_empty": False})
    run.send("poison", *"wrong")
    for second in range(60):
        run.at(second, lambda: run.queue.send("wrong"))
    run.stop_at(100).run()
    assert len(run.facts) == 65
    assert run.log.count("cannot be dead-lettered") >= 1
    assert [stored.id for stored in run.queue.messages] == ["m1"]


@pytest.mark.parametrize("answer", [None, 3, [], [None, None], [True]])
def test_a_dead_letter_queue_that_gives_no_results_has_kept_nothing(bench: type[Bench], answer: object) -> None:
    class Says(StrictDeadLetters):
        async def bury(self, letters: Sequence[tuple[Delivery, Facts]]) -> Any:
            return answer if now() < 60 else await super().bury(letters)

    seen: list[list[str]] = []
    run = bench(stages={"picky": picky}, dead=Says()).send("wrong")
    run.at(59, lambda: seen.append(list(run.queue.deleted))).run()
    assert seen == [[]]
    assert run.queue.deleted == ["m1"]
    assert len(run.facts) == 1


def test_a_dead_letter_queue_that_never_answers_is_an_outage_and_holds_up_nobody_else(bench: type[Bench]) -> None:
    class Hangs(StrictDeadLetters):
        async def bury(self, letters: Sequence[tuple[Delivery, Facts]]) -> Sequence[MessageError | None]:
            if now() < 1000:
                await asyncio.sleep(10_000)
            return await super().bury(letters)

    def refuse(message: Message, times: int) -> Reject | None:
        return Reject("400", error="refused") if message.body == 0 else None

    done: list[int] = []
    run = bench(sinks={"bus": StrictSink(entries=refuse)}, dead=Hangs()).send(*range(10))
    run.at(1, lambda: done.append(len(run.queue.deleted))).run()
    assert done == [9]
    assert len(run.facts) == 1


def test_a_drain_gives_dead_letters_back_that_cannot_be_kept(bench: type[Bench]) -> None:
    run = bench(stages={"picky": picky}, dead=DownUntil(1000, Transient("503"))).send(*"wrong").stop_at(100).run()
    assert run.queue.deleted == []
    assert sorted(run.queue.released) == [(f"m{n}", 0) for n in range(1, 6)]
    assert run.ended_at < 101


def test_a_source_that_never_answers_a_settlement_is_asked_again(bench: type[Bench]) -> None:
    class Hangs(StrictQueue):
        async def settle(self, settlements: Any) -> Any:
            if now() < 60:
                await asyncio.sleep(10_000)
            return await super().settle(settlements)

    run = bench(queue_class=Hangs).send("a").run()
    assert run.queue.deleted == ["m1"]
    assert 90 <= run.ended_at < 100
    assert run.queue.received == ["m1"]
