"""Gathers whose members are held: when a group closes, and what becomes of its members then."""

# ruff: noqa: ARG001, ARG005 - made-up stages and faults name what they are given

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pytest

from sluiceway.core.errors import Reject, Transient
from sluiceway.core.gather import Gather
from sluiceway.core.message import Message
from sluiceway.core.outcome import Claimed, Drop
from sluiceway.testing import StrictSink

if TYPE_CHECKING:
    from tests.unit.engine.conftest import Bench

OPEN = {"close_when_empty": False}


class Words(Gather):
    """Joins words that begin with the same letter; a full stop completes them."""

    def key(self, message: Message) -> str:
        return str(message.body)[0]

    def complete(self, members: Sequence[Message]) -> bool:
        return str(members[-1].body).endswith(".")

    def combine(self, members: Sequence[Message]) -> Message:
        return members[0].with_body(" ".join(str(member.body) for member in members))


def words(**settings: Any) -> Gather:
    return Words(**settings)


def failing(method: str, error: Exception) -> Gather:
    def fail(self: Gather, argument: object) -> object:
        raise error

    return type("Failing", (Words,), {method: fail})()


def test_a_group_is_combined_when_it_is_complete_and_then_its_members_are_deleted(bench: type[Bench]) -> None:
    slow = StrictSink(takes=3)
    seen: list[list[str]] = []
    run = bench(stages={"words": words()}, sinks={"bus": slow}, queue_options=OPEN).send("ab", "ac", "xy", "ad.")
    run.at(2.9, lambda: seen.append(list(run.queue.deleted))).stop_at(5).run()
    assert run.bodies() == ["ab ac ad."]
    assert seen == [[]]
    assert sorted(run.queue.deleted) == ["m1", "m2", "m4"]
    assert run.report.endings["accepted", "bus", ""] == 1


def test_a_group_is_complete_at_its_size(bench: type[Bench]) -> None:
    run = bench(stages={"words": words(size=2)}).send("a1", "b1", "a2", "b2").run()
    assert sorted(run.bodies()) == ["a1 a2", "b1 b2"]


def test_a_combined_message_has_the_same_id_in_whatever_order_its_members_came(bench: type[Bench]) -> None:
    class Sorted(Words):
        def combine(self, members: Sequence[Message]) -> Message:
            return members[0].evolve(id="mine", body=1)

    def ids(*bodies: str) -> list[str]:
        names = {"a1": "x", "a2": "y", "b1": "z"}
        run = bench(stages={"words": Sorted(size=2)}, queue_options=OPEN)
        run.at(0, lambda: [run.queue.send(body, id=names[body]) for body in bodies]).stop_at(1).run()
        return run.ids()

    (first,) = ids("a1", "a2")
    assert ids("a2", "b1", "a1") == [first]
    assert len(first) == 32


@pytest.mark.parametrize("incomplete", ["emit", "dead_letter"])
def test_a_group_whose_time_is_up_is_closed_incomplete(bench: type[Bench], incomplete: str) -> None:
    run = bench(stages={"words": words(within="60s", incomplete=incomplete)}).send("a1", "a2", "b1.").run()
    assert 60 <= run.ended_at < 75
    if incomplete == "emit":
        assert run.bodies() == ["b1.", "a1 a2"]
        return
    assert [(f.stage, f.error, f.id, f.reason) for f in run.facts] == [
        ("words", "incomplete", name, "its group was closed incomplete, with 2: within (1m) was over")
        for name in ("m1", "m2")
    ]
    assert [delivery.raw for delivery, _ in run.dead.accepted] == [b'"a1"', b'"a2"']  # type: ignore[union-attr] # the bench's default
    assert run.bodies() == ["b1."]


def test_at_the_cap_the_oldest_group_is_closed_incomplete(bench: type[Bench]) -> None:
    run = bench(stages={"words": words(max_groups=2, incomplete="emit")}).send("a1", "b1", "c1.", "d1.").run()
    assert run.bodies() == ["a1", "c1.", "b1", "d1."] or run.bodies() == ["a1", "c1.", "d1.", "b1"]


def test_a_member_that_comes_twice_counts_once_and_both_receipts_end_with_the_group(bench: type[Bench]) -> None:
    seen: list[list[str]] = []
    twice = {"close_when_empty": False, "duplicates": lambda name, count: name == "m1" and count == 1}
    run = bench(stages={"words": words(size=2)}, queue_options=twice).send("a1")
    run.at(5, lambda: seen.append(list(run.queue.deleted))).at(6, lambda: run.queue.send("a2")).stop_at(20).run()
    assert run.bodies() == ["a1 a2"]
    assert seen == [[]]
    assert sorted(run.queue.deleted) == ["m1", "m1", "m2"]


def test_a_late_member_opens_a_new_group(bench: type[Bench]) -> None:
    run = bench(stages={"words": words(size=2)}, queue_options=OPEN).send("a1", "a2")
    run.at(5, lambda: run.queue.send("a3")).stop_at(100).run()
    assert run.bodies() == ["a1 a2"]
    assert [f.error for f in run.facts] == ["incomplete"]


def test_at_the_stop_members_of_open_groups_are_given_back_at_once(bench: type[Bench]) -> None:
    run = bench(stages={"words": words()}, queue_options={**OPEN, "wait_time": 1}).send("a1", "b1").stop_at(5).run()
    assert sorted(run.queue.released) == [("m1", 0), ("m2", 0)]
    assert run.ended_at < 7
    assert run.facts == []


def test_a_reject_in_key_ends_that_message_alone(bench: type[Bench]) -> None:
    class Picky(Words):
        def key(self, message: Message) -> str:
            if message.body == 7:
                raise Reject("no word", error="missing")
            return super().key(message)

    run = bench(stages={"words": Picky(size=2)}).send("a1", 7, "a2").run()
    assert [(f.id, f.error) for f in run.facts] == [("m2", "missing")]
    assert run.bodies() == ["a1 a2"]


def test_a_key_that_is_no_text_ends_that_message_alone(bench: type[Bench]) -> None:
    class Halved(Words):
        def key(self, message: Message) -> str:
            return "\ud800" if message.body == 7 else super().key(message)

    run = bench(stages={"words": Halved(size=2)}, attempts=2).send("a1", 7, "a2").run()
    assert [(f.id, f.error) for f in run.facts] == [("m2", "bug")]
    assert run.bodies() == ["a1 a2"]


@pytest.mark.parametrize("method", ["complete", "combine"])
def test_a_reject_of_the_group_ends_every_member_with_its_own_original(bench: type[Bench], method: str) -> None:
    run = bench(stages={"words": failing(method, Reject("no sense"))}).send("a1", "a2.").run()
    assert [(f.id, f.error, f.reason) for f in run.facts] == [(name, "invalid", "no sense") for name in ("m1", "m2")]
    assert [delivery.raw for delivery, _ in run.dead.accepted] == [b'"a1"', b'"a2."']  # type: ignore[union-attr] # the bench's default


@pytest.mark.parametrize("method", ["key", "complete", "combine"])
def test_a_bug_is_tried_again_and_then_every_member_is_dead_lettered(bench: type[Bench], method: str) -> None:
    run = bench(stages={"words": failing(method, ZeroDivisionError())}, attempts=3).send("a1", "a2.").run()
    assert sorted(run.queue.received) == ["m1"] * 3 + ["m2"] * 3
    assert sorted((f.id, f.error, f.attempts) for f in run.facts) == [("m1", "bug", 3), ("m2", "bug", 3)]


@pytest.mark.parametrize(("method", "result"), [("key", 7), ("complete", None), ("combine", "text")])
def test_a_result_of_another_kind_is_a_bug(bench: type[Bench], method: str, result: object) -> None:
    gather = type("Wrong", (Words,), {method: lambda self, argument: result})()
    run = bench(stages={"words": gather}, attempts=1).send("a1.").run()
    (facts,) = run.facts
    assert facts.error == "bug"
    assert f"words: {method} returned {type(result).__name__}, not " in facts.reason


def test_a_combined_message_that_a_sink_refuses_dead_letters_every_member(bench: type[Bench]) -> None:
    refuses = StrictSink(entries=lambda message, times: Reject("no", error="refused"))
    run = bench(stages={"words": words()}, sinks={"bus": refuses, "other": StrictSink()}).send("a1", "a2.").run()
    assert [(f.id, f.stage, f.error, f.accepted) for f in run.facts] == [
        (name, "bus", "refused", ("other",)) for name in ("m1", "m2")
    ]


def test_a_combined_message_that_fails_is_given_back_as_its_members_which_meet_again(bench: type[Bench]) -> None:
    down = StrictSink(calls=lambda call: Transient("503") if call <= 3 else None)
    run = bench(stages={"words": words()}, sinks={"bus": down}, hold=0).send("a1", "a2.").run()
    assert run.bodies() == ["a1 a2."]
    assert run.facts == []
    assert len(set(run.queue.released)) >= 2
    assert run.queue.released[0][1] == run.queue.released[1][1]


def test_a_group_that_has_lost_a_member_closes_without_it_and_the_member_comes_again(bench: type[Bench]) -> None:
    run = bench(stages={"words": words(size=2, incomplete="emit", within="300s")}, queue_options=OPEN).send("a1")
    run.at(10, lambda: lose(run)).at(20, lambda: run.queue.send("a2")).at(30, lambda: run.queue.send("a3"))
    run.stop_at(600).run()
    assert run.bodies() == ["a2 a3", "a1"]


def test_when_a_lease_is_lost_under_way_the_others_are_given_back_and_nothing_starts(bench: type[Bench]) -> None:
    async def slow(message: Message) -> Message:
        await asyncio.sleep(5)
        return message

    run = bench(stages={"words": words(size=2), "slow": slow}, queue_options=OPEN).send("a1", "a2")
    run.at(2, lambda: lose(run)).at(5.5, lambda: seen.append(list(run.bodies()))).stop_at(200)
    seen: list[object] = []
    run.run()
    assert seen == [[]]
    assert ("m2", 0) in run.queue.released
    assert run.report.void == 1


def lose(run: Bench) -> None:
    next(iter(run.worker._ledger.owners.values())).lease.gone = True


def test_children_of_one_message_meet_again_and_it_is_deleted_once(bench: type[Bench]) -> None:
    class Parts(Gather):
        def key(self, message: Message) -> str:
            return message.id.partition("/")[0]

        def combine(self, members: Sequence[Message]) -> Message:
            return members[0].with_body([member.body for member in members])

    run = bench(stages={"split": split, "parts": Parts(size=3)}).send("x", "y").run()
    assert sorted(run.bodies()) == [["x0", "x1", "x2"], ["y0", "y1", "y2"]]
    assert sorted(run.queue.deleted) == ["m1", "m2"]


def split(message: Message) -> list[Message]:
    return [message.with_body(f"{message.body}{n}") for n in range(3)]


def test_gathers_nest(bench: type[Bench]) -> None:
    run = bench(stages={"pairs": words(size=2), "fours": words(size=2)}).send("a1", "a2", "a3", "a4").run()
    assert run.bodies() == ["a1 a2 a3 a4"]
    assert sorted(run.queue.deleted) == ["m1", "m2", "m3", "m4"]


def test_a_combined_message_may_be_dropped_and_split_again(bench: type[Bench]) -> None:
    def some(message: Message) -> list[Message] | Drop:
        return split(message) if "." in str(message.body) else Drop("no stop")

    run = bench(stages={"words": words(size=2), "some": some}).send("a1", "a2", "b1", "b2.").run()
    assert run.bodies() == ["b1 b2.0", "b1 b2.1", "b1 b2.2"]
    assert run.report.endings["dropped", "some", "no stop"] == 1
    assert run.report.settled == {"Ack": 4}


def test_a_message_that_is_on_no_route_of_the_gather_passes_by(bench: type[Bench]) -> None:
    run = bench(stages={"words": words(size=2)}, routes={"words": ("other",)}).send("a1").run()
    assert run.bodies() == ["a1"]


def test_a_budget_smaller_than_a_group_stops_nothing(bench: type[Bench]) -> None:
    gather = words(size=5, within="30m", incomplete="emit")
    run = bench(stages={"words": gather}, in_flight=3).send("a1", "a2", "a3", "a4", "a5").run()
    assert run.bodies()[0] == "a1 a2 a3"
    assert sorted(" ".join(map(str, run.bodies())).split()) == ["a1", "a2", "a3", "a4", "a5"]


def test_a_slow_sink_closes_no_group_early(bench: type[Bench]) -> None:
    run = bench(stages={"words": words(size=3)}, sinks={"bus": StrictSink(takes=9)}, in_flight=3)
    run.send("a1", "b1.", "c1.", "a2", "a3").run()
    assert "a1 a2 a3" in run.bodies()
    assert run.facts == []


@pytest.mark.parametrize("size", [7, 50])
def test_while_a_sink_is_down_time_alone_closes_no_group(bench: type[Bench], size: int) -> None:
    down = StrictSink(calls=lambda call: Transient("503") if asyncio.get_running_loop().time() < 1800 else None)
    run = bench(stages={"words": words(size=size, within="5s", max_groups=2)}, sinks={"bus": down})
    run.send(*(f"{letter}{n}" for n in range(3 * size) for letter in "ab")).run()
    assert run.facts == []
    assert [len(str(body).split()) for body in run.bodies()] == [size] * 6


@pytest.mark.parametrize(("fails", "told"), [(0, [True]), (2, [False, True])])
def test_a_stage_that_claims_a_combined_message_is_told_once_how_it_ended(
    bench: type[Bench], fails: int, told: list[bool]
) -> None:
    heard: list[bool] = []

    async def complete(done: bool) -> None:  # noqa: FBT001 - a completion's own argument
        heard.append(done)

    async def claim(message: Message) -> Claimed:
        return Claimed(message, complete)

    down = StrictSink(calls=lambda call: Transient("503") if call < fails else None)
    run = bench(stages={"words": words(size=2), "claim": claim}, sinks={"bus": down}, hold=0).send("a1", "a2").run()
    assert heard == told
    assert sorted(run.queue.deleted) == ["m1", "m2"]
