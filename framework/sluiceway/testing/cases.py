"""Run the tests that stand in a pipeline file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

from sluiceway.config.problems import printable
from sluiceway.core.errors import Reject
from sluiceway.core.json import JSON
from sluiceway.core.message import Message
from sluiceway.core.spec import Given, Pipeline, TestCase
from sluiceway.testing.coverage import Coverage
from sluiceway.testing.difference import Item, count_difference, list_difference
from sluiceway.testing.mocks import RunFailed
from sluiceway.testing.pipeline import Ended, Ran, Run, Start, loaded, refuse_second_loop
from sluiceway.testing.virtual_time import run_virtual

Expected: TypeAlias = JSON
"""What a test expects at one output: a count, a message, or a list of messages. `lint` has checked that it is."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One thing that is not as a test expects.

    Attributes:
        output: A sink's id, `dead_letter` or `dropped`; None when the run itself failed.
        text: What is wrong, in lines for a person.
    """

    output: str | None
    text: str


@dataclass(frozen=True, slots=True)
class TestResult:
    """How one test of a file went.

    Attributes:
        index: Its place under `tests:`, from 0.
        name: Its name.
        failures: What is not as expected; empty when it passed.
    """

    __test__ = False

    index: int
    name: str
    failures: tuple[Failure, ...]

    @property
    def passed(self) -> bool:
        """Whether everything was as expected."""
        return not self.failures


def run_tests(pipeline: str | Path | Pipeline, coverage: Coverage | None = None) -> list[TestResult]:
    """Run the tests in a pipeline file, each by itself, and return how they went, in the order of the file.

    Stages are held to the rule that a body is never changed in place.

    Args:
        pipeline: As for `run_pipeline`.
        coverage: Is told what the tests reach.

    Raises:
        InvalidPipeline: The file is wrong; it carries every problem.
    """
    refuse_second_loop()
    ready = loaded(pipeline)
    return [TestResult(index, test.name, _failures(ready, test, coverage)) for index, test in enumerate(ready.tests)]


def _failures(pipeline: Pipeline, test: TestCase, coverage: Coverage | None) -> tuple[Failure, ...]:
    given = test.given if isinstance(test.given, list) else [test.given]
    try:
        ran = _ran(pipeline, test, given, coverage)
    except RunFailed as error:
        return (_failure(str(error)),)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin is opened: the other tests still run
        return (_failure(f"the pipeline cannot run: {type(error).__name__}: {error}"),)
    outputs = _outputs(ran)
    in_order = ran.sinks.keys() if _is_ordered(pipeline, given) else set[str]()
    differences = {
        name: _difference(test.expect.get(name, []), items, ordered=name in in_order) for name, items in outputs.items()
    }
    return tuple(Failure(name, text) for name, text in differences.items() if text)


def _ran(pipeline: Pipeline, test: TestCase, given: Sequence[Given], coverage: Coverage | None) -> Ran:
    start = Start(seed=test.seed) if test.now is None else Start(_seconds(test.now), test.seed)
    if coverage is None:
        run = Run(pipeline, test.mock, check_mutation=True, start=start)
    else:
        run = Run(pipeline, test.mock, check_mutation=True, start=start, listen=coverage.listen)
    ran = run_virtual(run.run([each.model_dump() for each in given]), limit=math.inf)
    if coverage is not None:
        coverage.arrived(ran)
    return ran


def _seconds(moment: datetime) -> float:
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _is_ordered(pipeline: Pipeline, given: Sequence[Given]) -> bool:
    """Tell whether the messages have one order: they come from a FIFO queue, in one group."""
    return pipeline.source.component.ordered and len({str(each.meta.get("group")) for each in given}) == 1


def _failure(text: str) -> Failure:
    return Failure(None, "\n".join(map(printable, text.splitlines())))


def _difference(expected: Expected, items: Sequence[Item], *, ordered: bool) -> str:
    if isinstance(expected, int):
        return count_difference(expected, items)
    wanted = expected if isinstance(expected, list) else [expected]
    return list_difference([each for each in wanted if isinstance(each, dict)], items, ordered=ordered)


def _outputs(ran: Ran) -> dict[str, list[Item]]:
    """Return what came out, by the names and with the fields that `expect:` has for it."""
    sinks: dict[str, list[Item]] = {
        name: [_arrived(message) for message in messages] for name, messages in ran.sinks.items()
    }
    dropped = [_outcome(each, {}) for each in ran.dropped]
    dead_letters = [_outcome(each, {"error": each.error}) for each in ran.dead_letters]
    return {**sinks, "dropped": dropped, "dead_letter": dead_letters}


def _arrived(message: Message) -> Item:
    routes: list[JSON] = [*message.routes]
    return {"id": message.id, "body": _body(message), "headers": dict(message.headers), "routes": routes}


def _outcome(ended: Ended, error: dict[str, JSON]) -> Item:
    message = ended.message
    return {"stage": ended.stage, **error, "reason": ended.reason, "id": message.id, "body": _body(message)}


def _body(message: Message) -> JSON:
    """Return the body; one that cannot be read as the text that came."""
    try:
        return message.body
    except Reject:
        return message.payload.decode(errors="replace")
