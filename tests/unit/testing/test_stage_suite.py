"""The suite for stages: the built-in ones pass it, and it catches what it is for."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import pytest
from pydantic import Field

from sluiceway import Decision, Drop, Message, Place, Reject, Stage
from sluiceway.testing import stages
from sluiceway.testing.stages import CHECKS, Check, StageCase, cases_of

EXAMPLES = Path(__file__).parents[3] / "pipelines"
FILES = sorted(path for path in EXAMPLES.rglob("*.yaml") if "\nsource:" in path.read_text())
CASES = [
    pytest.param(case, id=f"{path.stem}:{use}")
    for path in FILES
    for use, case in cases_of(path, examples=20)
    if not use.startswith(".")
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("case", CASES)
def test_a_built_in_stage_keeps_the_rules(case: StageCase, check: Check) -> None:
    check(case)


class Good(Stage):
    """Does what is written under its name, and nothing wrong by default."""

    does: str = Field(default="nothing", description="The name of what it does.")

    def process(self, message: Message) -> Message:
        return cast("Message", WAYS[self.does](message))


class Silent(Good):
    word: str = ""


class Overruled(Good):
    """Takes a branch that it does not declare."""

    def branches(self) -> Sequence[Place]:
        return [("does",)]

    def decisions(self, message: Message) -> Sequence[Decision]:
        return [Decision(("another",), "why not", taken=True)]


def change(message: Message) -> Message:
    body = message.body
    if isinstance(body, dict):
        body["seen"] = True
    return message


def say_nothing(message: Message) -> Message:
    raise Reject("" if message.id else "never")


SEEN = itertools.count()
WAYS: dict[str, Callable[[Message], object]] = {
    "nothing": lambda message: message,
    "fails": lambda message: {}[message.id],
    "forgets": lambda message: message if message.body == {"a": 1} else None,
    "says nothing": say_nothing,
    "tells": lambda message: Drop(f"is {message.body!r}"),
    "changes": change,
    "strays": lambda message: message.to("anywhere"),
    "counts": lambda message: message.with_body(next(SEEN)),
}
BAD: list[tuple[Check, Stage]] = [
    (stages.any_message_ends_in_a_result_or_an_error_of_its_own, Good(does="fails")),
    (stages.any_message_ends_in_a_result_or_an_error_of_its_own, Good(does="forgets")),
    (stages.a_reason_is_a_sentence_that_can_be_shown, Good(does="says nothing")),
    (stages.reasons_for_dropping_are_few, Good(does="tells")),
    (stages.a_body_is_never_changed_in_place, Good(does="changes")),
    (stages.it_puts_messages_on_declared_routes_only, Good(does="strays")),
    (stages.the_same_message_gives_the_same_result, Good(does="counts")),
    (stages.what_it_decides_it_has_declared, Overruled()),
    (stages.it_says_what_it_is_for, Silent()),
]


@pytest.mark.parametrize(("check", "stage"), BAD, ids=lambda value: getattr(value, "__name__", ""))
def test_a_check_catches_what_it_is_for(check: Check, stage: Stage) -> None:
    with pytest.raises(AssertionError):
        check(StageCase(stage, [{"body": {"a": 1}}]))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_good_stage_passes(check: Check) -> None:
    check(StageCase(Good(), [{"body": {"a": 1}}]))
