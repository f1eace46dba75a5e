"""What a stage's function is: pure work, I/O, or something that cannot be told and is refused."""

# ruff: noqa: ARG001 - made-up stages name what they are given

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator

import pytest

from sluiceway.core.component import Stage
from sluiceway.core.message import Message
from sluiceway.core.process import is_async
from sluiceway.core.stage_function import stage


def same(message: Message) -> Message:
    return message


async def three_later(message: Message) -> list[Message]:
    return [message] * 3


class Plain:
    def __call__(self, message: Message) -> Message:
        return message


class Later:
    async def __call__(self, message: Message) -> Message:
        return message


def shouting(message: Message, mark: str = "!") -> Message:
    return message


async def shouting_later(message: Message, mark: str = "!") -> Message:
    return message


@pytest.mark.parametrize(
    ("process", "expected"),
    [
        (same, False),
        (three_later, True),
        (Plain(), False),
        (Later(), True),
        (Plain().__call__, False),
        (Later().__call__, True),
        (functools.partial(shouting, mark="?"), False),
        (functools.partial(shouting_later, mark="?"), True),
        (functools.partial(functools.partial(shouting_later), mark="?"), True),
        (functools.partial(Later()), True),
    ],
)
def test_a_stage_does_io_when_what_it_opened_is_an_async_def(process: Callable[..., object], *, expected: bool) -> None:
    assert is_async(process) is expected


def yields(message: Message) -> Iterator[Message]:
    yield message


async def yields_later(message: Message) -> object:
    yield message


@functools.wraps(three_later)
def wrapped(message: Message) -> object:
    return three_later(message)


class Hides:
    __call__ = wrapped


@pytest.mark.parametrize(
    ("process", "said"),
    [
        (yields, "generator"),
        (yields_later, "generator"),
        (functools.partial(yields), "generator"),
        (lambda message: message, "a def or an async def"),
        (wrapped, "hides an async def"),
        (Hides(), "hides an async def"),
        (functools.partial(wrapped), "hides an async def"),
        (Plain, "a def or an async def"),
        (17, "a def or an async def"),
    ],
)
def test_a_stage_that_hides_what_it_is_cannot_be_loaded(process: Callable[..., object], said: str) -> None:
    with pytest.raises(TypeError, match=said):
        is_async(process)


def test_a_blocking_stage_that_is_an_async_def_is_refused() -> None:
    with pytest.raises(TypeError, match="blocks and is an async def"):
        is_async(three_later, blocking=True)


def test_a_decorated_generator_is_refused_where_it_is_written() -> None:
    with pytest.raises(TypeError, match="stage yields: process is a generator"):
        stage(yields)


def test_a_class_whose_process_is_a_generator_is_refused_where_it_is_written() -> None:
    with pytest.raises(TypeError, match=r"stage Yields: process is a generator"):

        class Yields(Stage):
            def process(self, message: Message) -> Iterator[Message]:  # type: ignore[override] # the mistake
                yield message
