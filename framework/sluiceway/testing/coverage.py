"""What the tests of a pipeline reach: stages, the branches in them, the routes they give, and sinks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast

from sluiceway.core.component import Stage
from sluiceway.core.decision import Place
from sluiceway.core.message import Message
from sluiceway.core.outcome import Bypass, Claimed
from sluiceway.core.spec import Pipeline, StageSpec
from sluiceway.testing.pipeline import Ran
from sluiceway.testing.trace import Visit, listened

Kind: TypeAlias = Literal["stage", "branch", "route", "sink"]


@dataclass(frozen=True, slots=True)
class Point:
    """Something that a test can reach.

    Attributes:
        kind: What it is.
        where: The id of the stage or sink.
        place: Of a branch, its place below `with`; of a route, its label.
        reached: Whether a test has.
    """

    kind: Kind
    where: str
    place: Place
    reached: bool


class Coverage:
    """Collects what tests reach.

    Args:
        pipeline: The pipeline that they test.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._reached: set[tuple[Kind, str, Place]] = set()

    def listen(self, spec: StageSpec, component: Stage) -> Stage:
        """Return a stage's component that notes what is reached in it."""
        return listened(spec, component, self._visited)

    def arrived(self, ran: Ran) -> None:
        """Note the sinks that a run has reached."""
        self._reached |= {("sink", sink, ()) for sink, messages in ran.sinks.items() if messages}

    @property
    def points(self) -> Sequence[Point]:
        """All that there is to reach, in the order of the file."""
        found: list[tuple[Kind, str, Place]] = []
        for stage in self._pipeline.stages:
            found.append(("stage", stage.id, ()))
            found.extend(("branch", stage.id, place) for place in stage.component.branches())
            found.extend(("route", stage.id, (label,)) for label in dict.fromkeys(stage.component.labels()))
        found.extend(("sink", sink.id, ()) for sink in self._pipeline.sinks)
        return [Point(*point, reached=point in self._reached) for point in found]

    def _visited(self, visit: Visit) -> None:
        self._reached.add(("stage", visit.stage, ()))
        self._reached |= {("branch", visit.stage, decision.place) for decision in visit.decisions if decision.taken}
        self._reached |= {("route", visit.stage, (label,)) for label in _labels(visit.result)}


def _labels(result: object) -> set[str]:
    made = cast("Sequence[object]", result) if isinstance(result, list | tuple) else [result]
    messages = [each.message if isinstance(each, Bypass | Claimed) else each for each in made]
    return {label for each in messages if isinstance(each, Message) for label in each.routes}
