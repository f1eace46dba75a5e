"""What a stage says about its own choices, for the tools that explain and test a pipeline. Never used in production."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

Place: TypeAlias = tuple[str | int, ...]
"""Keys and indices below a stage's `with`: `("routes", 1)`, `("map", "channel", "enum", "W")`."""


@dataclass(frozen=True, slots=True)
class Decision:
    """One choice that a stage made for one message.

    Attributes:
        place: The key that it was made by.
        text: What was found and what was wanted, for a person: `body.status is "open"; the pattern wants "paid"`.
        taken: Whether this is the way that the message took.
    """

    place: Place
    text: str
    taken: bool
