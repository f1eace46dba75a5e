"""What must become of each message, worked out from the scenario alone, and the stages that make it so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, TypeAlias, cast

from sluiceway.core.body import decoder
from sluiceway.core.errors import Reject
from sluiceway.core.json import JSON
from sluiceway.core.message import Message
from sluiceway.core.outcome import Drop, Result

from .draw import ROUTES
from .scenario import Scenario, Sent, SinkPlan, StagePlan

Leg: TypeAlias = tuple[str, str]
"""A sink, and the id of a child that it takes."""

_JSON: Final = decoder("json")


def body_of(sent: Sent) -> bytes:
    """Return the bytes that a message is sent with."""
    if sent.junk:
        return b'{"number": %d' % sent.number
    # Not as our own writer would write it: what is written anew shows.
    return b'{"value":  %d, "steps": 0, "padding": "%b"}' % (sent.number, b"x" * sent.padding)


def headers_of(sent: Sent) -> Mapping[str, str]:
    """Return the attributes that a message is sent with."""
    return {"Number": str(sent.number)}


def apply(plan: StagePlan, message: Message) -> Result:
    """Do what a stage does, its flakiness apart."""
    body = cast("dict[str, JSON]", message.body)
    turn = cast("int", body["value"]) + plan.salt
    matches = turn % plan.mod == 0
    if plan.kind == "split":
        return [message.with_body({**body, "value": turn * 3 + index}) for index in range(turn % 4)]
    if plan.kind == "route":
        return message.to(*ROUTES[turn % 3 :][:1])
    if plan.kind == "drop" and matches:
        return Drop("not wanted")
    if plan.kind == "reject" and matches:
        raise Reject("not as agreed")
    if plan.kind == "bug" and matches:
        raise ValueError("a bug")
    return message.with_body({**body, "steps": cast("int", body["steps"]) + 1})


def matches(plan: StagePlan, message: Message) -> bool:
    """Tell whether a flaky stage is flaky with this message."""
    return (value_of(message) + plan.salt) % plan.mod == 0


def value_of(message: Message) -> int:
    """Return the number that decides what becomes of a message."""
    try:
        return cast("int", cast("dict[str, JSON]", message.body)["value"])
    except Reject:
        return 0


def refused(plan: SinkPlan, message: Message) -> bool:
    """Tell whether a sink always refuses this message."""
    return bool(plan.refuses) and (value_of(message) + plan.salt) % plan.refuses == 0


def has_bug(plan: SinkPlan, message: Message) -> bool:
    """Tell whether a sink has a bug with this message."""
    return bool(plan.bugs) and (value_of(message) + plan.salt) % plan.bugs == 1


@dataclass
class Fate:
    """What must become of one message.

    Attributes:
        legs: The children that sinks must accept, with the bytes that they are sent as.
        rejected: What can only be dead-lettered: where, as what, and under which id.
    """

    legs: dict[Leg, bytes] = field(default_factory=dict)
    rejected: set[tuple[str, str, str]] = field(default_factory=set)


class Oracle:
    """The fates of all messages of a scenario."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self.sent = {sent.id: sent for sent in scenario.messages}

    @cached_property
    def fates(self) -> Mapping[str, Fate]:
        """Return the fate of each message, by its id."""
        return {name: self._fate(sent) for name, sent in self.sent.items()}

    def _fate(self, sent: Sent) -> Fate:
        fate = Fate()
        self._walk(Message.received(body_of(sent), _JSON, id=sent.id), 0, fate)
        return fate

    def _walk(self, message: Message, start: int, fate: Fate) -> None:
        for place, plan in enumerate(self._scenario.stages[start:], start):
            if plan.routes and not set(plan.routes) & set(message.routes):
                continue
            try:
                result = apply(plan, message)
            except (Reject, ValueError) as error:
                fate.rejected.add((plan.id, error.error if isinstance(error, Reject) else "bug", message.id))
                return
            if isinstance(result, Drop):
                return
            if not isinstance(result, Message):
                for index, child in enumerate(cast("Sequence[Message]", result)):
                    self._walk(child.evolve(id=f"{message.id}/{index}"), place + 1, fate)
                return
            message = result
        self._arrive(message, fate)

    def _arrive(self, message: Message, fate: Fate) -> None:
        sinks = self._scenario.sinks
        takers = [plan for plan in sinks if not plan.routes or set(plan.routes) & set(message.routes)]
        if not takers and self._scenario.unrouted == "reject":
            fate.rejected.add(("sinks", "unroutable", message.id))
        for plan in takers:
            if len(message.payload) > plan.size:
                fate.rejected.add((plan.id, "oversize", message.id))
            elif has_bug(plan, message):
                fate.rejected.add((plan.id, "bug", message.id))
            elif refused(plan, message):
                fate.rejected.add((plan.id, "refused", message.id))
            else:
                fate.legs[plan.id, message.id] = message.payload


def root_of(message_id: str) -> str:
    """Return the id of the message that a child was made of."""
    return message_id.partition("/")[0]
