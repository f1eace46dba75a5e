"""Gathers whose members are kept in a store: what is acknowledged when, who closes, and what a crash costs."""

# ruff: noqa: ARG001, ARG005, PLR0917, S311 - made-up faults name what they are given; chance is seeded

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.engine.fleet import Fleet, send

from sluiceway.core.errors import Reject, Transient
from sluiceway.core.gather import Gather
from sluiceway.core.message import Message
from sluiceway.core.outcome import Facts
from sluiceway.core.ports import Delivery
from sluiceway.testing import StrictDeadLetters, StrictSink

if TYPE_CHECKING:
    from tests.unit.engine.conftest import Bench


class Words(Gather):
    """Joins words that begin with the same letter; a full stop completes them."""

    def key(self, message: Message) -> str:
        return str(message.body)[0]

    def complete(self, members: Sequence[Message]) -> bool:
        return any(str(member.body).endswith(".") for member in members)

    def combine(self, members: Sequence[Message]) -> Message:
        return members[0].with_body(" ".join(str(member.body) for member in members))


class Pairs(Words):
    size: int = 2
    complete = Gather.complete


def test_members_are_acknowledged_once_they_are_kept_but_for_the_first(bench: type[Bench]) -> None:
    seen: list[list[str]] = []
    fleet = Fleet(bench(stages={"words": Words(within="10m")}))
    fleet.run(
        (0, fleet.start),
        (1, send(fleet, "a1", "a2", "a3")),
        (9, lambda: seen.append(list(fleet.queue.deleted))),
        (10, send(fleet, "a4.")),
        (12, lambda: seen.append(list(fleet.queue.deleted))),
        until=60,
    )
    assert sorted(seen[0]) == ["m2", "m3"]
    assert sorted(seen[1]) == ["m1", "m2", "m3", "m4"]
    assert fleet.bench.bodies() == ["a1 a2 a3 a4."]


def test_members_meet_whichever_worker_receives_them(bench: type[Bench]) -> None:
    fleet = Fleet(bench(stages={"words": Pairs(within="5m")}, sinks={"bus": StrictSink(takes=2)}))
    bodies = [f"{letter}{n}" for letter in "abcdefgh" for n in (1, 2)]
    fleet.run(
        (0, fleet.start), (0, fleet.start), *((n / 7, send(fleet, body)) for n, body in enumerate(bodies)), until=120
    )
    assert sorted(sorted(str(body).split()) for body in fleet.bench.bodies()) == [
        [f"{c}1", f"{c}2"] for c in "abcdefgh"
    ]
    assert fleet.queue.messages == []
    assert fleet.bench.facts == []


def test_workers_that_write_to_one_group_at_the_same_time_lose_nobody(bench: type[Bench]) -> None:
    fleet = Fleet(bench(stages={"words": Words(size=8, within="5m")}))
    arrivals = [(1 + n / 2000, send(fleet, f"a{n}")) for n in range(8)]
    fleet.run((0, fleet.start), (0, fleet.start), (0, fleet.start), *arrivals, until=60)
    (combined,) = fleet.bench.bodies()
    assert sorted(str(combined).split()) == [f"a{n}" for n in range(8)]
    assert fleet.queue.messages == []


def test_a_closer_that_is_late_finds_another_token_and_settles_nothing(bench: type[Bench]) -> None:
    refuses = StrictSink(
        takes=lambda call: 50 if call == 1 else 1, entries=lambda message, times: Reject("no", error="refused")
    )
    fleet = Fleet(bench(stages={"words": Words(within="30m")}, sinks={"bus": refuses}, lease=30, timeout=100))
    fleet.run(
        (0, fleet.start),
        (1, send(fleet, "a1", "a2")),
        (5, lambda: fleet.stall(0)),
        (5.5, send(fleet, "a3.")),
        (6, fleet.start),
        until=120,
    )
    assert sorted(facts.id for facts in fleet.bench.facts) == ["m1", "m2", "m3"]
    assert len(refuses.calls) == 2
    assert fleet.queue.messages == []


def test_the_guardian_closes_a_group_whose_time_is_up(bench: type[Bench]) -> None:
    fleet = Fleet(bench(stages={"words": Words(within="5m", incomplete="emit")}))
    fleet.run((0, fleet.start), (1, send(fleet, "a1", "a2")), until=299)
    assert fleet.bench.bodies() == []
    fleet = Fleet(bench(stages={"words": Words(within="5m", incomplete="emit")}))
    fleet.run((0, fleet.start), (1, send(fleet, "a1", "a2")), until=303)
    assert fleet.bench.bodies() == ["a1 a2"]
    assert fleet.queue.messages == []


def test_an_incomplete_group_is_dead_lettered_member_by_member_as_it_was_received(bench: type[Bench]) -> None:
    fleet = Fleet(bench(stages={"words": Words(within="5m")}))
    fleet.run(
        (0, fleet.start),
        (1, lambda: [fleet.queue.send(b'"a%d"' % n, headers={"n": str(n)}) for n in (1, 2)]),
        until=320,
    )
    letters = {delivery.message.id: (delivery, facts) for delivery, facts in fleet.bench.dead.accepted}
    assert {name: (d.raw, d.attributes, f.error, f.stage) for name, (d, f) in letters.items()} == {
        f"m{n}": (b'"a%d"' % n, {"n": {"DataType": "String", "StringValue": str(n)}}, "incomplete", "words")
        for n in (1, 2)
    }
    assert len(fleet.bench.facts) == 2
    assert fleet.queue.messages == []


def test_a_refused_group_is_dead_lettered_with_all_its_members(bench: type[Bench]) -> None:
    refuses = StrictSink(entries=lambda message, times: Reject("no", error="refused"))
    fleet = Fleet(bench(stages={"words": Pairs()}, sinks={"bus": refuses, "other": StrictSink()}))
    fleet.run((0, fleet.start), (1, send(fleet, "a1", "a2")))
    assert sorted((f.id, f.stage, f.error, f.accepted) for f in fleet.bench.facts) == [
        (name, "bus", "refused", ("other",)) for name in ("m1", "m2")
    ]
    assert fleet.queue.messages == []


def test_a_dead_lettered_member_may_come_again(bench: type[Bench]) -> None:
    fleet = Fleet(bench(stages={"words": Pairs(within="1m")}))
    fleet.run((0, fleet.start), (1, send(fleet, "a1")), (100, lambda: redrive(fleet, "a1", "a2")))
    assert [f.error for f in fleet.bench.facts] == ["incomplete"]
    assert fleet.bench.bodies() == ["a1 a2"]


def redrive(fleet: Fleet, *bodies: str) -> None:
    for number, body in enumerate(bodies, start=1):
        fleet.queue.send(body, id=f"m{number}")


def test_a_member_that_comes_again_when_its_group_is_closed_is_acknowledged(bench: type[Bench]) -> None:
    fleet = Fleet(bench(stages={"words": Pairs(within="1m")}))
    fleet.run((0, fleet.start), (1, send(fleet, "a1", "a2")), (20, lambda: redrive(fleet, "a1", "a2")))
    assert fleet.bench.bodies() == ["a1 a2"]
    assert fleet.bench.facts == []
    assert fleet.queue.messages == []


def test_a_new_member_of_a_closed_group_opens_the_next_one(bench: type[Bench]) -> None:
    fleet = Fleet(bench(stages={"words": Pairs(within="1m", incomplete="emit")}))
    fleet.run((0, fleet.start), (1, send(fleet, "a1", "a2")), (20, send(fleet, "a3")))
    assert fleet.bench.bodies() == ["a1 a2", "a3"]


def test_a_new_group_of_a_key_opens_while_the_one_before_is_being_closed(bench: type[Bench]) -> None:
    slow = StrictSink(takes=lambda call: 9 if call == 1 else 0)
    fleet = Fleet(bench(stages={"words": Pairs()}, sinks={"bus": slow}))
    fleet.run((0, fleet.start), (1, send(fleet, "a1", "a2")), (3, send(fleet, "a3", "a4")), until=30)
    assert fleet.bench.bodies() == ["a3 a4", "a1 a2"]


def test_when_a_guardian_dies_it_comes_again_and_guards_on(bench: type[Bench]) -> None:
    fleet = Fleet(bench(stages={"words": Words(within="5m", incomplete="emit")}))
    fleet.run(
        (0, fleet.start), (1, send(fleet, "a1", "a2")), (30, lambda: fleet.crash(0)), (40, fleet.start), until=310
    )
    assert fleet.bench.bodies() == ["a1 a2"]
    assert fleet.queue.messages == []


def test_when_a_closer_dies_its_delivery_comes_again_and_closes_with_the_same_id(bench: type[Bench]) -> None:
    fleet = Fleet(bench(stages={"words": Words(within="30m")}, sinks={"bus": StrictSink(takes=2)}))
    fleet.run(
        (0, fleet.start),
        (1, send(fleet, "a1")),
        (20, fleet.start),
        (21, send(fleet, "a2.")),
        (22, lambda: [fleet.crash(0), fleet.crash(1)]),
        (23, fleet.start),
        until=600,
    )
    assert set(fleet.bench.bodies()) == {"a1 a2."}
    assert len(set(fleet.bench.ids())) == 1
    assert fleet.queue.messages == []


def test_at_the_stop_a_guardian_is_given_back_at_once(bench: type[Bench]) -> None:
    fleet = Fleet(bench(stages={"words": Words(within="30m")}))
    fleet.run((0, fleet.start), (1, send(fleet, "a1", "a2")), (5, lambda: fleet.stop(0)), until=30)
    assert set(fleet.queue.released) == {("m1", 0)}
    assert fleet.queue.deleted == ["m2"]


def test_beyond_max_groups_the_oldest_guardian_waits_in_the_queue(bench: type[Bench]) -> None:
    fleet = Fleet(bench(stages={"words": Words(within="5m", incomplete="emit", max_groups=2)}))
    fleet.run((0, fleet.start), (1, send(fleet, "a1", "b1", "c1")), until=1000)
    assert sorted(map(str, fleet.bench.bodies())) == ["a1", "b1", "c1"]
    assert [name for name, delay in fleet.queue.released if 290 < delay <= 300] == ["m1"]
    assert fleet.queue.received.count("m1") == 2


def test_guardians_that_fill_the_budget_wait_in_the_queue(bench: type[Bench]) -> None:
    fleet = Fleet(bench(stages={"words": Words(within="5m")}, in_flight=2))
    fleet.run((0, fleet.start), (1, send(fleet, "a1", "b1", "c1", "a2.", "b2.", "c2.")), until=1000)
    assert sorted(map(str, fleet.bench.bodies())) == ["a1 a2.", "b1 b2.", "c1 c2."]
    assert fleet.bench.facts == []


def test_children_of_one_message_meet_again_in_a_store(bench: type[Bench]) -> None:
    class Parts(Gather):
        def key(self, message: Message) -> str:
            return message.id.partition("/")[0]

        def combine(self, members: Sequence[Message]) -> Message:
            return members[0].with_body([member.body for member in members])

    def split(message: Message) -> list[Message]:
        return [message.with_body(f"{message.body}{n}") for n in range(3)]

    fleet = Fleet(bench(stages={"split": split, "parts": Parts(size=3)}))
    fleet.run((0, fleet.start), (1, send(fleet, "x", "y")), until=30)
    assert sorted(map(str, fleet.bench.bodies())) == ["['x0', 'x1', 'x2']", "['y0', 'y1', 'y2']"]
    assert sorted(fleet.queue.deleted) == sorted(fleet.queue.received) == ["m1", "m2"]


def test_a_member_that_is_too_large_for_the_store_is_dead_lettered(bench: type[Bench]) -> None:
    fleet = Fleet(bench(stages={"words": Pairs()}))
    fleet.run((0, fleet.start), (1, send(fleet, "a" * 400_000)), until=30)
    assert [f.error for f in fleet.bench.facts] == ["oversize"]


def test_while_the_dead_letter_queue_is_down_no_member_is_given_up(bench: type[Bench]) -> None:
    down = StrictDeadLetters(calls=lambda call: Transient("down") if call < 12 else None)
    fleet = Fleet(bench(stages={"words": Words(within="1m")}, dead=down))
    fleet.run((0, fleet.start), (1, send(fleet, "a1", "a2")))
    assert {f.id for f in fleet.bench.facts} == {"m1", "m2"}
    assert {f.error for f in fleet.bench.facts} == {"incomplete"}
    assert fleet.queue.messages == []


def test_while_a_sink_is_down_time_alone_ends_no_group_in_a_store(bench: type[Bench]) -> None:
    down = StrictSink(calls=lambda call: Transient("503") if asyncio.get_running_loop().time() < 600 else None)
    fleet = Fleet(bench(stages={"words": Words(within="1m")}, sinks={"bus": down}))
    fleet.run((0, fleet.start), (1, send(fleet, "b1.")), (100, send(fleet, "a1")), (640, send(fleet, "a2.")), until=900)
    assert fleet.bench.bodies() == ["b1.", "a1 a2."]
    assert fleet.bench.facts == []


def test_a_store_that_fails_a_guardian_uses_up_none_of_its_attempts(bench: type[Bench]) -> None:
    fleet = Fleet(bench(stages={"words": Words(within="1h")}, attempts=2))
    asked: list[str] = []

    def fails_the_first_key(key: str) -> bool:
        asked.append(key)
        return key == asked[0] and 10 < fleet.clock.monotonic() < 300

    fleet.fails = fails_the_first_key
    others = [(10 + n, send(fleet, f"b{n}")) for n in range(300)]
    fleet.run((0, fleet.start), (1, send(fleet, "a1", "a2")), *others, until=4000, at_most=8000)
    assert {facts.error for facts in fleet.bench.facts} == {"incomplete"}
    assert {"m1", "m2"} <= {facts.id for facts in fleet.bench.facts}
    assert fleet.queue.messages == []


def test_a_member_that_is_redriven_while_its_group_is_dead_lettered_is_not_lost(bench: type[Bench]) -> None:
    def not_the_third(letter: tuple[Delivery, Facts], times: int) -> Transient | None:
        return Transient("not this one") if letter[1].id == "m3" and fleet.clock.monotonic() < 12 else None

    def refuses_at_first(message: Message, times: int) -> Reject | None:
        return Reject("no", error="refused") if fleet.clock.monotonic() < 30 else None

    dead, sink = StrictDeadLetters(entries=not_the_third), StrictSink(entries=refuses_at_first)
    gather = Words(size=4, within="10m", incomplete="emit")
    fleet = Fleet(bench(stages={"words": gather}, sinks={"bus": sink}, dead=dead))
    dead_at_6: list[str] = []
    fleet.run(
        (0, fleet.start),
        (1, send(fleet, "a1", "a2", "a3")),
        (2, send(fleet, "a4")),
        (6, lambda: dead_at_6.extend(facts.id for facts in dead.facts)),
        (6, lambda: fleet.queue.send("a2", id="m2")),
        until=1000,
    )
    assert "m2" in dead_at_6
    assert fleet.bench.bodies() == ["a2"]


def test_a_guardian_whose_time_is_up_lets_another_finish_who_is_closing_its_group(bench: type[Bench]) -> None:
    for milliseconds in range(0, 60, 2):
        fleet = Fleet(
            bench(stages={"words": Words(size=3, within="1m", incomplete="emit")}, sinks={"bus": StrictSink(takes=2)})
        )
        last = 60.98 + milliseconds / 1000
        fleet.run(
            (0, fleet.start),
            (1, send(fleet, "a1")),
            (2, fleet.start),
            (2.5, send(fleet, "a2")),
            (last, send(fleet, "a3")),
        )
        assert fleet.bench.bodies() in (["a1 a2 a3"], ["a1 a2", "a3"])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    arrivals=st.lists(st.tuples(st.integers(1, 90), st.sampled_from("abc"), st.booleans()), min_size=1, max_size=14),
    size=st.integers(1, 4),
    incomplete=st.sampled_from(["emit", "dead_letter"]),
    crashes=st.lists(st.floats(1, 120), min_size=0, max_size=2),
    seed=st.integers(0, 2**32),
    faults=st.sampled_from([0.0, 0.05, 0.2]),
)
def test_every_member_ends_in_one_combined_message_or_as_a_dead_letter(
    bench: type[Bench],
    arrivals: list[tuple[int, str, bool]],
    size: int,
    incomplete: Any,
    crashes: list[float],
    seed: int,
    faults: float,
) -> None:
    chance = random.Random(seed)

    def fault() -> str:
        return chance.choice(["before", "after"]) if chance.random() < faults else ""

    def refuses(message: Message, times: int) -> Reject | Transient | None:
        if "!" in str(message.body):
            return Reject("no", error="refused")
        return Transient("503") if chance.random() < faults else None

    gather = Pairs(size=size, within="1m", incomplete=incomplete)
    sink = StrictSink(entries=refuses, takes=lambda call: chance.random() * 3)
    fleet = Fleet(bench(stages={"words": gather}, sinks={"bus": sink}, attempts=50, lease=30, limit=600), flaky=fault)
    bodies: dict[str, str] = {}
    sent_twice: dict[str, bool] = {}

    def arrive(number: int, letter: str, *, twice: bool) -> None:
        bodies[f"m{number}"] = f"{letter}{number}{'!' if number % 5 == 0 else ''}"
        sent_twice[f"m{number}"] = twice
        for _ in range(1 + twice):
            fleet.queue.send(bodies[f"m{number}"], id=f"m{number}")

    fleet.run(
        (0, fleet.start),
        (0, fleet.start),
        *((at + n / 2000, partial(arrive, n, letter, twice=twice)) for n, (at, letter, twice) in enumerate(arrivals)),
        *((at, partial(fleet.crash, index)) for index, at in enumerate(crashes)),
        (125, fleet.start),
        until=130,
        at_most=2 * 3600,
    )
    groups = {message.id: str(message.body).split() for message in sink.accepted}
    combined = Counter(body for group in groups.values() for body in group)
    dead = Counter(facts.id for facts in fleet.bench.facts)
    assert fleet.queue.messages == []
    assert max(combined.values(), default=0) <= 1
    assert all(body in combined or name in dead for name, body in bodies.items())
    if crashes or faults:
        return
    for name, body in bodies.items():
        # A second receipt of what is dead-lettered is a message like any other.
        assert (body in combined) != (name in dead) or sent_twice[name], name
    assert len(sink.accepted) == len(groups) or any(sent_twice.values())
