"""Gathers that make several messages of a group."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import pytest

from sluiceway.adapters.memory_store import MemoryStore
from sluiceway.core.gather import Gather
from sluiceway.core.message import Message
from sluiceway.core.store import DynamoDbStore
from sluiceway.engine.gather import combined_id
from sluiceway.testing import ManualClock, StrictSink

if TYPE_CHECKING:
    from tests.unit.engine.conftest import Bench

Setup = Callable[[type["Bench"], Gather], "Bench"]


class Sorted(Gather):
    """Hands its members on in the order of their bodies; made-up ones at the end."""

    made: int = 0
    twice: bool = False

    def combine(self, members: Sequence[Message]) -> Sequence[Message]:
        in_order = sorted(members, key=lambda member: str(member.body))
        copies = in_order[:1] if self.twice else []
        return [*in_order, *copies, *(Message(f"new {n}") for n in range(self.made))]


class Nothing(Gather):
    def combine(self, members: Sequence[Message]) -> Sequence[Message]:
        return members[:0]


def held(bench: type[Bench], gather: Gather) -> Bench:
    return bench(stages={"sort": gather})


def shared(bench: type[Bench], gather: Gather) -> Bench:
    with_store = gather.model_copy(update={"store": DynamoDbStore(dynamodb="groups")})
    return bench(stages={"sort": with_store}, store=MemoryStore(ManualClock()))


SETUPS = pytest.mark.parametrize("setup", [held, shared])


@SETUPS
def test_members_go_on_in_the_order_of_the_list_with_their_own_ids(bench: type[Bench], setup: Setup) -> None:
    run = setup(bench, Sorted(size=3)).send("c", "a", "b").run()
    assert [(m.id, m.body) for m in run.sinks["bus"].accepted] == [("m2", "a"), ("m3", "b"), ("m1", "c")]
    assert sorted(run.queue.deleted) == ["m1", "m2", "m3"]


@SETUPS
def test_what_is_made_anew_has_the_groups_id_and_its_place(bench: type[Bench], setup: Setup) -> None:
    run = setup(bench, Sorted(size=2, made=1, twice=True)).send("a", "b").run()
    group = combined_id("sort", "", ["m1", "m2"])
    assert run.ids() == ["m1", "m2", f"{group}/2", f"{group}/3"]
    assert sorted(run.queue.deleted) == ["m1", "m2"]


@SETUPS
def test_a_group_of_which_nothing_is_made_is_dropped(bench: type[Bench], setup: Setup) -> None:
    run = setup(bench, Nothing(size=2)).send("a", "b").run()
    assert run.bodies() == []
    assert sorted(run.queue.deleted) == ["m1", "m2"]
    assert not run.facts


def test_members_are_settled_when_all_of_the_list_has_ended(bench: type[Bench]) -> None:
    slow = StrictSink(takes=3)
    seen: list[list[str]] = []
    run = bench(stages={"sort": Sorted(size=2)}, sinks={"bus": slow}).send("b", "a")
    run.at(2.9, lambda: seen.append(list(run.queue.deleted))).run()
    assert seen == [[]]
    assert sorted(run.queue.deleted) == ["m1", "m2"]
