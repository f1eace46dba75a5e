"""What the gathers among the patterns share: how a member is read, and what a group becomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Annotated, Final, Literal, TypeAlias, TypeVar, cast

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag
from pydantic_core import PydanticCustomError

from sluiceway import JSON, Expression, Gather, Message, Reject, Settings
from sluiceway_patterns.computed import Make, Misfit, text_of
from sluiceway_patterns.mapping import Node, check_body, check_depth
from sluiceway_patterns.values import enum_key, shown, to_integer, to_number

T = TypeVar("T")

GROUP_NAMES: Final = ("key", "members")
"""What expressions over a group see beside the first member's `id`, `body`, `headers` and `meta`."""

_LONGEST_KEY: Final = 1024
"""Bytes of a key: it is written into the record of its group."""


def key_of(expression: Expression, message: Message) -> str:
    """Return the text that says which group a message belongs to.

    Raises:
        Reject: There is none (`missing`), or it is no text, number or boolean (`invalid`).
    """
    _ = message.body  # what cannot be read ends here by itself, not later with its whole group
    value = expression.evaluate(message.view)
    if value is None or value == "":
        raise Reject(f"its group's key, {text_of(expression)}, is missing or null", error="missing")
    key = enum_key(value)
    if key is None:
        raise Reject(f"its group's key, {text_of(expression)}, is {shown(value)}, not text, a number or a boolean")
    try:
        size = len(key.encode())
    except UnicodeEncodeError as error:
        raise Reject(f"its group's key, {text_of(expression)}, cannot be written as text") from error
    if size > _LONGEST_KEY:
        raise Reject(f"its group's key has {size} bytes; at most {_LONGEST_KEY} are kept", error="oversize")
    return key


def _check_count(count: Expression) -> Expression:
    if count.is_literal and (not isinstance(value := count.evaluate({}), int) or isinstance(value, bool) or value < 1):
        fix = f": write {{jmes: {value}}}" if isinstance(value, str) else ""
        message = f"{shown(value)} is no count of members, which is at least 1{fix}"
        raise PydanticCustomError("expression", "{message}", {"message": message})
    return count


Count: TypeAlias = Annotated[Expression, AfterValidator(_check_count)]
"""How many members a group has: a number, or an expression over a member."""


def count_of(count: Expression, message: Message, size: int) -> int | None:
    """Return how many members a group has, as one of them says; None when it does not.

    Raises:
        Reject: It says something else than a count (`invalid`), or more than `size` (`oversize`).
    """
    value = count.evaluate(message.view)
    if value is None:
        return None
    wanted = to_integer(value)
    if wanted is None or wanted < 1:
        raise Reject(f"the count of its group, {text_of(count)}, is {shown(value)}, not a number of members")
    if wanted > size:
        raise Reject(f"its group has {wanted} members, and `size` allows {size}", error="oversize")
    return wanted


def check_count_fits(count: Expression | None, size: int) -> None:
    """Refuse a count in the file that no group can reach."""
    if count is not None and count.is_literal and cast("int", count.evaluate({})) > size:
        raise PydanticCustomError(
            "count",
            "a group has at most `size` members, so it never has {count}: add size: {count}",
            {"count": cast("int", count.evaluate({})), "size": size},
        )


Rank: TypeAlias = tuple[int, object]
"""Sorts what members are ordered by: numbers, and texts that are numbers, come before other texts."""


def rank_of(order: Expression, message: Message) -> Rank:
    """Return where a member stands in its group.

    Raises:
        Reject: It is nowhere (`missing`), or what it gives has no order (`invalid`).
    """
    value = order.evaluate(message.view)
    if value is None:
        raise Reject(f"its place in its group, {text_of(order)}, is missing or null", error="missing")
    if (number := to_number(value)) is not None:
        return 0, number
    if isinstance(value, str):
        return 1, value
    raise Reject(f"its place in its group, {text_of(order)}, is {shown(value)}, neither a number nor text")


def refuse_unfinished(gather: Gather, members: Sequence[Message], *, waits: bool) -> None:
    """Let a group that `size` has closed end as one whose time is up, when it still waits for something.

    Raises:
        Reject: It does, and `incomplete` is `dead_letter` (class `incomplete`).
    """
    if waits and gather.incomplete == "dead_letter" and not gather.complete(members):
        reason = f"its group was closed incomplete, with {len(members)}: `size` ({gather.size}) allows no more"
        raise Reject(reason, error="incomplete")


def _check_map(node: Node) -> Node:
    return check_body(node, added=GROUP_NAMES)


class Made(Settings):
    """The combined body, made by a map."""

    map: Annotated[Node, BeforeValidator(check_depth), AfterValidator(_check_map)] = Field(
        description="The combined body, as in `translate`; expressions see also `key` and `members`."
    )


Combination: TypeAlias = Annotated[
    Annotated[Literal["list", "merge"], Tag("<word>")] | Annotated[Made, Tag("<map>")],
    Discriminator(lambda value: "<word>" if isinstance(value, str) else "<map>"),
]


class Combining(Gather):
    """A gather that makes one message of a group."""

    combine_: Combination = Field(
        default="list",
        alias="combine",
        description="The combined body: `list` of the members' bodies, `merge` of objects (later ones win), or {map}.",
    )

    @cached_property
    def _make(self) -> Make | None:
        return self.combine_.map.compile() if isinstance(self.combine_, Made) else None

    def combine(self, members: Sequence[Message]) -> Message:
        """Return the group as one message, with the headers and meta that all share, on every route of one."""
        return Message(
            self._body(members),
            headers=_shared([member.headers for member in members]),
            meta=_shared_meta(members),
            routes=tuple(dict.fromkeys(route for member in members for route in member.routes)),
        )

    def _body(self, members: Sequence[Message]) -> JSON:
        if self._make is not None:
            try:
                return cast("JSON", self._make(group_scope(self.key(members[0]), members)))
            except Misfit as misfit:
                raise misfit.rejection() from None
        bodies = [member.body for member in members]
        return bodies if self.combine_ == "list" else _merged(bodies)


def group_scope(key: str, members: Sequence[Message]) -> dict[str, object]:
    """Return what expressions over a group see."""
    return {**members[0].view, "key": key, "members": [_view(member) for member in members]}


def _view(member: Message) -> dict[str, object]:
    """Return a member as expressions and maps take it: all of it plain objects."""
    return {"id": member.id, "body": member.body, "headers": dict(member.headers), "meta": dict(member.meta)}


def _merged(bodies: Sequence[JSON]) -> JSON:
    merged: dict[str, JSON] = {}
    for body in bodies:
        if not isinstance(body, dict):
            raise Reject(f"the body of a member is {shown(body)}, and only objects can be merged")
        merged.update(body)
    return merged


def _shared_meta(members: Sequence[Message]) -> dict[str, JSON]:
    """Return the meta that all share; of the types of headers, those that all share."""
    shared = _shared([member.meta for member in members])
    types = [types for member in members if isinstance(types := member.meta.get("header_types"), dict)]
    return {**shared, "header_types": _shared(types)} if len(types) == len(members) else shared


def _shared(mappings: Sequence[Mapping[str, T]]) -> dict[str, T]:
    """Return the entries that all have, with the same value."""
    first, *others = mappings
    return {
        name: value for name, value in first.items() if all(name in other and other[name] == value for other in others)
    }
