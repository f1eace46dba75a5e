"""Batches of workers that compete, and parts of split messages that are put together again, when workers are killed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.engine.fleet import Fleet, send

from sluiceway import Message
from sluiceway.testing import StrictSink
from sluiceway_patterns.aggregator import Aggregator, Batch
from sluiceway_patterns.resequencer import Resequencer
from sluiceway_patterns.splitter import Splitter

if TYPE_CHECKING:
    from tests.unit.engine.conftest import Bench

BY_SPLIT = {
    "key": {"jmes": 'headers."sluiceway-split"'},
    "complete": {"count": {"jmes": 'headers."sluiceway-split-count"'}},
    "order": {"jmes": 'headers."sluiceway-split-index"'},
}


def batching(bench: type[Bench], **keys: Any) -> Fleet:
    return Fleet(bench(stages={"batch": Batch.model_validate(keys)}), shares=False)


# A batch: no key, so each worker has its own.


def test_batches_of_several_workers_have_each_message_once_and_need_no_table(bench: type[Bench]) -> None:
    fleet = batching(bench, size=5, within="5s")
    fleet.run((0, fleet.start), (0, fleet.start), *((1 + n / 9, send(fleet, n)) for n in range(43)), until=120)
    batches = [body for body in fleet.bench.bodies() if isinstance(body, list)]
    assert sorted(number for batch in batches for number in batch) == [*range(43)]  # type: ignore[type-var] # numbers
    assert max(map(len, batches)) == 5
    assert (fleet.queue.messages, fleet.bench.facts) == ([], [])


def test_what_is_in_an_open_batch_of_a_killed_worker_comes_again_in_others(bench: type[Bench]) -> None:
    fleet = batching(bench, size=3, within="5m")
    fleet.run(
        (0, fleet.start),
        (1, send(fleet, 1, 2)),
        (10, lambda: fleet.crash(0)),
        (11, fleet.start),
        (12, send(fleet, 3, 4)),
        until=600,
    )
    assert sorted(map(str, fleet.bench.bodies())) == ["[2]", "[3, 4, 1]"]
    assert (fleet.queue.messages, fleet.bench.facts) == ([], [])


# A splitter before, whose parts are put together again.


@pytest.mark.parametrize("kill_at", [1.5, 2.5, 3.5, 4.5, 5.5, 6.5])
def test_parts_are_put_together_once_whenever_a_worker_is_killed(bench: type[Bench], kill_at: float) -> None:
    split = Splitter.model_validate({"each": {"jmes": "body"}})

    async def look_up(message: Message) -> Message:
        await asyncio.sleep(int(str(message.body)))  # one part after the other
        return message

    fleet = Fleet(
        bench(
            stages={"split": split.process, "look-up": look_up, "gather": Aggregator.model_validate(BY_SPLIT)},
            sinks={"bus": StrictSink(takes=1)},
        )
    )
    fleet.run(
        (0, fleet.start),
        (0, fleet.start),
        (1, send(fleet, [1, 2, 3], [3, 2, 1])),
        (kill_at, lambda: fleet.crash(0)),
        (kill_at + 1, fleet.start),
        until=700,
    )
    assert {str(body) for body in fleet.bench.bodies()} == {"[1, 2, 3]", "[3, 2, 1]"}
    assert len(set(fleet.bench.ids())) == 2
    assert (fleet.queue.messages, fleet.bench.facts) == ([], [])


# A long sequence, in more batches than one.


def test_a_sink_that_sends_one_batch_at_a_time_is_sent_a_long_sequence_in_its_order(bench: type[Bench]) -> None:
    one_key = {"jmes": "'A'"}
    in_order = Resequencer.model_validate({"key": one_key, "number": {"jmes": "body"}, "count": 35, "size": 35})
    slow_at_first = StrictSink(takes=lambda call: 3 if call == 1 else 0)
    run = bench(stages={"in-order": in_order}, sinks={"bus": slow_at_first}, concurrency=1)
    run.send(*reversed(range(35))).run()
    assert run.bodies() == [*range(35)]
    assert len(slow_at_first.calls) > 1
