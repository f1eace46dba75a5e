"""The conformance suite of gathers: it finds each breach by name, and passes what keeps the contract."""

from __future__ import annotations

import importlib.util
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from sluiceway import Gather, Message, Reject
from sluiceway.testing.gathers import CHECKS, Check, Sample

DOCS = Path(__file__).parents[3] / "docs"
NAMES = [check.__name__ for check in CHECKS]


class Order(Gather):
    """Parcels of one order, as many as the first one says."""

    def key(self, message: Message) -> str:
        match message.body:
            case {"order": str(order), "of": int(), "parcel": str() | int()}:
                return order
        raise Reject("no parcel")

    def complete(self, members: Sequence[Message]) -> bool:
        return bool(len(members) >= self.field(members[0], "of"))

    def combine(self, members: Sequence[Message]) -> Message:
        parcels = [self.field(member, "parcel") for member in members]
        return members[0].with_body({"order": self.key(members[0]), "parcels": parcels})

    def field(self, message: Message, name: str) -> Any:
        self.key(message)
        assert isinstance(message.body, dict)
        return message.body[name]


class KeyIsNoText(Order):
    def key(self, message: Message) -> str:
        return 7 if super().key(message) else ""  # type: ignore[return-value] # the breach


class KeyCounts(Order):
    def key(self, message: Message) -> str:
        return f"{super().key(message)}{next(counter)}"


class KeyTellsObjectsApart(Order):
    def key(self, message: Message) -> str:
        return f"{super().key(message)}{id(message)}"


class CompleteIsNoBoolean(Order):
    def complete(self, members: Sequence[Message]) -> bool:
        return len(members)  # type: ignore[return-value] # the breach


class CompleteRemembers(Order):
    def complete(self, members: Sequence[Message]) -> bool:
        return super().complete(members) or next(counter) % 2 == 0


class NeverComplete(Order):
    complete = Gather.complete


class CombineIsNoMessage(Order):
    def combine(self, members: Sequence[Message]) -> Message:
        return super().combine(members).body  # type: ignore[return-value] # the breach


class CombineCounts(Order):
    def combine(self, members: Sequence[Message]) -> Message:
        return super().combine(members).with_headers({"n": str(next(counter))})


class ChangesABody(Order):
    def combine(self, members: Sequence[Message]) -> Message:
        self.field(members[0], "of")
        members[0].body["parcels"] = len(members)  # type: ignore[index, call-overload] # an object
        return members[0]


class SortsTheList(Order):
    def combine(self, members: Sequence[Message]) -> Message:
        assert isinstance(members, list)
        members.sort(key=lambda member: str(self.field(member, "parcel")))
        return super().combine(members)


class TrustsTheBody(Order):
    def key(self, message: Message) -> str:
        return message.body["order"]  # type: ignore[index, call-overload, return-value] # the breach


class TrustsTheMembers(Order):
    def combine(self, members: Sequence[Message]) -> Message:
        return members[0].with_body(sum(self.field(member, "parcel") for member in members))


class MakesWhatCannotBeSent(Order):
    def combine(self, members: Sequence[Message]) -> Message:
        return members[0].with_body({"made": object()})  # type: ignore[dict-item] # the breach


counter = itertools.count()


def parcels(*numbers: int) -> list[Message]:
    return [Message({"order": "A", "of": len(numbers), "parcel": n}, id=f"m{n}") for n in numbers]


def breaches(gather: Gather, members: Sequence[Message]) -> list[str]:
    return [check.__name__ for check in CHECKS if _fails(check, Sample(gather, members))]


def _fails(check: Check, sample: Sample) -> bool:
    try:
        check(sample)
    except Exception:  # noqa: BLE001 - a breach may be raised by the gather itself
        return True
    return False


@pytest.mark.parametrize("check", CHECKS, ids=NAMES)
def test_a_gather_that_keeps_the_contract_passes(check: Check) -> None:
    check(Sample(Order(), parcels(2, 1, 3)))


@pytest.mark.parametrize(
    ("gather", "found_by"),
    [
        (KeyIsNoText(), "members_have_one_key_each_time_they_are_asked"),
        (KeyCounts(), "members_have_one_key_each_time_they_are_asked"),
        (KeyTellsObjectsApart(), "members_have_one_key_each_time_they_are_asked"),
        (CompleteIsNoBoolean(), "complete_says_the_same_of_the_same_members"),
        (CompleteRemembers(), "complete_says_the_same_of_the_same_members"),
        (NeverComplete(), "the_sample_is_a_whole_group"),
        (CombineIsNoMessage(), "the_sample_is_a_whole_group"),
        (CombineCounts(), "the_same_members_make_the_same"),
        (ChangesABody(), "nothing_is_changed_in_place"),
        (SortsTheList(), "nothing_is_changed_in_place"),
        (TrustsTheBody(), "whatever_a_body_is_what_is_wrong_is_rejected"),
        (TrustsTheMembers(), "whatever_a_body_is_what_is_wrong_is_rejected"),
        (MakesWhatCannotBeSent(), "the_sample_is_a_whole_group"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Gather) else "",
)
def test_a_breach_is_found(gather: Gather, found_by: str) -> None:
    assert found_by in breaches(gather, parcels(2, 1, 3))


def test_a_sample_that_is_no_group_is_refused() -> None:
    others = [*parcels(1, 2), Message({"order": "B", "of": 2, "parcel": 3}, id="m3")]
    assert "members_have_one_key_each_time_they_are_asked" in breaches(Order(), others)
    assert "the_sample_is_a_whole_group" in breaches(Order(), [*parcels(1, 2), *parcels(1)])
    assert "the_sample_is_a_whole_group" in breaches(Order(size=2), parcels(1, 2, 3))


def test_the_gather_of_the_documentation_keeps_the_contract() -> None:
    spec = importlib.util.spec_from_file_location("parcels", DOCS / "examples" / "parcels.py")
    assert spec is not None
    assert spec.loader is not None
    parcels_file = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(parcels_file)
    members = [Message({"order": "A", "of": 2, "parcel": n}, id=str(n)) for n in range(2)]
    assert breaches(parcels_file.WholeOrder(), members) == []


def test_a_body_that_cannot_be_read_is_among_those_that_are_tried() -> None:
    class Reads(Order):
        def key(self, message: Message) -> str:
            try:
                return super().key(message)
            except Reject as rejection:
                if "valid JSON" in rejection.reason:
                    raise ValueError("found it") from rejection
                raise

    assert "whatever_a_body_is_what_is_wrong_is_rejected" in breaches(Reads(), parcels(1))
