"""Patterns that decide where a message goes, or whether it goes on at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, Literal, cast

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from sluiceway import Drop, EventPattern, Message, Stage

_VIEW: Final = ("id", "body", "headers", "meta")


class Filter(Stage):
    """Let through what matches an event pattern and drop the rest.

    The pattern is Amazon EventBridge's ("Amazon EventBridge event patterns" in its user guide), written in YAML,
    over the message: `id`, `body`, `headers` and `meta`. A body that is text, or JSON but no object, matches no
    pattern on `body`. A dropped message is settled as done and counted under "no pattern matched".

    With `of: body` the pattern is applied to the body itself: so a pattern copied from an EventBridge rule works
    unchanged on events that a rule has put into the queue.

    This is the Message Filter of Enterprise Integration Patterns (Hohpe and Woolf, chapter 7).

    ```yaml
    - id: only-paid
      use: filter
      with:
        pattern: {body: {status: [paid, authorised], total: [{numeric: [">", 0]}]}}
    ```
    """

    of: Literal["body"] | None = Field(
        default=None, description="`body` applies the pattern to the event in the body; default: to the message."
    )
    pattern: EventPattern = Field(description="The event pattern; what it matches passes.")

    @field_validator("pattern")
    @classmethod
    def _names_the_view(cls, pattern: EventPattern, info: ValidationInfo) -> EventPattern:
        if info.data.get("of", "invalid") is not None:
            return pattern
        for path in _top_keys(pattern.source):
            if path[-1] not in _VIEW:
                raise PydanticCustomError(
                    "event_pattern",
                    "a message has {view}, but no '{key}': for a pattern over the event in the body, add of: body",
                    {"view": ", ".join(_VIEW), "key": str(path[-1])[:80], "path": list(path)},
                )
        return pattern

    def process(self, message: Message) -> Message | Drop:
        """Return the message, or drop it."""
        event = message.view if self.of is None else message.body
        if isinstance(event, Mapping) and self.pattern.matches(event):
            return message
        # One reason for all: drops are counted by reason, so it must not name values of the message.
        return Drop("no pattern matched")


def _top_keys(pattern: Mapping[str, object]) -> Iterator[tuple[str | int, ...]]:
    """Yield the path of every key that the pattern looks up in the event itself."""
    for key, value in pattern.items():
        if key == "$or" and isinstance(value, list):
            for index, alternative in enumerate(cast("list[Mapping[str, object]]", value)):
                yield from ((key, index, *path) for path in _top_keys(alternative))
        else:
            yield (key,)
