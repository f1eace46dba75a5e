"""The time and chance that expressions see: those of the run that computes them."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

from sluiceway.core.ports import Random


@dataclass(frozen=True, slots=True)
class Ambient:
    """What `now()` and `uuid()` read.

    Attributes:
        now: Gives the time of day, in seconds since 1970, UTC.
        random: Chance.
    """

    now: Callable[[], float]
    random: Random


# Outside a run, as in a test of an expression alone, time and chance are the system's.
_CURRENT: Final = ContextVar("ambient", default=Ambient(time.time, random.Random()))  # noqa: S311, B039 - no secrets; shared on purpose


def ambient() -> Ambient:
    """Return the time and chance of the run that this code belongs to."""
    return _CURRENT.get()


@contextmanager
def within(now: Callable[[], float], chance: Random) -> Generator[None]:
    """Give this time and chance to the code inside, and to the tasks that it starts."""
    before = _CURRENT.set(Ambient(now, chance))
    try:
        yield
    finally:
        _CURRENT.reset(before)
