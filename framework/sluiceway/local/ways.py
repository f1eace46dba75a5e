"""Each message's way, told in a line when it has ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from sluiceway.core.message import Message
from sluiceway.core.outcome import DeadLetter, Retry, Verdict
from sluiceway.core.ports import Delivery
from sluiceway.engine.report import Ending, Report


class Ways:
    """Listens to a worker and tells how each delivery was settled.

    Args:
        tell: Hears the lines.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._endings: dict[str, list[Ending]] = {}

    def report(self) -> Report:
        """Return a report that is listened to."""
        return Report(on_ending=self._ended, on_settled=self._settled)

    def _ended(self, delivery: Delivery, _message: Message, ending: Ending) -> None:
        if ending.kind == "lost":  # no settlement follows
            self._endings.pop(delivery.receipt, None)
            self._tell(f"{delivery.message.id} → its lease was lost at {ending.where}: it comes again")
        else:
            self._endings.setdefault(delivery.receipt, []).append(ending)

    def _settled(self, delivery: Delivery, verdict: Verdict) -> None:
        endings = self._endings.pop(delivery.receipt, [])
        self._tell(f"{delivery.message.id} → {'; '.join(_words(verdict, endings))}")


def _words(verdict: Verdict, endings: Sequence[Ending]) -> Iterator[str]:
    if accepted := dict.fromkeys(ending.where for ending in endings if ending.kind == "accepted"):
        yield f"accepted {', '.join(accepted)}"
    yield from dict.fromkeys(f"dropped at {e.where}: {e.reason}" for e in endings if e.kind == "dropped")
    if isinstance(verdict, DeadLetter):
        facts = verdict.facts
        yield f"dead-lettered at {facts.stage}: {facts.error}: {facts.reason}"
    elif isinstance(verdict, Retry):
        yield f"again in {verdict.delay:.1f}s: {verdict.reason}"
