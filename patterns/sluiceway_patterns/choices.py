"""What routers have in common: labels, patterns over the message, and what becomes of a message without a route."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Final, Literal, TypeAlias, cast

from pydantic import AfterValidator, Discriminator, Field, Tag
from pydantic_core import PydanticCustomError

from sluiceway import JSON, Drop, EventPattern, Expression, Message, Reject, Settings, Shape, Stage
from sluiceway_patterns.values import cut, shown

Label: TypeAlias = Annotated[str, Field(min_length=1, max_length=100)]
"""The name of a route."""

VIEW: Final = ("id", "body", "headers", "meta")
"""What expressions and patterns see of a message."""

_PATTERNS: Final = ("pattern", "routes", "when")
"""The keys under which patterns stand."""

_PATH: Final = re.compile(r"id|(body|headers|meta)(\.\w+)+")


class To(Settings):
    """On this route, and on no other."""

    to: Label = Field(description="The route.")


def kind_of(value: object) -> str:
    """Tell a word from a route, by the tags of their union."""
    return "<word>" if isinstance(value, str) else "<to>"


Otherwise: TypeAlias = Annotated[
    Annotated[Literal["reject", "drop"], Tag("<word>")] | Annotated[To, Tag("<to>")], Discriminator(kind_of)
]
"""What becomes of a message that has no route. A route stands under `to`, so that no label is taken for a word."""


def go_otherwise(message: Message, otherwise: Literal["reject", "drop"] | To, why: str) -> Message | Drop:
    """Do with a message for which there is no route what the file says.

    Raises:
        Reject: It says `reject` (class `unroutable`).
    """
    if isinstance(otherwise, To):
        return message.to(otherwise.to)
    if otherwise == "drop":
        return Drop("no route for it")  # one reason for all: drops are counted by reason
    raise Reject(why, error="unroutable")


def labels_of(*choices: object) -> list[str]:
    """Return the labels among what becomes of messages."""
    return [choice.to for choice in choices if isinstance(choice, To)]


def _differs(expression: Expression) -> Expression:
    if not expression.is_literal:
        return expression
    constant = expression.evaluate({})
    meant = constant if isinstance(constant, str) and _PATH.fullmatch(constant) else "body.…"
    raise PydanticCustomError(
        "expression",
        "this is the same for every message, and must come from it",
        {"suggestion": f"write {{jmes: {meant}}}"},
    )


Computed: TypeAlias = Annotated[Expression, AfterValidator(_differs)]
"""An expression that is no constant."""


def named(key: str, expression: Expression) -> str:
    """Return a key with its expression, as reasons name them: `to (body.country)`."""
    return f"{key} ({cut(expression.text or 'a literal')})"


def listed(names: Sequence[str]) -> str:
    """Return the first of several names, as reasons list them."""
    return cut(", ".join(names[:20]), 200) + (", …" if len(names) > 20 else "")


class OverMessage(Stage):
    """Base of the stages that hold messages against event patterns."""

    of: Literal["body"] | None = Field(
        default=None, description="`body` applies a pattern to the event in the body; default: to the message."
    )

    def view_for(self, key: str, view: Shape) -> Shape:
        """Return what patterns see: the message, or the event in its body."""
        return view if self.of is None or key not in _PATTERNS else view.member("body") or Shape.anything()

    def event(self, message: Message) -> Mapping[str, object] | None:
        """Return what patterns are applied to; None where they cannot match."""
        event: JSON | Mapping[str, object] = message.view if self.of is None else message.body
        return event if isinstance(event, Mapping) else None

    def found(self, pattern: EventPattern, message: Message) -> tuple[bool, str]:
        """Tell whether a pattern matches, and by which clauses it does or does not, for a person."""
        event = self.event(message)
        if event is None:
            return False, f"the body is {shown(message.body)}, and a pattern wants an object"
        mismatch = pattern.mismatch(event)
        met = ", ".join(f"{clause.field} is {clause.found}" for clause in pattern.explain(event) if clause.matched)
        if mismatch is None:
            return True, cut(met, 200) or "the pattern wants nothing"
        return False, f"{mismatch}; met: {cut(met, 200)}" if met else mismatch


def names_view(pattern: EventPattern, info: Mapping[str, object], *place: str | int) -> None:
    """Refuse a pattern that looks for what a message does not have, such as one over an event without `of: body`.

    Args:
        pattern: The pattern.
        info: The keys of the stage that were read before; a wrong `of` is an error of its own.
        place: Where the pattern is below the key that is read.
    """
    if info.get("of", "invalid") is not None:
        return
    for path in _top_keys(pattern.source):
        if path[-1] not in VIEW:
            raise PydanticCustomError(
                "event_pattern",
                "a message has {view}, but no '{key}': for a pattern over the event in the body, add of: body",
                {"view": ", ".join(VIEW), "key": str(path[-1])[:80], "path": [*place, *path]},
            )


def names_only(pattern: EventPattern, names: Sequence[str]) -> EventPattern:
    """Refuse a pattern that looks for what is not there: a part of a message has other names than a message."""
    for path in _top_keys(pattern.source):
        key = str(path[-1])[:80]
        if key not in names:
            near = difflib.get_close_matches(key, names, n=1)
            hint = f"did you mean {near[0]}?" if near else f"a field of the body is written {{body: {{{key}: …}}}}"
            message = f"there is no `{key}` but {', '.join(names)}; {hint}"
            raise PydanticCustomError("event_pattern", "{message}", {"path": list(path), "message": message})
    return pattern


def _top_keys(pattern: Mapping[str, object]) -> Iterator[tuple[str | int, ...]]:
    """Yield the path of every key that the pattern looks up in the event itself."""
    for key, value in pattern.items():
        if key == "$or" and isinstance(value, list):
            for index, alternative in enumerate(cast("list[Mapping[str, object]]", value)):
                yield from ((key, index, *path) for path in _top_keys(alternative))
        else:
            yield (key,)
