"""The only module that touches ruamel: its events and errors as small typed values."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (ruamel marks itself as typed but hides its import of Any from type checkers)

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from ruamel.yaml import YAML, events
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.reader import ReaderError

from sluiceway.config.text import Span


class Event(NamedTuple):
    """One step of a text: a scalar, the start or end of a mapping or list, an alias, the start of a document.

    Attributes:
        kind: Which of these.
        span: Where it stands.
        text: A scalar's text; an alias' name.
        style: A scalar's quotes or `|`, `>`; None when it is plain.
        flow: Whether a mapping or list is written in brackets.
        anchor: The name that `&` gives it.
        tagged: Whether it has a tag.
    """

    kind: Literal["scalar", "mapping", "list", "end", "alias", "document"]
    span: Span
    text: str = ""
    style: str | None = None
    flow: bool = False
    anchor: str | None = None
    tagged: bool = False


class YamlSyntaxError(Exception):
    """The text is no YAML.

    Attributes:
        at: Where ruamel stopped, in characters from 0; None if it does not say.
        start: Where what it was reading began.
        reason: What it says.
    """

    def __init__(self, reason: str, at: int | None, start: int | None = None) -> None:
        self.reason, self.at, self.start = reason, at, at if start is None else start
        super().__init__(reason)


def read_events(text: str) -> Iterator[Event]:
    """Yield the events of a text, one by one, so that a bound can stop the reading.

    Raises:
        YamlSyntaxError: The text is no YAML.
    """
    try:
        for event in YAML(typ="safe", pure=True).parse(text):
            translated = _translate(event)
            if translated:
                yield translated
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        start = error.context_mark.index if error.context_mark else None
        raise YamlSyntaxError(error.problem or error.context or "", mark.index, start) from error
    except ReaderError as error:
        raise YamlSyntaxError("special character", error.position) from error
    except (ValueError, OverflowError) as error:  # chr() of an escape beyond the last character
        raise YamlSyntaxError("escape beyond the last character", None) from error


def _translate(event: events.Event) -> Event | None:
    span = Span(event.start_mark.index, event.end_mark.index)
    if isinstance(event, events.ScalarEvent):
        tagged = event.tag is not None
        return Event("scalar", span, event.value, event.style, anchor=event.anchor, tagged=tagged)
    if isinstance(event, events.CollectionStartEvent):
        kind: Literal["mapping", "list"] = "mapping" if isinstance(event, events.MappingStartEvent) else "list"
        return Event(kind, span, flow=bool(event.flow_style), anchor=event.anchor, tagged=event.tag is not None)
    if isinstance(event, events.CollectionEndEvent):
        return Event("end", span)
    if isinstance(event, events.AliasEvent):
        return Event("alias", span, event.anchor)
    return Event("document", span) if isinstance(event, events.DocumentStartEvent) else None
