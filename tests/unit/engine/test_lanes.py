"""FIFO: the messages of one group go one after the other, groups go side by side."""

# ruff: noqa: ARG005 - made-up faults name what they are given

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import pytest

from sluiceway.core.errors import LeaseLost, Reject, Transient
from sluiceway.core.message import Message
from sluiceway.core.outcome import Defer
from sluiceway.testing import StrictDeadLetters, StrictSink

if TYPE_CHECKING:
    from tests.unit.engine.conftest import Bench

Fifo = Callable[..., "Bench"]

OPEN = {"close_when_empty": False}


def failing(*names: str, times: int = 1, error: Exception | None = None) -> Callable[[Message], Message]:
    """A stage that fails these messages, by body, so often."""
    left = dict.fromkeys(names, times)

    def stage(message: Message) -> Message:
        name = str(message.body)
        if left.get(name, 0) > 0:
            left[name] -= 1
            raise error or ValueError("a bug")
        return message

    return stage


def accepted(run: Bench, group: str, sink: str = "bus") -> list[str]:
    return [str(body) for body in run.bodies(sink) if str(body).startswith(group)]


def names(group: str, count: int) -> list[str]:
    return [f"{group}{n:02}" for n in range(count)]


def test_a_groups_messages_arrive_one_after_the_other_and_batches_hold_heads_of_different_groups(fifo: Fifo) -> None:
    run = fifo(sinks={"bus": StrictSink(takes=1)})
    for group in "abc":
        run.send(*names(group, 3), group=group)
    run.run()
    assert [sorted(call) for call in run.sinks["bus"].calls] == [
        ["m1", "m4", "m7"],
        ["m2", "m5", "m8"],
        ["m3", "m6", "m9"],
    ]


def test_the_next_of_a_group_is_not_begun_before_the_delete_of_the_one_before_is_confirmed(fifo: Fifo) -> None:
    begun: list[tuple[str, list[str]]] = []

    def look(message: Message) -> Message:
        begun.append((message.id, list(run.queue.deleted)))
        return message

    run = fifo(stages={"look": look}, queue_options={"settles": [Transient("reset")]})
    run.send(*names("a", 3), group="a").run()
    assert begun == [("m1", []), ("m2", ["m1"]), ("m3", ["m1", "m2"])]
    assert 0 < run.ended_at < 2


def test_what_waits_in_hand_waits_for_no_linger(fifo: Fifo) -> None:
    run = fifo().send(*names("a", 10), group="a").run()
    assert run.ended_at == 0
    assert accepted(run, "a") == names("a", 10)


def test_a_slow_group_holds_up_no_other(fifo: Fifo) -> None:
    ended: dict[str, float] = {}

    async def slow(message: Message) -> Message:
        await asyncio.sleep(5 if str(message.body).startswith("a") else 0)
        ended[str(message.body)] = asyncio.get_running_loop().time()
        return message

    run = fifo(stages={"slow": slow}).send(*names("a", 4), group="a").send(*names("b", 4), group="b").run()
    assert ended["a03"] == 20
    assert ended["b03"] == 0
    assert accepted(run, "a") == names("a", 4)


@pytest.mark.parametrize("on_failure", ["block", "dead_letter"])
def test_when_the_head_is_given_back_those_behind_it_are_released_after_it(fifo: Fifo, on_failure: str) -> None:
    run = fifo(on_failure=on_failure, stages={"fails": failing("a00")}).send(*names("a", 3), group="a").run()
    delays = [(name, bool(delay)) for name, delay in run.queue.released]
    assert delays == [("m1", True), ("m2", False), ("m3", False)]
    assert run.queue.received == ["m1", "m2", "m3"] * 2
    assert accepted(run, "a") == names("a", 3)


def test_a_deferred_head_takes_its_lane_with_it(fifo: Fifo) -> None:
    def early(message: Message) -> Any:
        return Defer(30, "too early") if message.meta["receive_count"] == 1 and message.body == "a00" else message

    run = fifo(stages={"early": early}).send(*names("a", 3), group="a").run()
    assert run.queue.released == [("m1", 30), ("m2", 0), ("m3", 0)]
    assert accepted(run, "a") == names("a", 3)


def test_a_failing_group_holds_up_no_other(fifo: Fifo) -> None:
    run = (
        fifo(stages={"fails": failing("a00", times=4)}).send(*names("a", 5), group="a").send(*names("b", 5), group="b")
    )
    run.run()
    assert run.bodies() == names("b", 5) + names("a", 5)


def test_a_released_follower_has_used_up_no_attempt(fifo: Fifo) -> None:
    run = fifo(on_failure="dead_letter", stages={"fails": failing("a00", "a01", times=2)}, attempts=3)
    run.send(*names("a", 2), group="a").run()
    assert run.queue.received.count("m2") == 5
    assert accepted(run, "a") == names("a", 2)
    assert run.facts == []


def test_with_block_a_message_that_keeps_failing_holds_up_its_group_until_it_is_too_old(fifo: Fifo) -> None:
    run = fifo(stages={"fails": failing("a00", times=99)}, attempts=2, max_age=600).send(*names("a", 3), group="a")
    run.run()
    assert run.queue.received.count("m1") > 5
    assert [(facts.id, facts.error) for facts in run.facts] == [("m1", "expired")]
    assert accepted(run, "a") == names("a", 3)[1:]
    assert run.ended_at > 600
    said = [(event, facts["group"]) for _, event, facts in run.log.lines if event.startswith("group")]
    assert said == [("group blocked", "a"), ("group goes on", "a")]


def test_with_block_a_leg_of_its_own_failures_is_held_and_never_exhausted(fifo: Fifo) -> None:
    sink = StrictSink(entries=lambda message, times: Transient("no") if message.body == "a00" and times < 9 else None)
    run = fifo(sinks={"bus": sink}, attempts=2).send(*names("a", 2), group="a").send(*names("b", 200), group="b").run()
    assert run.facts == []
    assert accepted(run, "a") == names("a", 2)


def test_with_dead_letter_a_message_that_keeps_failing_leaves_and_its_group_goes_on(fifo: Fifo) -> None:
    run = fifo(on_failure="dead_letter", stages={"fails": failing("a00", times=99)}, attempts=3, max_age=600)
    run.send(*names("a", 3), group="a").run()
    assert [(facts.id, facts.error, facts.attempts) for facts in run.facts] == [("m1", "bug", 3)]
    assert accepted(run, "a") == names("a", 3)[1:]
    assert run.ended_at < 60


def test_a_rejected_message_leaves_at_once_and_its_group_goes_on(fifo: Fifo) -> None:
    run = fifo(stages={"wrong": failing("a01", error=Reject("wrong"))}).send(*names("a", 3), group="a").run()
    assert [facts.id for facts in run.facts] == ["m2"]
    assert accepted(run, "a") == ["a00", "a02"]
    assert run.queue.received == ["m1", "m2", "m3"]


def test_while_the_dead_letter_queue_refuses_a_message_its_group_waits(fifo: Fifo) -> None:
    dead = StrictDeadLetters(entries=lambda letter, times: Reject("too large") if times == 1 else None)
    run = fifo(stages={"wrong": failing("a00", times=9, error=Reject("wrong"))}, dead=dead)
    run.send(*names("a", 3), group="a").run()
    assert [name for name, _ in run.queue.released] == ["m1", "m2", "m3"]
    assert accepted(run, "a") == ["a01", "a02"]


def test_an_outage_blocks_and_dead_letters_nothing(fifo: Fifo) -> None:
    sink = StrictSink(calls=lambda call: Transient("down") if call < 20 else None)
    run = fifo(on_failure="dead_letter", sinks={"bus": sink}, attempts=1)
    run.send(*names("a", 5), group="a").send(*names("b", 5), group="b").run()
    assert (accepted(run, "a"), accepted(run, "b"), run.facts) == (names("a", 5), names("b", 5), [])


def test_a_failed_leg_held_under_its_lease_holds_up_its_own_lane_alone(fifo: Fifo) -> None:
    sink = StrictSink(entries=lambda message, times: Transient("no") if message.body == "a00" and times < 4 else None)
    run = fifo(sinks={"bus": sink}).send(*names("a", 3), group="a").send(*names("b", 3), group="b").run()
    assert run.bodies() == [*names("b", 3), *names("a", 3)]
    assert run.queue.released == []


@pytest.mark.parametrize("lost", ["m1", "m2"])
def test_a_lost_lease_drops_the_lane_and_what_was_not_begun_goes_back(fifo: Fifo, lost: str) -> None:
    begun: list[str] = []

    async def slow(message: Message) -> Message:
        begun.append(message.id)
        if len(begun) == 1:
            owner = next(o for o in run.worker._ledger.owners.values() if o.delivery.message.id == lost)
            run.worker.keeper._lose([run.worker.keeper._leases[owner.delivery.receipt]])
        await asyncio.sleep(1)
        return message

    run = fifo(stages={"slow": slow}).send(*names("a", 3), group="a")
    run.run()
    assert begun == (["m1", "m1", "m2", "m3"] if lost == "m1" else ["m1", "m2", "m3"])
    assert accepted(run, "a") == names("a", 3)
    released = [name for name, _ in run.queue.released]
    assert released == (["m2", "m3"] if lost == "m1" else ["m3"])
    assert run.report.void == 1


def test_a_settlement_that_comes_too_late_starts_nothing_behind_it(fifo: Fifo) -> None:
    run = fifo(
        queue_options={
            "entries": lambda name, verdict, times: LeaseLost("late") if times == 1 and name == "m1" else None
        }
    )
    run.send(*names("a", 3), group="a").run()
    assert accepted(run, "a") == ["a00", *names("a", 3)]


def test_at_a_stop_heads_are_finished_and_those_behind_go_back_at_once(fifo: Fifo) -> None:
    run = fifo(sinks={"bus": StrictSink(takes=8)}, queue_options=OPEN)
    run.send(*names("a", 4), group="a").send(*names("b", 4), group="b").stop_at(1)
    seen: list[Any] = []
    run.at(2, lambda: seen.append((list(run.queue.deleted), sorted(run.queue.released)))).run()
    assert seen == [([], [("m2", 0), ("m3", 0), ("m4", 0), ("m6", 0), ("m7", 0), ("m8", 0)])]
    assert sorted(run.bodies()) == ["a00", "b00"]
    assert run.queue.deleted == ["m1", "m5"]
    assert run.queue.in_flight == []


def test_a_drain_cut_short_gives_everything_back_and_the_head_comes_first(fifo: Fifo) -> None:
    run = fifo(sinks={"bus": StrictSink(takes=9999)}, timeout=99999, queue_options=OPEN)
    run.send(*names("a", 4), group="a").stop_at(1).run()
    assert [stored.id for stored in run.queue.messages] == ["m1", "m2", "m3", "m4"]
    assert run.queue.in_flight == []


def split(message: Message) -> Sequence[Message]:
    return [message.with_body(f"{message.body}/{n}") for n in range(3)]


def test_the_children_of_one_message_arrive_in_order_one_at_a_time(fifo: Fifo) -> None:
    sink = StrictSink(entries=lambda message, times: Transient("no") if message.body == "a00/0" and times < 3 else None)
    run = fifo(stages={"split": split}, sinks={"bus": sink, "copy": StrictSink(takes=1)})
    run.send(*names("a", 2), group="a").send(*names("b", 2), group="b").run()
    for name in ("bus", "copy"):
        for group in "ab":
            assert accepted(run, group, name) == [f"{group}0{n}/{c}" for n in range(2) for c in range(3)]
    assert ("m1/0", "m3/0") in run.sinks["copy"].calls, "children of different groups go together"


def test_when_a_child_is_given_back_so_are_those_after_it(fifo: Fifo) -> None:
    sink = StrictSink(
        entries=lambda message, times: Transient("no") if message.body == "a00/1" and times == 1 else None
    )
    run = fifo(stages={"split": split}, sinks={"bus": sink}, hold=0).send("a00", group="a").run()
    assert accepted(run, "a") == ["a00/0", "a00/0", "a00/1", "a00/2"]


def test_a_rejected_child_stops_none_of_its_siblings(fifo: Fifo) -> None:
    sink = StrictSink(entries=lambda message, times: Reject("no") if message.body == "a00/1" else None)
    run = fifo(stages={"split": split}, sinks={"bus": sink}).send("a00", group="a").run()
    assert accepted(run, "a") == ["a00/0", "a00/2"]
    assert [facts.id for facts in run.facts] == ["m1/1"]


def test_a_child_that_fails_in_a_stage_keeps_the_others_from_passing_it(fifo: Fifo) -> None:
    run = fifo(stages={"split": split, "fails": failing("a00/0")}).send("a00", group="a").run()
    assert accepted(run, "a") == ["a00/0", "a00/1", "a00/2"]


def test_a_hot_group_starves_nobody_however_small_the_budget(fifo: Fifo) -> None:
    run = fifo(in_flight=4, stages={"fails": failing("a00", times=12)})
    run.send(*names("a", 40), group="a").send(*names("b", 5), group="b").send(*names("c", 5), group="c").run()
    assert sorted(run.bodies()[:10]) == names("b", 5) + names("c", 5)
    assert accepted(run, "a") == names("a", 40)


def test_a_group_on_a_standard_queue_asks_for_no_order(bench: type[Bench]) -> None:
    run = bench(sinks={"bus": StrictSink(takes=1)})

    def grouped(deliveries: Any) -> Any:
        for delivery in deliveries:
            delivery.group = "tenant"
        return deliveries

    class Fair(run.queue_class):  # type: ignore[name-defined,misc] # a queue made here
        async def receive(self, limit: int) -> Any:
            return grouped(await super().receive(limit))

    run.queue_class = Fair
    run.send(*range(10)).run()
    assert [len(call) for call in run.sinks["bus"].calls] == [10]
