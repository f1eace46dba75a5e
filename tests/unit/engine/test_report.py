"""What a worker counts, as its log lines say it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from sluiceway.core.message import Message
from sluiceway.core.outcome import Ack, DeadLetter, Facts
from sluiceway.core.ports import Delivery
from sluiceway.engine.report import PROGRESS_EVERY, Ending, Report, count_facts, dead_letter_facts, tell_progress
from sluiceway.testing import StrictSink, VirtualClock, run_virtual

if TYPE_CHECKING:
    from tests.unit.engine.conftest import Bench

MESSAGE = Message(id="m")
DELIVERY = Delivery(MESSAGE, "r", b"")
FACTS = Facts("orders", "as-agreed", "invalid", "body.x is 3", 1, (), "m", "2026-01-01T00:00:00Z")


def drop(report: Report, *reasons: str) -> None:
    for reason in reasons:
        report.ended(DELIVERY, MESSAGE, Ending("dropped", "only-paid", reason))


def test_drops_are_counted_by_reason_rejections_by_class_and_what_components_count_by_label() -> None:
    report = Report(received=6)
    drop(report, "no pattern matched", "no pattern matched", "too old")
    report.ended(DELIVERY, MESSAGE, Ending("rejected", "as-agreed", "body.x is 3", "invalid"))
    report.counts["unknown_field", (("path", "body.gift_wrap"),)] += 2
    for verdict in (Ack(), Ack(), Ack(), DeadLetter(FACTS)):
        report.done(DELIVERY, verdict)
    assert count_facts(report) == {
        "received": 6,
        "done": 3,
        "given_back": 0,
        "dead_lettered": 1,
        "not_settled": 2,
        "dropped": {"only-paid: no pattern matched": 2, "only-paid: too old": 1},
        "rejected": {"as-agreed: invalid": 1},
        "returned": None,
        "counted": {"unknown_field path=body.gift_wrap": 2},
    }


def test_a_line_has_the_most_frequent_reasons_and_the_sum_of_the_others() -> None:
    report = Report()
    drop(report, *(f"reason {n}" for n in range(30)), "often", "often", "x" * 1000, "x" * 1001)
    dropped = count_facts(report)["dropped"]
    assert isinstance(dropped, dict)
    assert len(dropped) == 21
    assert list(dropped.values())[:2] == [2, 2]
    assert dropped["others"] == 12
    assert max(map(len, dropped)) < 120


def test_a_dead_letters_line_has_no_second_time() -> None:
    assert dead_letter_facts(FACTS).keys() == {"pipeline", "stage", "error", "reason", "attempts", "accepted", "id"}


def test_progress_is_told_every_minute_while_something_happens_and_never_when_idle() -> None:
    report, told = Report(), list[tuple[float, object]]()

    async def scenario() -> None:
        loop = asyncio.get_running_loop()

        def tell(facts: Mapping[str, object]) -> None:
            told.append((loop.time(), facts["received"]))

        def receive() -> None:
            report.received += 1

        for seconds in (10, 20, 200):
            loop.call_at(seconds, receive)
        with suppress(TimeoutError):
            async with asyncio.timeout(10 * PROGRESS_EVERY):
                await tell_progress(report, VirtualClock(), tell)

    run_virtual(scenario())
    assert told == [(60, 2), (240, 3)]


def test_the_drain_says_that_it_waits_for_a_poll_and_how_long_at_most(bench: type[Bench]) -> None:
    run = bench(queue_options={"close_when_empty": False}).stop_at(1).run()
    ((_, _, facts),) = [line for line in run.log.lines if line[1] == "draining"]
    assert facts == {"held": 0, "waits_for": "a poll under way, up to 0s"}


def test_a_drain_without_a_poll_says_nothing_of_one(bench: type[Bench]) -> None:
    run = bench(sinks={"bus": StrictSink(takes=5)}, in_flight=1).send("a").stop_at(1).run()
    ((_, _, facts),) = [line for line in run.log.lines if line[1] == "draining"]
    assert facts == {"held": 1, "waits_for": None}
