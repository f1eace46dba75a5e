"""A function that is made a stage: what is wrong with it is found where it is written, so that `lint` shows it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sluiceway import Message, Stage, stage
from sluiceway.config.load import check


def no_message() -> None: ...
def only_keys(*, times: int = 1) -> None: ...
def second_by_place(message: Message, factor: int = 2) -> Message:
    return message.with_body(factor)


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (no_message, "stage no_message takes no message: its first parameter is the message"),
        (only_keys, "stage only_keys takes no message: its first parameter is the message"),
        (
            second_by_place,
            "stage second_by_place: its keys are keyword-only parameters: put `*,` before `factor`",
        ),
    ],
)
def test_a_function_that_cannot_be_called_as_a_stage_is_refused(function: Callable[..., object], said: str) -> None:
    with pytest.raises(TypeError) as refused:
        stage(function)
    assert str(refused.value) == said


def test_a_key_without_an_annotation_takes_any_value() -> None:
    def shout(message: Message, *, times=1) -> Message:  # type: ignore[no-untyped-def] # noqa: ANN001 - what is tested
        return message.with_body(times)

    made = stage(shout).__sluiceway_stage__  # type: ignore[attr-defined] # the mark of a stage
    assert made.model_validate({"times": ["any"]}).times == ["any"]
    assert made.model_validate({}).times == 1


def test_a_wrapper_of_any_arguments_is_a_stage() -> None:
    def wrapper(*args: Message) -> Message:
        return args[0]

    assert stage(wrapper) is wrapper


@pytest.mark.filterwarnings("ignore:Field name")
def test_a_key_that_would_hide_a_method_is_refused_with_the_way_out() -> None:
    with pytest.raises(TypeError, match='name the field `labels_`, with `alias="labels"`'):

        class Shout(Stage):
            labels: str = "loud"  # type: ignore[assignment] # what is tested


def test_lint_shows_the_line_of_the_function(tmp_path: Path) -> None:
    (tmp_path / "stages.py").write_text("from sluiceway import stage\n\n@stage\ndef scale(message, factor):\n    ...\n")
    text = (
        "version: 1\nname: orders\nplugins: [./stages.py]\nsource: {use: memory}\n"
        "stages: [{use: './stages.py:scale', with: {factor: 2}}]\nsinks: [{use: memory}]\n"
    )
    [problem] = check(tmp_path / "orders.yaml", text=text, environ={}).problems
    assert (problem.line, problem.column, problem.code) == (3, 11, "plugin")
    assert problem.message == (
        "./stages.py cannot be imported: stages.py:3: TypeError: "
        "stage scale: its keys are keyword-only parameters: put `*,` before `factor`"
    )
