"""Routing Slip: a message carries the list of the steps that it has still to take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Final, TypeAlias

from pydantic import Field

from sluiceway import Decision, Drop, Message, Place, Reject, Stage
from sluiceway_patterns.choices import Computed, Otherwise, go_otherwise, labels_of, listed, named
from sluiceway_patterns.headers import HeaderName, header_value, with_header
from sluiceway_patterns.values import shown

Step: TypeAlias = Annotated[str, Field(pattern=r"^[^,\s]+$", max_length=100)]

_MOST: Final = 50
"""Steps on a slip: one that is longer is a mistake, or somebody's loop."""
_USED_UP: Final = ","
"""A slip without steps. SQS takes no empty attribute, and without the header `from` would begin the slip again."""


class RoutingSlip(Stage):
    """Put each message on the route of the next step of its slip, and leave the other steps on the slip.

    The slip is a header, the names of the steps separated by commas. The first one is taken: the message goes on
    its route, and the rest goes on in the header, for the next pipeline, or the next `routing_slip` in this one; so
    sinks must `forward` it. `from` computes the slip of a message that has no such header yet: a list of names, or a
    text with commas. Give it in the first pipeline alone.

    Only a step that `steps` names is taken, so what comes from outside never chooses a destination that the file does
    not name; any other rejects the message (`unroutable`), and so does a slip of more than 50 steps (`invalid`). A
    slip without steps (when it is used up, the header is a lone comma), and a message without a slip, is what
    `otherwise` is for. Routes that an earlier stage had put the message on are replaced.

    The slip travels with the message and nothing is kept here: after a restart, on another worker, and for a message
    that comes again, the same step is taken.

    This is the Routing Slip of Enterprise Integration Patterns (Hohpe and Woolf, chapter 7).

    ```yaml
    - id: next-step
      use: routing_slip
      with:
        steps: [check-fraud, pack, bill]
        from: {jmes: body.steps}
        otherwise: {to: done}
    ```
    """

    keeps_body: ClassVar[bool] = True

    steps: tuple[Step, ...] = Field(
        min_length=1, max_length=1000, description="The steps that may be taken here, each a route."
    )
    header: HeaderName = Field(default="sluiceway-slip", description="The header that the slip is in, as it is spelt.")
    from_: Computed | None = Field(
        default=None, alias="from", description="The slip of a message without the header: `{jmes: body.steps}`."
    )
    otherwise: Otherwise = Field(
        default="reject", description="What has no step left: `reject` it, `drop` it, or a route, `{to: …}`."
    )

    def labels(self) -> Sequence[str]:
        """Return the steps."""
        return tuple(dict.fromkeys([*self.steps, *labels_of(self.otherwise)]))

    def required_headers(self) -> Sequence[str]:
        """Return the slip's header."""
        return (self.header,)

    def branches(self) -> Sequence[Place]:
        """Return each step, and `otherwise`."""
        return (*(("steps", index) for index in range(len(self.steps))), ("otherwise",))

    def decisions(self, message: Message) -> Sequence[Decision]:
        """Say which step is next."""
        step, rest = self._next(message)
        if step is None:
            return (Decision(("otherwise",), "the slip has no step left", taken=True),)
        left = f"{listed(rest)} left" if rest else "none left"
        return (Decision(("steps", self.steps.index(step)), f"the next step is {step}, {left}", taken=True),)

    def process(self, message: Message) -> Message | Drop:
        """Return the message on the route of its next step, or what `otherwise` makes of it."""
        step, rest = self._next(message)
        if step is None:
            return go_otherwise(message, self.otherwise, f"there is no step on the slip (header {self.header})")
        slip = header_value(",".join(rest), f"the slip (header {self.header})")
        return with_header(message, self.header, slip or _USED_UP).to(step)

    def _next(self, message: Message) -> tuple[str | None, list[str]]:
        """Return the next step, None where there is none, and those behind it.

        Raises:
            Reject: It is not a step that may be taken here (`unroutable`), or the slip is none (`invalid`).
        """
        slip = self._slip(message)
        if len(slip) > _MOST:
            raise Reject(f"the slip has {len(slip)} steps; it may have {_MOST}")
        if not slip:
            return None, []
        step, *rest = slip
        if step not in self.steps:
            raise Reject(
                f"the slip's next step is {shown(step)}; here {listed(self.steps)} may come", error="unroutable"
            )
        return step, rest

    def _slip(self, message: Message) -> list[str]:
        written = message.headers.get(self.header)
        if written:
            return _steps(written)
        slip = None if self.from_ is None else self.from_.evaluate(message.view)
        if self.from_ is None or slip is None:
            return []
        if isinstance(slip, str):
            return _steps(slip)
        what = named("from", self.from_)
        if not isinstance(slip, list):
            raise Reject(f"{what} is {shown(slip)}, not a list of steps")
        return [_step(step, f"{what} has") for step in slip]


def _steps(text: str) -> list[str]:
    return [step for part in text.split(",") if (step := part.strip())]


def _step(step: object, found: str) -> str:
    if not isinstance(step, str) or not step.strip() or "," in step:
        raise Reject(f"{found} {shown(step)}, not the name of a step")
    return step.strip()
