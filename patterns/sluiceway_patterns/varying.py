"""Settings that must tell messages apart: expressions that differ, and patterns over what is there."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Final, TypeAlias, cast

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from sluiceway import EventPattern, Expression
from sluiceway_patterns.values import shown

VIEW: Final = ("id", "body", "headers", "meta")
"""What expressions and patterns see of a message."""


def _check_varies(expression: Expression) -> Expression:
    if expression.is_literal:
        value = expression.evaluate({})
        raise PydanticCustomError(
            "expression",
            "{message}",
            {
                "message": f"{shown(value)} stands for itself, so it is the same for every message:"
                f" write {{jmes: {value if isinstance(value, str) and value else 'body.order_no'}}}"
            },
        )
    return expression


Varying: TypeAlias = Annotated[Expression, AfterValidator(_check_varies)]
"""An expression that is computed from the message: a constant would say the same of all."""


def check_names(pattern: EventPattern, names: Sequence[str]) -> EventPattern:
    """Refuse a pattern that can never match, because it begins with what is not there."""
    for path in _top_keys(pattern.source):
        key = str(path[-1])
        if key not in names:
            near = difflib.get_close_matches(key, names, n=1)
            hint = f"did you mean {near[0]}?" if near else f"a field of the body is written {{body: {{{key[:80]}: …}}}}"
            raise PydanticCustomError(
                "event_pattern",
                "{message}",
                {"path": list(path), "message": f"there is no `{key[:80]}` but {', '.join(names)}; {hint}"},
            )
    return pattern


def _top_keys(pattern: Mapping[str, object]) -> Iterator[tuple[str | int, ...]]:
    """Yield the path of every key that the pattern looks up in what it is applied to."""
    for key, value in pattern.items():
        if key == "$or" and isinstance(value, list):
            for index, alternative in enumerate(cast("list[Mapping[str, object]]", value)):
                yield from ((key, index, *path) for path in _top_keys(alternative))
        else:
            yield (key,)
