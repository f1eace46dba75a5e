"""What every stage must do: run each of `CHECKS` against yours, with messages that it takes.

```python
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_my_stage(check: Check) -> None:
    check(StageCase(Shout(field="greeting"), [{"body": {"greeting": "hello"}}]))
```

The checks are property-based: they need hypothesis. Gathers have a suite of their own, `sluiceway.testing.gathers`.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias, cast

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from sluiceway.core.component import Stage
from sluiceway.core.decision import Decision
from sluiceway.core.errors import MessageError, Reject, Transient
from sluiceway.core.gather import Gather
from sluiceway.core.message import Message
from sluiceway.core.outcome import Bypass, Claimed, Defer, Drop
from sluiceway.core.process import is_async
from sluiceway.core.spec import Pipeline
from sluiceway.testing.mocks import Mock, MockContext, RunFailed
from sluiceway.testing.pipeline import loaded
from sluiceway.testing.strategies import Given, json_values, messages
from sluiceway.testing.virtual_time import VirtualClock, run_virtual

_MOST_REASONS: Final = 10
_LONGEST_REASON: Final = 4000


@dataclass(frozen=True, slots=True)
class StageCase:
    """A stage to be checked.

    Attributes:
        stage: The stage, with its settings.
        accepts: Messages that it takes without an error, as under `given:` in a file; one at least.
        mock: What its calls outside are answered with, as for `run_pipeline`; None where it makes none.
        examples: How many messages each property is tried with.
    """

    stage: Stage
    accepts: Sequence[Given]
    mock: object = None
    examples: int = 60


Check: TypeAlias = Callable[[StageCase], None]
"""Raises AssertionError when a stage breaks the rule in its name."""


def cases_of(pipeline: str | Path | Pipeline, *, examples: int = 60) -> Iterator[tuple[str, StageCase]]:
    """Give a case for each stage of a pipeline file but its gathers, by the name in `use`, from the file's own tests.

    Args:
        pipeline: As for `run_pipeline`; it needs a test that reaches each stage.
        examples: How many messages each property is tried with.
    """
    ready = loaded(pipeline)
    for spec in ready.stages:
        if isinstance(spec.component, Gather):
            continue
        tests = [test for test in ready.tests if spec.id in test.mock] or ready.tests
        given_messages = [
            each for test in tests for each in (test.given if isinstance(test.given, list) else [test.given])
        ]
        mock = next((test.mock[spec.id] for test in tests if spec.id in test.mock), None)
        yield spec.use, StageCase(spec.component, [each.model_dump() for each in given_messages], mock, examples)


def any_message_ends_in_a_result_or_an_error_of_its_own(case: StageCase) -> None:
    """Whatever comes, and whatever is answered outside: a result that the engine knows, a Reject or a Transient."""

    @_property(case)
    @given(messages(*case.accepts), _answers(case))
    def holds(message: Message, answer: tuple[object, ...]) -> None:
        result = _call(case.stage, message, *answer)
        if isinstance(result, BaseException):
            assert isinstance(result, Reject | Transient), f"{type(result).__name__}: {result}"
        else:
            assert _is_result(result), f"returned {type(result).__name__}"

    holds()


def a_reason_is_a_sentence_that_can_be_shown(case: StageCase) -> None:
    """Errors say something, in a text that can be written anywhere and is no copy of the message."""

    @_property(case)
    @given(messages(*case.accepts), _answers(case))
    def holds(message: Message, answer: tuple[object, ...]) -> None:
        result = _call(case.stage, message, *answer)
        if isinstance(result, MessageError):
            reason = result.reason
            assert reason.strip(), "an error without a reason"
            assert len(reason) <= _LONGEST_REASON, f"a reason of {len(reason)} characters"

    holds()


def reasons_for_dropping_are_few(case: StageCase) -> None:
    """Drops are counted by their reasons, so that these hold no values of messages."""
    reasons: Counter[str] = Counter()

    @_property(case)
    @given(messages(*case.accepts))
    def collect(message: Message) -> None:
        result = _call(case.stage, message, *_given_mock(case))
        if isinstance(result, Drop):
            reasons[result.reason] += 1

    collect()
    assert len(reasons) <= _MOST_REASONS, f"{len(reasons)} different reasons: {list(reasons)[:3]} …"


def a_body_is_never_changed_in_place(case: StageCase) -> None:
    """Other routes and sinks share it."""

    @_property(case)
    @given(messages(*case.accepts), _answers(case))
    def holds(message: Message, answer: tuple[object, ...]) -> None:
        before = _written(message)
        _call(case.stage, message, *answer)
        _decide(case.stage, message)
        assert _written(message) == before

    holds()


def it_puts_messages_on_declared_routes_only(case: StageCase) -> None:
    """Which sinks a message can reach is known from the file."""
    declared = set(case.stage.labels())

    @_property(case)
    @given(messages(*case.accepts))
    def holds(message: Message) -> None:
        for made in _messages(_call(case.stage, message, *_given_mock(case))):
            assert set(made.routes) <= declared | set(message.routes)

    holds()


def the_same_message_gives_the_same_result(case: StageCase) -> None:
    """At the same time and with the same chance: what comes again must become the same messages."""

    @_property(case)
    @given(messages(*case.accepts), _answers(case))
    def holds(message: Message, answer: tuple[object, ...]) -> None:
        once, again = (_described(_call(case.stage, message, *answer)) for _ in range(2))
        assert once == again

    holds()


def what_it_decides_it_has_declared(case: StageCase) -> None:
    """`decisions` raises nothing but Reject, and takes only branches that `branches` names."""
    branches = set(case.stage.branches())

    @_property(case)
    @given(messages(*case.accepts))
    def holds(message: Message) -> None:
        taken = {decision.place for decision in _decide(case.stage, message) if decision.taken}
        assert not branches or taken <= branches, f"taken and not declared: {taken - branches}"

    holds()


def it_says_what_it_is_for(case: StageCase) -> None:
    """Its class has a docstring, and each key a description: the reference, and what editors show."""
    stage = type(case.stage)
    assert (stage.__doc__ or "").strip(), f"{stage.__name__} has no docstring"
    base = set(Stage.model_fields)
    silent = [name for name, field in stage.model_fields.items() if name not in base and not field.description]
    assert not silent, f"keys without a description: {', '.join(silent)}"
    assert stage.model_json_schema()["type"] == "object"


def what_it_uses_follows_from_its_settings(case: StageCase) -> None:
    """`resources` is pure: the start check, the embedded AWS and policies all read it."""
    assert list(case.stage.resources()) == list(case.stage.resources())


CHECKS: Final[Sequence[Check]] = (
    any_message_ends_in_a_result_or_an_error_of_its_own,
    a_reason_is_a_sentence_that_can_be_shown,
    reasons_for_dropping_are_few,
    a_body_is_never_changed_in_place,
    it_puts_messages_on_declared_routes_only,
    the_same_message_gives_the_same_result,
    what_it_decides_it_has_declared,
    it_says_what_it_is_for,
    what_it_uses_follows_from_its_settings,
)
"""All of them."""


def _property(case: StageCase) -> settings:
    return settings(
        max_examples=case.examples,
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )


def _given_mock(case: StageCase) -> tuple[object, ...]:
    return () if case.mock is None else (case.mock,)


def _answers(case: StageCase) -> st.SearchStrategy[tuple[object, ...]]:
    """Return what the outside answers: as the case has it, nothing there, a failure, or any JSON."""
    if case.mock is None:
        return st.just(())
    odd = st.sampled_from([{"missing": True}, {"status": 503}, {"status": 400}, {"status": 200, "body": "<html>"}])
    anything = json_values(max_leaves=4).filter(lambda value: not isinstance(value, dict | list))
    return st.tuples(st.just(case.mock) | odd | anything)


def _call(stage: Stage, message: Message, *mock: object) -> object:
    """Return what a stage makes of a message, or what it raises; every run begins at the same time."""
    return run_virtual(_called(stage, message, mock))


async def _called(stage: Stage, message: Message, mock: tuple[object, ...]) -> object:
    clock = VirtualClock(asyncio.get_running_loop())
    answers = Mock("stage", RunFailed, *mock)
    context = MockContext("checks", "stage", clock, random.Random(0), answers, Counter())  # noqa: S311 - the same each time
    async with stage.open(context) as process:
        try:
            result = process(message)
            return await cast("Awaitable[object]", result) if is_async(process, blocking=stage.blocking) else result
        except RunFailed:
            raise  # it calls out and the case has no mock, or too few answers
        except BaseException as error:  # noqa: BLE001 - what a stage raises is what is checked
            return error


def _is_result(result: object) -> bool:
    if isinstance(result, list | tuple):
        return all(isinstance(part, Message | Bypass) for part in cast("Sequence[object]", result))
    return isinstance(result, Message | Bypass | Drop | Defer | Claimed)


def _messages(result: object) -> list[Message]:
    parts = cast("Sequence[object]", result) if isinstance(result, list | tuple) else [result]
    whole = [part.message if isinstance(part, Bypass | Claimed) else part for part in parts]
    return [part for part in whole if isinstance(part, Message)]


def _described(result: object) -> str:
    if isinstance(result, BaseException | Drop | Defer):
        return repr(result)
    return repr([(_written(made), dict(made.headers), made.routes) for made in _messages(result)])


def _written(message: Message) -> str:
    try:
        return repr((message.body, sorted(message.headers.items()), sorted(cast("Mapping[str, object]", message.meta))))
    except Reject:
        return "unreadable"


def _decide(stage: Stage, message: Message) -> list[Decision]:
    try:
        return list(stage.decisions(message))
    except Reject:
        return []
