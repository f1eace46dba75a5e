"""What several services have said of one message, and whether that is enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from sluiceway import JSON, Reject, Transient
from sluiceway_patterns.enrich import Missing
from sluiceway_patterns.on_missing import OnMissing
from sluiceway_patterns.values import cut

Answer: TypeAlias = "JSON | Missing | Reject | Transient"
"""What one service has said, or why it has said nothing."""

_REASON: Final = 200
"""Characters of what is told of one service."""


@dataclass(slots=True)
class Heard:
    """What the services have said of one message.

    Attributes:
        need: How many answers are enough.
        on_missing: What a service that knows nothing stands for.
        awaited: The services that have not said anything yet.
        answers: The good answers.
        missing: The services that know nothing, where that is no failure.
        refused: What has failed for good.
        failed: What has failed for now.
    """

    need: int
    on_missing: OnMissing
    awaited: list[str]
    answers: dict[str, JSON] = field(default_factory=dict[str, JSON])
    missing: list[str] = field(default_factory=list[str])
    refused: dict[str, Reject] = field(default_factory=dict[str, Reject])
    failed: dict[str, Transient] = field(default_factory=dict[str, Transient])

    def note(self, name: str, answer: Answer) -> None:
        """Note what one service has said."""
        self.awaited.remove(name)
        if isinstance(answer, Missing):
            if self.on_missing != "reject":
                self.missing.append(name)
                return
            answer = Reject(answer.reason, error="missing")
        if isinstance(answer, Reject):
            self.refused[name] = answer
        elif isinstance(answer, Transient):
            self.failed[name] = answer
        else:
            self.answers[name] = answer

    @property
    def silent(self) -> Sequence[str]:
        """The services that have given no answer although they were waited for."""
        return [*self.missing, *self.refused, *self.failed]

    @property
    def is_over(self) -> bool:
        """There are enough good answers, or there cannot be enough any more."""
        can_be = len(self.answers) + len(self.missing) + len(self.awaited)
        return len(self.answers) >= self.need or not self.awaited or can_be < self.need

    def result(self) -> dict[str, JSON]:
        """Return the answers, by service.

        Raises:
            Reject: There are not enough, nor will there be.
            Transient: There may be enough later.
        """
        if len(self.answers) >= self.need:
            return self.answers
        if not self.awaited and len(self.answers) + len(self.missing) >= self.need:
            if isinstance(self.on_missing, str):
                return self.answers
            return {**self.answers, **dict.fromkeys(self.missing, self.on_missing.default)}
        raise self._failure()

    def _failure(self) -> Reject | Transient:
        in_time = len(self.answers) + len(self.missing) + len(self.awaited) + len(self.failed)
        if in_time < self.need:
            return Reject(_told(self.refused), error=next(iter(self.refused.values())).error)
        for error in self.failed.values():
            if type(error) is not Transient:
                return error  # the engine's own word that a service is down and was not asked: no failure of anybody's
        waits = [error.retry_after for error in self.failed.values() if error.retry_after is not None]
        return Transient(_told(self.failed), retry_after=max(waits, default=None))


def _told(errors: Mapping[str, Reject] | Mapping[str, Transient]) -> str:
    return "; ".join(f"{name}: {cut(error.reason, _REASON)}" for name, error in errors.items())
