"""Splitter and composed message processor: what is one message, and has parts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Annotated, Final, Literal, cast

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from sluiceway import JSON, Decision, Drop, EventPattern, Expression, Message, Place, Reject, Settings, Size, Stage
from sluiceway_patterns.body_path import BodyPath, put
from sluiceway_patterns.choices import VIEW, Computed, names_only
from sluiceway_patterns.computed import Make, Misfit, Scope, text_of
from sluiceway_patterns.headers import header_value, with_header
from sluiceway_patterns.mapping import ELEMENT, Node, check_body, check_depth
from sluiceway_patterns.values import shown

SPLIT: Final = "sluiceway-split"
"""The header that names the message a part was made of; those with `-index` and `-count` say which part of how many."""

_MAX_PARTS: Final = Field(default=1000, ge=1, le=10_000, description="More parts than this are rejected (`oversize`).")


def _check_map(node: Node) -> Node:
    return check_body(node, added=ELEMENT)


def _check_pattern(pattern: EventPattern) -> EventPattern:
    return names_only(pattern, (*VIEW, *ELEMENT))


PartMap = Annotated[Node, BeforeValidator(check_depth), AfterValidator(_check_map)]
"""A map for one part, which is `item`; its place is `index`."""


def parts_of(each: Expression, message: Message, most: int) -> list[JSON]:
    """Return the parts of a message.

    Raises:
        Reject: There is no list (`missing`, `invalid`), or there are too many parts (`oversize`).
    """
    parts = each.evaluate(message.view)
    if parts is None:
        raise Reject(f"the list of parts, {text_of(each)}, is missing or null", error="missing")
    if not isinstance(parts, list):
        raise Reject(f"the list of parts, {text_of(each)}, is {shown(parts)}, not a list")
    if len(parts) > most:
        raise Reject(f"it has {len(parts)} parts, and max_parts allows {most}", error="oversize")
    return parts


def _made(make: Make, scope: Scope, index: int) -> JSON:
    try:
        return cast("JSON", make(scope))
    except Misfit as misfit:
        misfit.path.insert(0, index)
        raise misfit.rejection() from None


def _scope(message: Message, item: JSON, index: int) -> Scope:
    return {**message.view, "item": item, "index": index}


class Splitter(Stage):
    """Make a message of each part of a message.

    `each` gives the list of parts. Each becomes the body of a message of its own, or what `as` makes of it: a map as in
    `translate`, in which `item` is the part and `index` its place from 0, beside what the whole message has. Its id is
    the id of the message and the place, `m1/0`, so it is the same when the message comes again. Headers, meta and
    routes are those of the message; three headers are added, as text, so that an `aggregator` can put the parts
    together again: `sluiceway-split`, the id of the message; `sluiceway-split-index`, the place from 0; and
    `sluiceway-split-count`, how many there are. When that is done by another pipeline, the sink between them must
    `forward` the three. Parts that are split again have the headers of the inner split alone.

    The message is settled when all of its parts have ended: one that is rejected takes the message to the dead-letter
    queue, also when others have arrived by then. Sent again from there, they have the same ids.

    A message without a list is rejected, one with more than `max_parts` parts too. So is one whose parts are larger
    than `max_size` together: a map could put the whole message into each of them.

    This is the Splitter of Enterprise Integration Patterns (Hohpe and Woolf, chapter 7).

    ```yaml
    - id: line-by-line
      use: splitter
      with:
        each: {jmes: body.lines}
        as: {order_no: {jmes: body.order_no}, line: {jmes: item}}
    ```
    """

    each: Computed = Field(description="The list of parts.")
    as_: PartMap | None = Field(
        default=None,
        alias="as",
        description="The body of a part's message, as in `translate`; default: the part itself.",
    )
    on_empty: Literal["drop", "reject"] = Field(
        default="drop", description="What is done about a message whose list is empty."
    )
    max_parts: int = _MAX_PARTS
    max_size: Size = Field(
        default=Size("16MiB"), gt=0, description="How large the bodies of all parts may be together."
    )

    @cached_property
    def _make(self) -> Make | None:
        return None if self.as_ is None else self.as_.compile()

    def branches(self) -> Sequence[Place]:
        """Return the places of both ways, when the file names the one of an empty list."""
        return [("each",), ("on_empty",)] if "on_empty" in self.model_fields_set else []

    def decisions(self, message: Message) -> Sequence[Decision]:
        """Return how many parts there are."""
        count = len(parts_of(self.each, message, self.max_parts))
        text = f"{text_of(self.each)} has {count} part{'' if count == 1 else 's'}"
        return [Decision(("each",) if count else ("on_empty",), text, taken=True)]

    def process(self, message: Message) -> list[Message] | Drop:
        """Return the parts."""
        parts = parts_of(self.each, message, self.max_parts)
        if not parts:
            if self.on_empty == "reject":
                raise Reject(f"the list of parts, {text_of(self.each)}, is empty", error="missing")
            return Drop("no parts to split")
        made: list[Message] = []
        left = int(self.max_size)
        for index, item in enumerate(parts):
            part = self._part(message, item, index, len(parts))
            left -= len(part.payload)
            if left < 0:
                raise Reject(f"its parts are larger than max_size ({self.max_size}) together", error="oversize")
            made.append(part)
        return made

    def _part(self, message: Message, item: JSON, index: int, count: int) -> Message:
        body = item if self._make is None else _made(self._make, _scope(message, item, index), index)
        part = with_header(message.with_body(body), SPLIT, header_value(message.id, "its id"))
        return with_header(with_header(part, f"{SPLIT}-index", str(index)), f"{SPLIT}-count", str(count))


class PartKind(Settings):
    """One kind of part."""

    when: Annotated[EventPattern, AfterValidator(_check_pattern)] = Field(
        description="The event pattern that parts of this kind match, over `item`, `index` and what the message has."
    )
    map: PartMap = Field(description="What becomes of such a part, as in `translate`; it is `item`, its place `index`.")


def _check_any(kinds: tuple[PartKind, ...]) -> tuple[PartKind, ...]:
    if not kinds:  # `min_length` would count wrong ones out, and say so of them
        raise PydanticCustomError("parts", "there is no kind of part: name at least one")
    return kinds


class ComposedMessage(Stage):
    """Translate each part of a message after its kind, and put the parts together again.

    `each` gives the list of parts. Each part goes to the first of `parts` whose pattern it matches: an event pattern
    over `item`, the part; `index`, its place from 0; and what the whole message has. The `map` there, as in
    `translate`, makes the new part. The new list, in the order of the old one, is put into the body at `into`. A part
    that matches none is rejected with the whole message, kept as it is or left out, as `otherwise` says.

    All of it happens in this one step, and nothing is held. Where parts must call out, or take long, split them
    (`splitter`), let each kind of part take its own route, and combine them by `sluiceway-split` (`aggregator`).

    This is the Composed Message Processor of Enterprise Integration Patterns (Hohpe and Woolf, chapter 7).

    ```yaml
    - id: price-each-line
      use: composed_message
      with:
        each: {jmes: body.lines}
        into: lines
        parts:
          - when: {item: {kind: [book]}}
            map: {sku: {jmes: item.isbn}, tax: reduced}
          - when: {item: {kind: [game, film]}}
            map: {sku: {jmes: item.ean}, tax: full}
    ```
    """

    each: Computed = Field(description="The list of parts.")
    parts: Annotated[tuple[PartKind, ...], AfterValidator(_check_any)] = Field(
        max_length=100, json_schema_extra={"minItems": 1}, description="The kinds of parts; the first that matches."
    )
    into: BodyPath = Field(description="Where the new list is put in the body: `lines`, `order.lines`.")
    otherwise: Literal["reject", "keep", "drop"] = Field(
        default="reject", description="What is done about a part that is of no kind."
    )
    max_parts: int = _MAX_PARTS

    @cached_property
    def _makes(self) -> Sequence[Make]:
        return [kind.map.compile() for kind in self.parts]

    def branches(self) -> Sequence[Place]:
        """Return the place of each kind, and of what is of none."""
        return [*(("parts", place) for place in range(len(self.parts))), ("otherwise",)]

    def decisions(self, message: Message) -> Sequence[Decision]:
        """Return of which kind each part is."""
        parts = parts_of(self.each, message, self.max_parts)
        return [
            decision
            for index, item in enumerate(parts)
            for decision in self._decided(_scope(message, item, index), index)
        ]

    def process(self, message: Message) -> Message:
        """Return the message with its new parts."""
        made: list[JSON] = []
        for index, item in enumerate(parts_of(self.each, message, self.max_parts)):
            scope = _scope(message, item, index)
            kind = self._kind_of(scope)
            if kind is not None:
                made.append(_made(self._makes[kind], scope, index))
            elif self.otherwise == "reject":
                raise Reject(f"part {index} is {shown(item)} that matches none of the patterns")
            elif self.otherwise == "keep":
                made.append(item)
        return message.with_body(put(message.body, self.into, made))

    def _decided(self, scope: Scope, index: int) -> Iterator[Decision]:
        for place, kind in enumerate(self.parts):
            mismatch = kind.when.mismatch(scope)
            yield Decision(("parts", place), f"part {index}: {mismatch or 'the pattern matches'}", taken=not mismatch)
            if not mismatch:
                return
        yield Decision(("otherwise",), f"part {index} is of no kind", taken=True)

    def _kind_of(self, scope: Scope) -> int | None:
        return next((place for place, kind in enumerate(self.parts) if kind.when.matches(scope)), None)
