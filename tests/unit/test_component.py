"""Components as their authors write them: classes with settings, and functions marked with `@stage`."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import ClassVar

import pytest
from pydantic import ValidationError

from sluiceway import Context, Duration, Message, Process, Sink, Source, Stage, stage
from sluiceway.adapters.memory import MemorySink
from sluiceway.core.component import Visibility
from sluiceway.core.spec import Pipeline, SinkSpec, SourceSpec, StageSpec
from sluiceway.testing import run_pipeline


@stage
def whisper(message: Message, *, field: str = "greeting", twice: bool = False) -> Message:
    """Write one field of the body in small letters."""
    assert isinstance(message.body, dict)
    text = str(message.body[field]).lower()
    return message.with_body({**message.body, field: text * (2 if twice else 1)})


@stage(routes=("vip", "rest"))
async def route(message: Message) -> Message:
    """Tell who is important."""
    return message.to("vip" if message.body == "ada" else "rest")


@stage(blocking=True)
def name_thread(message: Message) -> Message:
    return message.with_body(threading.current_thread().name)


def made(function: Callable[..., object]) -> type[Stage]:
    """Return the component that a pipeline file finds in place of a marked function."""
    component: type[Stage] = function.__sluiceway_stage__  # type: ignore[attr-defined] # the mark of @stage
    return component


def through(component: Stage, body: object) -> object:
    pipeline = Pipeline(
        name="made",
        source=SourceSpec("sqs", Source()),
        stages=(StageSpec("s", "made", component),),
        sinks=(SinkSpec("out", "memory", MemorySink()),),
    )
    (message,) = run_pipeline(pipeline, [{"body": body}]).sinks["out"]
    return message.body


# Functions.


def test_a_marked_function_stays_callable_as_it_was() -> None:
    assert whisper(Message({"greeting": "HI"})).body == {"greeting": "hi"}
    assert asyncio.run(route(Message("ada"))).routes == ("vip",)


def test_its_keyword_only_parameters_are_the_settings_and_its_docstring_the_page() -> None:
    component = made(whisper)
    assert (component.__name__, component.__doc__) == ("whisper", "Write one field of the body in small letters.")
    assert through(component.model_validate({"field": "note", "twice": True}), {"note": "Oh"}) == {"note": "ohoh"}
    assert through(component(), {"greeting": "OH"}) == {"greeting": "oh"}


@pytest.mark.parametrize("settings", [{"fild": "note"}, {"twice": "perhaps"}])
def test_wrong_settings_of_a_function_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        made(whisper).model_validate(settings)


def test_an_async_function_may_have_settings_too() -> None:
    @stage
    async def later(message: Message, *, seconds: Duration = Duration("1h")) -> Message:  # noqa: B008 - immutable
        await asyncio.sleep(seconds)
        return message.with_body(str(seconds))

    assert through(made(later).model_validate({"seconds": "2s"}), 1) == "2s"


def test_a_router_declares_its_labels() -> None:
    assert list(made(route)().labels()) == ["vip", "rest"]
    assert list(made(whisper)().labels()) == []


def test_a_blocking_function_is_called_in_a_thread() -> None:
    assert made(name_thread).blocking
    assert str(through(made(name_thread)(), 1)).startswith("sluiceway-s")


def generator(message: Message) -> object:
    yield message


def hides(function: Callable[..., object]) -> Callable[..., object]:
    @functools.wraps(function)
    def wrapper(message: Message) -> object:
        return function(message)

    return wrapper


async def later(message: Message) -> Message:
    return message


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (generator, "stage generator: process is a generator; return a list"),
        (lambda message: message, "process must be a def or an async def"),
        (hides(later), "stage later: process is a def that hides an async def"),
    ],
)
def test_what_is_no_plain_function_is_refused_where_it_is_written(function: Callable[..., object], said: str) -> None:
    with pytest.raises(TypeError, match=said):
        stage(function)


def test_an_async_function_cannot_block() -> None:
    with pytest.raises(TypeError, match="stage later: process blocks and is an async def; make it a def"):
        stage(blocking=True)(later)


# Classes.


class Count(Stage):
    """Number the messages."""

    start: int = 1

    @asynccontextmanager
    async def open(self, context: Context) -> AsyncGenerator[Process]:
        number = self.start - 1

        def process(message: Message) -> Message:
            nonlocal number
            number += 1
            context.count("numbered")
            return message.with_body(number)

        yield process


def test_a_class_keeps_its_state_in_open() -> None:
    component = Count(start=7)
    assert (through(component, "a"), through(component, "b")) == (7, 7)


def test_a_component_is_frozen_and_closed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Count().start = 2  # type: ignore[misc] # what is tested
    with pytest.raises(ValidationError) as caught:
        Count.model_validate({"start": "hunter2", "other": 1})
    assert "hunter2" not in str(caught.value)
    assert len(caught.value.errors()) == 2


def test_a_process_of_the_wrong_kind_is_refused_where_the_class_is_written() -> None:
    with pytest.raises(TypeError, match="stage Lazy: process is a generator"):

        class Lazy(Stage):
            def process(self, message: Message) -> object:  # type: ignore[override] # what is tested
                yield message

    with pytest.raises(TypeError, match="stage Both: process blocks and is an async def"):

        class Both(Stage):
            blocking: ClassVar[bool] = True

            async def process(self, message: Message) -> Message:
                return message


def test_what_a_component_does_not_override_says_so() -> None:
    class Empty(Stage):
        pass

    with pytest.raises(TypeError, match="Empty overrides neither process nor open"):
        Empty().process(Message(1))
    with pytest.raises(TypeError, match="Source does not override open"):
        Source().open(None)  # type: ignore[arg-type] # it is not looked at
    with pytest.raises(TypeError, match="Sink does not override open_dead_letters"):
        Sink().open_dead_letters(None)  # type: ignore[arg-type] # as above


@pytest.mark.parametrize(
    ("initial", "limit", "said"),
    [
        ("2m", "1m", r"0 < initial \(2m\) ≤ limit \(1m\) ≤ 12h"),
        ("0s", "1m", r"initial \(0s\)"),
        ("1m", "13h", r"limit \(13h\)"),
    ],
)
def test_a_lease_is_renewed_within_its_limit_and_sqs_s(initial: str, limit: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Visibility.model_validate({"initial": initial, "limit": limit})


def test_the_lease_that_nobody_wrote_shrinks_to_the_limit() -> None:
    assert Visibility(limit=Duration("20s")).initial == 20
