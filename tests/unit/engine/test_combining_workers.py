"""The gathers among the patterns, with workers that compete and die: restart, repeats, late members, caps."""

# ruff: noqa: S311 - chance in a test is no cryptography

from __future__ import annotations

import random
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.engine.fleet import Fleet, send

from sluiceway import JSON, Gather
from sluiceway.engine.gather import combined_id
from sluiceway.testing import StrictSink
from sluiceway_patterns.aggregator import Aggregator
from sluiceway_patterns.resequencer import Resequencer

if TYPE_CHECKING:
    from tests.unit.engine.conftest import Bench

COMMON = {"key": {"jmes": "body.order"}, "within": "5m"}
NUMBERED = {"number": {"jmes": "body.n"}, "count": {"jmes": "body.of"}}


def aggregator(**keys: Any) -> Gather:
    complete = {"count": {"jmes": "body.of"}}
    made = {"map": {"order": {"jmes": "key"}, "parts": {"jmes": "members[].body.n"}}}
    return Aggregator.model_validate(
        {**COMMON, "complete": complete, "order": {"jmes": "body.n"}, "combine": made, **keys}
    )


def resequencer(**keys: Any) -> Gather:
    return Resequencer.model_validate({**COMMON, **NUMBERED, **keys})


def part(number: int, of: int = 3, order: str = "A") -> JSON:
    return {"order": order, "n": number, "of": of}


def fleet_of(bench: type[Bench], gather: Gather, *, shares: bool = True, **options: Any) -> Fleet:
    return Fleet(bench(stages={"gather": gather}, **options), shares=shares)


def made(fleet: Fleet) -> list[tuple[str, list[int]]]:
    """Return what reached the sink, by order; what the resequencer passes on is in runs of one order each."""
    groups: list[tuple[str, list[int]]] = []
    for body in fleet.bench.bodies():
        assert isinstance(body, dict)
        order, numbers = str(body["order"]), body.get("parts", [body.get("n")])
        if groups and "n" in body and groups[-1][0] == order:
            groups[-1][1].extend(numbers)  # type: ignore[arg-type] # numbers, as they were sent
        else:
            groups.append((order, list(numbers)))  # type: ignore[arg-type] # as above
    return groups


BOTH = pytest.mark.parametrize("gather", [aggregator, resequencer])
EITHER_STORE = pytest.mark.parametrize("shares", [True, False], ids=["table", "memory"])


# Several workers.


@BOTH
def test_members_that_come_to_several_workers_meet_in_a_table(bench: type[Bench], gather: Any) -> None:
    fleet = fleet_of(bench, gather(max_groups=20))
    parts = [part(n, order=order) for order in "ABCDEFGH" for n in (1, 2, 3)]
    random.Random(1).shuffle(parts)
    fleet.run(
        (0, fleet.start), (0, fleet.start), *((1 + n / 7, send(fleet, p)) for n, p in enumerate(parts)), until=120
    )
    assert sorted(made(fleet)) == [(order, [1, 2, 3]) for order in "ABCDEFGH"]
    assert (fleet.queue.messages, fleet.bench.facts) == ([], [])


# Restart.


@BOTH
@EITHER_STORE
def test_when_a_worker_is_killed_another_completes_its_groups(bench: type[Bench], gather: Any, *, shares: bool) -> None:
    fleet = fleet_of(bench, gather(), shares=shares)
    fleet.run(
        (0, fleet.start),
        (1, send(fleet, part(3), part(1))),
        (20, lambda: fleet.crash(0)),
        (21, fleet.start),
        (90, send(fleet, part(2))),
        until=200,
    )
    assert made(fleet) == [("A", [1, 2, 3])]
    assert (fleet.queue.messages, fleet.bench.facts) == ([], [])
    combined = [combined_id("gather", "A", ["m1", "m2", "m3"])]
    assert fleet.bench.ids() == (combined if gather is aggregator else ["m2", "m3", "m1"])


@BOTH
def test_when_the_worker_that_closes_a_group_is_killed_another_makes_the_same_of_it(
    bench: type[Bench], gather: Any
) -> None:
    fleet = fleet_of(bench, gather(), sinks={"bus": StrictSink(takes=2)})
    fleet.run(
        (0, fleet.start),
        (1, send(fleet, part(3), part(1))),
        (20, fleet.start),
        (21, send(fleet, part(2))),
        (22, lambda: [fleet.crash(0), fleet.crash(1)]),
        (23, fleet.start),
        until=600,
    )
    ids, bodies = fleet.bench.ids(), fleet.bench.bodies()
    assert ids == 2 * ids[: len(ids) // 2], "what had reached the sink comes again, and nothing else"
    assert bodies == 2 * bodies[: len(bodies) // 2]
    assert made(fleet)[0] == ("A", [1, 2, 3] if gather is aggregator else [1, 2, 3, 1, 2, 3])
    assert (fleet.queue.messages, fleet.bench.facts) == ([], [])


# A repeated member.


@BOTH
@EITHER_STORE
def test_a_repeated_member_counts_once(bench: type[Bench], gather: Any, *, shares: bool) -> None:
    fleet = fleet_of(bench, gather(), shares=shares)
    fleet.run(
        (0, fleet.start),
        (1, send(fleet, part(1), part(2))),
        (5, lambda: fleet.queue.send(part(1), id="m1")),
        (9, send(fleet, part(3))),
        until=400,
    )
    assert made(fleet) == [("A", [1, 2, 3])]
    assert (fleet.queue.messages, fleet.bench.facts) == ([], [])


@BOTH
def test_a_member_repeated_after_its_group_was_closed_is_recognised_by_any_worker(
    bench: type[Bench], gather: Any
) -> None:
    fleet = fleet_of(bench, gather())
    fleet.run(
        (0, fleet.start),
        (1, send(fleet, part(1, 2), part(2, 2))),
        (10, lambda: fleet.crash(0)),
        (11, fleet.start),
        (7200, lambda: fleet.queue.send(part(1, 2), id="m1")),
        until=7300,
    )
    assert made(fleet) == [("A", [1, 2])]
    assert (fleet.queue.messages, fleet.bench.facts) == ([], [])


# A late member.


@BOTH
@EITHER_STORE
@pytest.mark.parametrize("incomplete", ["dead_letter", "emit"])
def test_a_late_member_opens_the_next_group_and_ends_as_the_file_says(
    bench: type[Bench], gather: Any, *, shares: bool, incomplete: str
) -> None:
    fleet = fleet_of(bench, gather(incomplete=incomplete, within="1m"), shares=shares)
    fleet.run((0, fleet.start), (1, send(fleet, part(1, 2), part(2, 2))), (10, send(fleet, part(9, 2))), until=200)
    emitted = [9] if incomplete == "emit" else []
    assert [number for _, numbers in made(fleet) for number in numbers] == [1, 2, *emitted]
    assert [(facts.id, facts.error) for facts in fleet.bench.facts] == ([] if emitted else [("m3", "incomplete")])
    assert fleet.queue.messages == []


# At the cap.


@BOTH
@EITHER_STORE
@pytest.mark.parametrize("incomplete", ["dead_letter", "emit"])
def test_a_group_that_still_waits_at_size_is_incomplete(
    bench: type[Bench], gather: Any, *, shares: bool, incomplete: str
) -> None:
    fleet = fleet_of(bench, gather(size=3, incomplete=incomplete), shares=shares)
    nobody_knows = [{"order": "A", "n": n} for n in (3, 1, 2)]
    fleet.run((0, fleet.start), (1, send(fleet, *nobody_knows)), until=30)
    if incomplete == "emit":
        assert (made(fleet), fleet.bench.facts) == ([("A", [1, 2, 3])], [])
    else:
        assert made(fleet) == []
        assert sorted((f.id, f.error) for f in fleet.bench.facts) == [(f"m{n}", "incomplete") for n in (1, 2, 3)]
    assert fleet.queue.messages == []


@BOTH
def test_beyond_max_groups_the_oldest_in_memory_is_closed_incomplete(bench: type[Bench], gather: Any) -> None:
    fleet = fleet_of(bench, gather(max_groups=2), shares=False)
    fleet.run((0, fleet.start), (1, send(fleet, *(part(1, order=order) for order in "ABC"))), until=30)
    assert [(facts.id, facts.error) for facts in fleet.bench.facts] == [("m1", "incomplete")]
    assert "max_groups (2)" in fleet.bench.facts[0].reason


@BOTH
def test_beyond_max_groups_those_in_a_table_wait_in_the_queue(bench: type[Bench], gather: Any) -> None:
    fleet = fleet_of(bench, gather(max_groups=2))
    firsts, seconds = ([part(n, 2, order) for order in "ABC"] for n in (1, 2))
    fleet.run((0, fleet.start), (1, send(fleet, *firsts)), (60, send(fleet, *seconds)), until=1000)
    assert sorted(made(fleet)) == [(order, [1, 2]) for order in "ABC"]
    assert (fleet.queue.messages, fleet.bench.facts) == ([], [])


# All of it at once.


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), gather=st.sampled_from([aggregator, resequencer]))
def test_whoever_is_killed_whenever_each_group_is_made_whole_in_its_order(
    bench: type[Bench], seed: int, gather: Any
) -> None:
    chance = random.Random(seed)
    sink = StrictSink(takes=lambda _: chance.random() * 2)
    fleet = fleet_of(bench, gather(max_groups=20, within="30m"), sinks={"bus": sink}, lease=30, attempts=50)
    parts = [part(n, order=order) for order in "ABCDEF" for n in (1, 2, 3)]
    chance.shuffle(parts)
    times = sorted(1 + chance.random() * 60 for _ in parts)
    arrivals = [(at, send(fleet, p)) for at, p in zip(times, parts, strict=True)]
    repeats = [(70.0, lambda: fleet.queue.send(parts[0], id="m1"))]
    kills: list[tuple[float, Any]] = []
    for index in range(4):
        at = 3 + chance.random() * 65
        kills += [(at, lambda index=index: fleet.crash(index)), (at + 0.1, fleet.start)]
    begin = [(0.0, fleet.start)] * 4
    fleet.run(*begin, *arrivals, *repeats, *kills, until=200, at_most=9000)
    assert (fleet.queue.messages, fleet.bench.facts) == ([], [])
    assert len(set(fleet.bench.ids())) == (6 if gather is aggregator else 18), "what is repeated has the same id"
    numbers: defaultdict[str, list[int]] = defaultdict(list)
    for order, some in made(fleet):
        numbers[order] += some
    assert {order: list(dict.fromkeys(some)) for order, some in numbers.items()} == {
        order: [1, 2, 3] for order in "ABCDEF"
    }
