"""From receive to settle: what the worker promises when all goes well, and when a sink does not."""

# ruff: noqa: ARG001 - made-up stages and faults name what they are given

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pytest

from sluiceway.core.errors import OutsideError, Reject, Transient
from sluiceway.core.message import Message
from sluiceway.core.ports import Delivery
from sluiceway.testing import AfterEffect, StrictDeadLetters, StrictQueue, StrictSink

if TYPE_CHECKING:
    from conftest import Bench


def test_every_message_reaches_every_sink_and_is_deleted(bench: type[Bench]) -> None:
    ran = bench(sinks={"bus": StrictSink(), "partner": StrictSink()}).send(*range(25)).run()
    assert ran.bodies("bus") == ran.bodies("partner") == list(range(25))
    assert sorted(ran.queue.deleted) == sorted(f"m{n}" for n in range(1, 26))
    assert ran.report.received == 25
    assert ran.report.settled == {"Ack": 25}


def test_nothing_is_deleted_before_each_sink_has_accepted(bench: type[Bench]) -> None:
    seen: list[list[str]] = []
    run = bench(sinks={"bus": StrictSink(takes=2), "partner": StrictSink(takes=7)}).send("a")
    run.at(6.9, lambda: seen.append(list(run.queue.deleted))).run()
    assert seen == [[]]
    assert run.queue.deleted == ["m1"]
    assert 7 <= run.ended_at < 7.1


def test_only_the_refused_entries_are_sent_again(bench: type[Bench]) -> None:
    def throttled(message: Message, times: int) -> Transient | None:
        return Transient("throttled") if message.body in (3, 7) and times == 1 else None

    seen: list[list[str]] = []
    run = bench(sinks={"bus": StrictSink(entries=throttled)}).send(*range(10))
    run.at(0.2, lambda: seen.append(list(run.queue.deleted))).run()
    first, *again = run.sinks["bus"].calls
    assert len(first) == 10
    assert sorted(name for call in again for name in call) == ["m4", "m8"]
    assert sorted(seen[0]) == sorted({f"m{n}" for n in range(1, 11)} - {"m4", "m8"})
    assert len(run.queue.deleted) == len(run.queue.received) == 10


def test_a_failed_leg_is_tried_again_alone_while_the_other_sink_is_not_sent_it_twice(bench: type[Bench]) -> None:
    down = StrictSink(calls=lambda call: Transient("503") if call <= 4 else None)
    run = bench(sinks={"bus": StrictSink(), "partner": down}).send("a").run()
    assert run.bodies("bus") == run.bodies("partner") == ["a"]
    assert len(run.sinks["bus"].calls) == 1
    assert len(down.calls) == 5
    assert run.queue.received == ["m1"]


def test_a_leg_that_keeps_failing_is_given_back_after_hold(bench: type[Bench]) -> None:
    down = StrictSink(calls=lambda call: Transient("503") if call <= 5 else None)
    run = bench(sinks={"bus": StrictSink(), "partner": down}, hold=10).send("a").run()
    assert run.queue.received == ["m1", "m1"]
    assert run.bodies("bus") == ["a", "a"]
    assert run.bodies("partner") == ["a"]
    assert run.facts == []


def test_a_call_that_raises_fails_every_entry_and_none_is_lost(bench: type[Bench]) -> None:
    run = bench(sinks={"bus": StrictSink(calls=[Transient("throttled"), AfterEffect(Transient("reset"))])})
    run.send(*range(3)).run()
    assert set(run.bodies()) == {0, 1, 2}
    assert len(run.queue.deleted) == 3


def test_a_sink_that_does_not_answer_in_time_is_a_transient_failure(bench: type[Bench]) -> None:
    slow = StrictSink(takes=lambda call: 11 if call == 1 else 0)
    run = bench(sinks={"bus": slow}, timeout=10).send("a").run()
    assert run.bodies() == ["a"]
    assert slow.calls == [("m1",), ("m1",)]


def test_a_sink_that_gives_too_few_results_is_a_bug_of_the_sink(bench: type[Bench]) -> None:
    class Short(StrictSink):
        async def send(self, messages: object) -> list[None]:
            return []

    run = bench(sinks={"bus": Short()}, attempts=1).send("a").run()
    assert run.facts[0].error == "bug"
    assert "0 results for 1 messages" in run.facts[0].reason


def test_a_sink_that_would_end_the_process_is_a_bug_of_the_sink(bench: type[Bench]) -> None:
    class Leaves(StrictSink):
        async def send(self, messages: object) -> list[None]:
            raise SystemExit(3)

    run = bench(sinks={"bus": Leaves(), "partner": StrictSink()}, attempts=1).send("a").run()
    assert [(fact.stage, fact.error, fact.accepted) for fact in run.facts] == [("bus", "bug", ("partner",))]
    assert run.facts[0].reason.startswith("RuntimeError: bus raised SystemExit(3) (test_worker.py:")


@pytest.mark.parametrize("answer", [None, 3, {"m1": None}, [True], ["accepted"]])
def test_a_sink_that_gives_no_results_is_a_bug_of_the_sink(bench: type[Bench], answer: object) -> None:
    class Says(StrictSink):
        async def send(self, messages: Sequence[Message]) -> Any:
            return answer

    run = bench(sinks={"bus": Says()}, attempts=2).send("a").run()
    assert [(fact.stage, fact.error) for fact in run.facts] == [("bus", "bug")]
    assert run.log.count("drain cut short") == 0


def test_a_sink_that_is_cancelled_from_within_fails_its_batch_at_once(bench: type[Bench]) -> None:
    class GivesUpOnce(StrictSink):
        calls_seen = 0

        async def send(self, messages: Sequence[Message]) -> Any:
            self.calls_seen += 1
            if self.calls_seen == 1:
                raise asyncio.CancelledError
            return await super().send(messages)

    run = bench(sinks={"bus": GivesUpOnce()}).send("a").run()
    assert run.bodies() == ["a"]
    assert run.ended_at < 60
    assert run.log.count("drain cut short") == 0


def test_retry_after_is_honoured(bench: type[Bench]) -> None:
    run = bench(sinks={"bus": StrictSink(calls=[Transient("429", retry_after=42)])}).send("a").run()
    assert 42 <= run.ended_at < 43


def test_what_the_sink_rejects_is_dead_lettered_and_the_rest_delivered(bench: type[Bench]) -> None:
    def picky(message: Message, times: int) -> Reject | None:
        return Reject("no such field", error="refused") if message.body == 2 else None

    run = bench(sinks={"bus": StrictSink(entries=picky)}).send(*range(4)).run()
    assert run.bodies() == [0, 1, 3]
    assert [(fact.id, fact.stage, fact.error) for fact in run.facts] == [("m3", "bus", "refused")]


def test_a_message_too_large_for_a_sink_is_dead_lettered_as_oversize(bench: type[Bench]) -> None:
    run = bench().send("x" * 1001, "small").run()
    assert run.bodies() == ["small"]
    assert [(fact.stage, fact.error) for fact in run.facts] == [("bus", "oversize")]
    assert "claim_check.store" in run.facts[0].reason


def test_routes_choose_sinks_and_what_no_sink_takes_is_unroutable(bench: type[Bench]) -> None:
    def by_kind(message: Message) -> Message:
        return message.to(str(message.body))

    run = bench(
        stages={"by-kind": by_kind},
        sinks={"bus": StrictSink(), "partner": StrictSink(), "audit": StrictSink()},
        routes={"bus": ("big",), "partner": ("big", "small")},
    )
    run.send("big", "small", "odd").run()
    assert (run.bodies("bus"), run.bodies("partner"), run.bodies("audit")) == (
        ["big"],
        ["big", "small"],
        ["big", "small", "odd"],
    )


def test_what_no_sink_takes_is_rejected_as_unroutable(bench: type[Bench]) -> None:
    run = bench(stages={"r": to_the_right}, routes={"bus": ("left",)}).send("a").run()
    assert [(fact.stage, fact.error, fact.reason) for fact in run.facts] == [
        ("sinks", "unroutable", "no sink takes it (its routes: right)")
    ]


def test_what_no_sink_takes_is_dropped_when_the_file_says_so(bench: type[Bench]) -> None:
    run = bench(stages={"r": to_the_right}, routes={"bus": ("left",)}, unrouted="drop").send("a").run()
    assert run.facts == []
    assert run.queue.deleted == ["m1"]
    assert run.kinds() == ["dropped"]


def to_the_right(message: Message) -> Message:
    return message.to("right")


def test_a_repeat_from_the_queue_is_one_more_delivery_under_the_same_id(bench: type[Bench]) -> None:
    run = bench(queue_options={"duplicates": lambda _, receipts: receipts == 1}).send("a").run()
    assert run.ids() == ["m1", "m1"]
    assert run.queue.deleted == ["m1", "m1"]


def test_an_exhausted_source_ends_the_worker(bench: type[Bench]) -> None:
    run = bench().run()
    assert run.worker.state == "stopped"
    assert run.ended_at < 1


def test_a_queue_that_is_gone_ends_the_worker_with_that_error(bench: type[Bench]) -> None:
    run = bench(queue_options={"receives": [None, OutsideError("queue q does not exist")]}).send("a")
    with pytest.raises(OutsideError, match="queue q does not exist"):
        run.run()
    assert run.bodies() == ["a"]
    assert run.queue.deleted == ["m1"]


def test_a_queue_that_does_not_answer_is_asked_again_with_backoff(bench: type[Bench]) -> None:
    run = bench(queue_options={"receives": [Transient("throttled")] * 4}).send("a").run()
    assert run.bodies() == ["a"]
    assert 7 < run.ended_at < 16
    assert run.log.count("source does not answer") == 1
    assert run.log.count("source answers again") == 1


def test_a_queue_that_answers_again_after_an_hour_is_heard_within_half_a_minute(bench: type[Bench]) -> None:
    class Down(StrictQueue):
        async def receive(self, limit: int) -> Sequence[Delivery]:
            if self._clock.monotonic() < 3600:
                raise Transient("503", retry_after=7200 if self._clock.monotonic() < 60 else None)
            return await super().receive(limit)

    run = bench(queue_class=Down).send("a").run()
    assert run.bodies() == ["a"]
    assert run.ended_at < 3630


def test_messages_of_a_lost_receive_come_when_their_leases_end(bench: type[Bench]) -> None:
    run = bench(queue_options={"receives": [AfterEffect(Transient("reset"))]}).send("a").run()
    assert run.queue.received == ["m1", "m1"]
    assert run.bodies() == ["a"]
    assert 60 <= run.ended_at < 80


@pytest.mark.parametrize("in_flight", [1, 3, 10, 25])
def test_no_more_messages_are_under_way_than_the_budget_allows(bench: type[Bench], in_flight: int) -> None:
    run = bench(sinks={"bus": StrictSink(takes=1)}, in_flight=in_flight).send(*range(100)).run()
    assert len(run.queue.deleted) == 100
    assert run.queue.most_in_flight == in_flight


def test_no_more_bytes_are_under_way_than_the_budget_allows(bench: type[Bench]) -> None:
    held = [0, 0]

    async def weigh(message: Message) -> Message:
        held[0] += len(message.payload)
        held[1] = max(held)
        await asyncio.sleep(1)
        held[0] -= len(message.payload)
        return message.with_body(0)

    mebi = 1024 * 1024
    run = bench(stages={"weigh": weigh}, in_flight_bytes=3 * mebi)
    run.send(*(b'"' + b"x" * (mebi - 2) + b'"' for _ in range(9))).run()
    assert len(run.queue.deleted) == 9
    assert held[1] == 3 * mebi


def test_batches_are_filled_across_polls_while_the_queue_is_deep(bench: type[Bench]) -> None:
    def odd(message: Message) -> Message | list[Message]:
        return message if int(str(message.body)) % 2 else []

    run = bench(stages={"odd": odd}).send(*range(200)).run()
    assert [len(call) for call in run.sinks["bus"].calls] == [10] * 10


def test_a_batch_leaves_at_once_when_nothing_can_come_to_fill_it(bench: type[Bench]) -> None:
    run = bench().send("a", "b").run()
    assert run.sinks["bus"].calls == [("m1", "m2")]
    assert run.ended_at < 0.001


@pytest.mark.parametrize("in_flight", [1, 2, 7])
def test_a_small_budget_does_not_starve_on_lingering(bench: type[Bench], in_flight: int) -> None:
    run = bench(in_flight=in_flight).send(*range(500)).run()
    assert len(run.queue.deleted) == 500
    assert run.ended_at < 0.1


def test_a_small_budget_does_not_starve_behind_a_slow_sink(bench: type[Bench]) -> None:
    run = bench(sinks={"bus": StrictSink(takes=0.001)}, in_flight=1).send(*range(500)).run()
    assert run.ended_at < 0.6


def test_a_batch_never_weighs_more_than_the_sink_takes(bench: type[Bench]) -> None:
    run = bench().send(*("x" * 298 for _ in range(10))).run()
    assert [len(call) for call in run.sinks["bus"].calls] == [3, 3, 3, 1]


def test_calls_to_one_sink_at_a_time_are_limited(bench: type[Bench]) -> None:
    busy = [0, 0]

    class Counted(StrictSink):
        async def send(self, messages: object) -> object:
            busy[0] += 1
            busy[1] = max(busy)
            await asyncio.sleep(1)
            busy[0] -= 1
            return [None] * len(messages)

    run = bench(sinks={"bus": Counted()}, concurrency=2).send(*range(100)).run()
    assert len(run.queue.deleted) == 100
    assert busy[1] == 2


def test_dead_letters_are_kept_before_anything_is_deleted(bench: type[Bench]) -> None:
    def reject(message: Message) -> Message:
        raise Reject("wrong")

    seen: list[int] = []
    run = bench(stages={"r": reject}, dead=StrictDeadLetters(takes=5)).send("a")
    run.at(4.9, lambda: seen.append(len(run.queue.deleted))).run()
    assert seen == [0]
    assert len(run.facts) == len(run.queue.deleted) == 1


def test_a_message_that_breaks_the_sink_uses_up_no_attempt_of_those_beside_it(bench: type[Bench]) -> None:
    class Breaks(StrictSink):
        async def send(self, messages: Sequence[Message]) -> Any:
            if any(message.body == 2 for message in messages):
                raise KeyError("poison")
            return await super().send(messages)

    run = bench(sinks={"bus": Breaks()}, attempts=3).send(*range(5)).run()
    assert sorted(run.bodies()) == [0, 1, 3, 4]
    assert [(fact.id, fact.error, fact.attempts) for fact in run.facts] == [("m3", "bug", 3)]
    assert sorted(run.queue.received) == ["m1", "m2", "m3", "m3", "m3", "m4", "m5"]


def test_a_deep_queue_that_hands_out_few_at_a_time_is_polled_several_times_at_once(bench: type[Bench]) -> None:
    class Stingy(StrictQueue):
        polls, most, calls = 0, 0, 0

        async def receive(self, limit: int) -> Sequence[Delivery]:
            self.calls += 1
            self.polls += 1
            self.most = max(self.most, self.polls)
            await asyncio.sleep(0.01)
            try:
                return await super().receive(limit if self.calls == 1 else 3)
            finally:
                self.polls -= 1

    run = bench(queue_class=Stingy).send(*range(100)).run()
    assert run.queue.most == 4
    assert len(run.queue.deleted) == 100
    assert run.ended_at < 0.15
