"""A mistake in a pipeline file: one value, shown as text or JSON by whoever reports it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple


class Related(NamedTuple):
    """Another place that a mistake has to do with: where the file that holds it is used, say.

    Attributes:
        what: What is there, as in `used at`.
        file: The path as for the mistake.
        line: The line, from 1.
        column: The column, from 1.
        length: How many characters to underline.
        sensitive: The source line must not be shown.
    """

    what: str
    file: str
    line: int
    column: int
    length: int = 1
    sensitive: bool = False


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, where, and what would be right.

    Attributes:
        file: The path as the user gave it.
        line: The line, from 1.
        column: The column, from 1, in characters.
        path: The place in the file as keys and indices: `sinks.bus.with.sorce`, `stages.0.use`.
        message: One sentence: what was found and what is wrong with it. Never a secret's value.
        code: A short stable name of the rule: `unknown-key`, `missing`, `syntax`.
        allowed: What would have been accepted, when that is a closed list.
        suggestion: The nearest right name, or what to do.
        length: How many characters the narrowest wrong span has, for the underline.
        level: Errors stop a pipeline from running; warnings do not.
        sensitive: The source line must not be shown (it may hold a secret).
        related: Other places that it has to do with, the nearest first.
    """

    file: str
    line: int
    column: int
    path: str
    message: str
    code: str = "invalid"
    allowed: tuple[str, ...] = ()
    suggestion: str | None = None
    length: int = 1
    level: Literal["error", "warning"] = "error"
    sensitive: bool = False
    related: tuple[Related, ...] = ()

    @property
    def files(self) -> set[str]:
        """The files that it names."""
        return {self.file, *(place.file for place in self.related)}
