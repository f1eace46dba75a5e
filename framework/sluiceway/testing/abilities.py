"""What the suites for sources, sinks and dead letters share: what a case can do, and how its calls are made to fail."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Final, Literal, TypeAlias, TypeVar
from unittest import SkipTest

T = TypeVar("T")

When: TypeAlias = Literal["before", "after"]
"""Whether a call fails before its effect, or after it: it was done, and the answer is lost."""

WHEN: Final[Sequence[When]] = ("before", "after")

Failing: TypeAlias = Callable[[When], AbstractContextManager[object]]
"""Makes calls fail for now (a broken connection, an answer of 503) for as long as its context is open."""


def needed(ability: T | None, name: str) -> T:
    """Return what a check needs of its case; skip the check, by the ability's name, where the case does not have it.

    Raises:
        SkipTest: It does not; pytest and unittest count the test as skipped.
    """
    if ability is None or ability is False:
        raise SkipTest(f"the case has no `{name}`")
    return ability
