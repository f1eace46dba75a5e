"""What every function beyond JMESPath's own has: a page, examples, bounds, and its name in what it refuses."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Final, ParamSpec, TypeVar

from jmespath.exceptions import JMESPathError

from sluiceway.core.json import JSON

P = ParamSpec("P")
R = TypeVar("R")

MAX_TEXT: Final = 2**20
"""Characters that a function takes, and gives, as one text."""
MAX_ITEMS: Final = 100_000
"""Elements that a function makes of one text."""

PAGES: Final[dict[str, Page]] = {}
"""What is known of each function, by its name."""


@dataclass(frozen=True, slots=True)
class Page:
    """What the documentation says of a function.

    Attributes:
        name: What expressions call it.
        method: What computes it.
        summary: What it does.
        examples: Expressions, and what they give for a message that is not looked at.
    """

    name: str
    method: Callable[..., object]
    summary: str
    examples: tuple[tuple[str, JSON], ...]

    @property
    def call(self) -> str:
        """How it is called: `pad_left(text, width, [fill])`, `[…]` around what may be left out."""
        _, *parameters = inspect.signature(self.method).parameters.values()
        return f"{self.name}({', '.join(map(_parameter, parameters))})"


class Refused(ValueError):
    """A function was given what it does not take. The message begins with the function's name."""


def documented(summary: str, *examples: tuple[str, JSON]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Give a function its page, and bounds on its texts; below `@signature`.

    Args:
        summary: What it does, in Markdown.
        examples: Expressions with what they give. Each is a test.
    """

    def decorate(method: Callable[P, R]) -> Callable[P, R]:
        name = method.__name__.removeprefix("_func_")

        @wraps(method)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                for argument in args:
                    _refuse_large(argument, "a text")
                result = method(*args, **kwargs)
                _refuse_large(result, "the result")
            except (Refused, JMESPathError):  # of a function inside an `&` argument
                raise
            except (ValueError, ArithmeticError) as error:
                raise Refused(f"{name}(): {error}") from error
            return result

        PAGES[name] = Page(name, method, summary, examples)
        return call

    return decorate


def _refuse_large(value: object, what: str) -> None:
    if isinstance(value, str) and len(value) > MAX_TEXT:
        raise too_large(what, len(value))


def too_large(what: str, characters: int) -> ValueError:
    """Return the error for a text beyond the limit."""
    return ValueError(f"{what} has {characters} characters; the limit is {MAX_TEXT}")


def _parameter(parameter: inspect.Parameter) -> str:
    name = parameter.name.removeprefix("_")
    if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
        return f"{name}…"
    return name if parameter.default is inspect.Parameter.empty else f"[{name}]"
