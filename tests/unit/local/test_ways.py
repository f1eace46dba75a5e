from __future__ import annotations

import pytest

from sluiceway.core.message import Message
from sluiceway.core.outcome import Ack, DeadLetter, Facts, Retry, Verdict
from sluiceway.core.ports import Delivery
from sluiceway.engine.report import Ending
from sluiceway.local.ways import Ways

DEAD = DeadLetter(Facts("p", "our-words", "invalid", "body.chan is ?", 1, ("bus",), "m", "now"))
BUS, PARTNER = Ending("accepted", "bus"), Ending("accepted", "partner")
DROPPED = Ending("dropped", "only-paid", "no pattern matched")


def told(verdict: Verdict | None, *endings: Ending) -> list[str]:
    lines: list[str] = []
    report = Ways(lines.append).report()
    message = Message(id="m", body=None)
    delivery = Delivery(message, "receipt", b"")
    for ending in endings:
        report.ended(delivery, message, ending)
    if verdict is not None:
        report.done(delivery, verdict)
    return lines


@pytest.mark.parametrize(
    ("verdict", "endings", "line"),
    [
        (Ack(), (BUS, PARTNER), "m → accepted bus, partner"),
        (Ack(), (BUS, BUS, DROPPED, DROPPED), "m → accepted bus; dropped at only-paid: no pattern matched"),
        (Ack(), (DROPPED,), "m → dropped at only-paid: no pattern matched"),
        (DEAD, (BUS,), "m → accepted bus; dead-lettered at our-words: invalid: body.chan is ?"),
        (Retry(1.5, "answered 503"), (), "m → again in 1.5s: answered 503"),
        (None, (Ending("lost", "bus", "its lease is lost"),), "m → its lease was lost at bus: it comes again"),
    ],
)
def test_each_way_is_one_line_when_it_has_ended(
    verdict: Verdict | None, endings: tuple[Ending, ...], line: str
) -> None:
    assert told(verdict, *endings) == [line]


def test_nothing_is_told_before_a_delivery_is_settled() -> None:
    assert told(None, BUS, PARTNER) == []
