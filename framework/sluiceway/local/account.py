"""The demo's account: what came out, held against what was sent, message by message."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from sluiceway.core.json import JSON
from sluiceway.engine.report import Ending
from sluiceway.local.readback import Letter
from sluiceway.local.shop import Order


@dataclass(frozen=True, slots=True)
class Found:
    """Everything that came out.

    Attributes:
        events: The details of the events that the bus carried.
        webhooks: The bodies at the partner, by message id.
        letters: The dead letters, by message id.
        endings: What the worker reported of each message, by id.
        queued: How many messages the source's queue still has, in flight or not.
    """

    events: Sequence[JSON]
    webhooks: Mapping[str, Sequence[bytes]]
    letters: Mapping[str, Letter]
    endings: Mapping[str, Sequence[Ending]]
    queued: int


@dataclass(frozen=True, slots=True)
class Row:
    """One message: what was sent, and what became of it.

    Attributes:
        id: The message's id.
        order: What was sent.
        became: How it ended; `lost` when it is nowhere.
        where: The sinks, the stage or the queue.
        why: The reason, and what was remarkable on the way.
    """

    id: str
    order: Order
    became: Literal["accepted", "dropped", "dead-lettered", "lost"]
    where: str = ""
    why: str = ""


@dataclass(slots=True)
class Account:
    """The rows in the order of sending, and whatever is not as it must be, a sentence each."""

    rows: list[Row] = field(default_factory=list[Row])
    mistakes: list[str] = field(default_factory=list[str])


def account(sent: Sequence[tuple[str, Order]], found: Found, *, sinks: str, dead_letters: str) -> Account:
    """Say message by message what became of it, and what is not as it must be.

    Args:
        sent: The ids and the orders, in the order of sending.
        found: What came out.
        sinks: The names of the sinks, for the table.
        dead_letters: The name of the dead-letter queue.
    """
    result = Account()
    events = Counter(_canonical(event) for event in found.events)
    for message_id, order in sent:
        row = _row(message_id, order, found, events, sinks, dead_letters)
        result.rows.append(row)
        result.mistakes += _mistakes(row, found)
    result.mistakes += [f"the bus carried what nobody sent: {event}" for event in events.elements()]
    ids = {message_id for message_id, _ in sent}
    result.mistakes += [f"the partner has {i}, which nobody sent" for i in found.webhooks.keys() - ids]
    result.mistakes += [f"{dead_letters} has {i}, which nobody sent" for i in found.letters.keys() - ids]
    if found.queued:
        result.mistakes.append(f"{found.queued} messages are still in the queue")
    return result


def _row(message_id: str, order: Order, found: Found, events: Counter[str], sinks: str, dead_letters: str) -> Row:
    endings = found.endings.get(message_id, ())
    if letter := found.letters.get(message_id):
        why = "{stage} {error}: {reason}".format_map(letter.facts)
        return Row(message_id, order, "dead-lettered", dead_letters, why)
    for ending in endings:
        if ending.kind == "dropped":
            return Row(message_id, order, "dropped", ending.where, ending.reason)
    bodies = {_canonical(json.loads(body)) for body in found.webhooks.get(message_id, ())}
    if len(bodies) == 1 and events[event := bodies.pop()]:
        events[event] -= 1
        again = [f"at the second attempt: {ending.reason}" for ending in endings if ending.kind == "returned"]
        return Row(message_id, order, "accepted", sinks, "".join(again[:1]))
    return Row(message_id, order, "lost")


def _mistakes(row: Row, found: Found) -> list[str]:
    order, name = row.order, f"{row.order.number} ({row.id})"
    if row.became != order.becomes:
        return [f"{name} was to be {order.becomes} and is {row.became}"]
    letter = found.letters.get(row.id)
    at = "{stage} {error}".format_map(letter.facts) if letter else row.where if row.became == "dropped" else ""
    wrong = [f"{name} was to be {row.became} at {order.at}, not at {at}"] if at != order.at else []
    if letter and letter.body != order.body:
        wrong.append(f"the dead letter of {name} is not what was sent, byte for byte")
    if len(found.webhooks.get(row.id, ())) != (row.became == "accepted"):
        wrong.append(f"the partner has {name} {len(found.webhooks.get(row.id, ()))} times")
    return wrong


def _canonical(value: JSON) -> str:
    return json.dumps(value, sort_keys=True)
