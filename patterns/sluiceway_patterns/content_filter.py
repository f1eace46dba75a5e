"""Content Filter: what of a message goes on, under which names, and what of it is hidden."""

from __future__ import annotations

import hmac
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Final, Literal, Self, TypeAlias, cast

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from sluiceway import JSON, Context, Message, Reject, Resource, Secret, Stage
from sluiceway_patterns.body_path import MISSING
from sluiceway_patterns.element_path import ElementPath, Node, tree
from sluiceway_patterns.values import cut, enum_key, shown, to_string

How: TypeAlias = Literal["full", "last4", "hash"]
NewName: TypeAlias = Annotated[str, Field(min_length=1, max_length=200)]

_HIDDEN: Final = "***"
_SHORT: Final = 8
"""Characters: of anything shorter, its last four would give away half."""
_MANY: Final = 200
"""Paths in one list: each costs time for every message."""


class ContentFilter(Stage):
    """Keep, remove, rename and mask fields of the body.

    In this order, each step on what the one before it has left:

    - `keep`: these fields and nothing else. Objects and lists on the way stay, without what is not named.
    - `remove`: all but these.
    - `rename`: the field gets the new name and stays where it is; to move it, use `translate`. All renaming happens at
      once, so two fields can change names. A field whose name is taken is not overwritten: the message is rejected
      (`invalid`).
    - `mask`: `full` puts `***` in the place of the value. `last4` leaves the last four characters of a text or number
      of at least eight (`***1111`). `hash` puts its HMAC-SHA256 there, in hexadecimal: equal values stay equal, and can
      be joined. It needs a key, `hash_key`: a hash without one hides little, as whoever has one can try all card or
      phone numbers. The key is read when the worker starts. 7, 7.0 and "7" have the same hash. Of values that have no
      last four characters or no hash, `***` is left. Null stays null.

    Paths are dotted, and `[]` stands for every element of a list: `customer.name`, `"lines[].sku"`, in a list
    `"[].sku"`. What a path does not lead to is ignored: a field that is missing, one of another kind than the path
    says. A body that is neither an object nor a list has no fields that could be kept or hidden, so it is rejected
    (`invalid`).

    This is the Content Filter of Enterprise Integration Patterns (Hohpe and Woolf, chapter 8).

    ```yaml
    - id: for-the-partner
      use: content_filter
      with:
        keep: [order_no, customer, card, "lines[].sku", "lines[].qty"]
        remove: [customer.birthday]
        rename: {order_no: order, "lines[].qty": quantity}
        mask: {card: last4, customer.email: hash}
        hash_key: "env:EMAIL_HASH_KEY"
    ```
    """

    keep: tuple[ElementPath, ...] = Field(default=(), max_length=_MANY, description="The only fields that stay.")
    remove: tuple[ElementPath, ...] = Field(default=(), max_length=_MANY, description="The fields that go.")
    rename: dict[ElementPath, NewName] = Field(
        default_factory=dict, max_length=_MANY, description="New names: `{customer.full_name: name}`."
    )
    mask: dict[ElementPath, How] = Field(
        default_factory=dict, max_length=_MANY, description="How values are hidden: `full`, `last4` or `hash`."
    )
    hash_key: Secret | None = Field(default=None, description="The key that `mask: {…: hash}` hashes with.")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not (self.keep or self.remove or self.rename or self.mask):
            raise PydanticCustomError("content_filter", "nothing is filtered: give keep, remove, rename or mask")
        if nameless := next((path for path in self.rename if path.endswith("[]")), None):
            raise _mistake(f"{cut(nameless)} is an element, which has no name", "rename")
        hashes = "hash" in self.mask.values()
        if hashes and self.hash_key is None:
            raise _mistake(
                "hash needs a `hash_key`, a reference to a secret: without one, values can be guessed", "mask"
            )
        if self.hash_key is not None and not hashes:
            raise _mistake("nothing is masked with `hash`, which this key is for", "hash_key")
        return self

    def resources(self) -> tuple[Resource, ...]:
        """Return where the key is."""
        return self.hash_key.resources() if self.hash_key else ()

    @asynccontextmanager
    async def open(self, context: Context) -> AsyncGenerator[Callable[[Message], Message]]:
        """Read the key, put the paths together and yield the filter."""
        key = (await context.secret(self.hash_key)).encode() if self.hash_key else b""
        kept, removed = _fields(self.keep), _fields(self.remove)
        renamed, masked = tree(self.rename.items()), tree(self.mask.items())

        def process(message: Message) -> Message:
            body = message.body
            if not isinstance(body, dict | list):
                raise Reject(f"the body is {shown(body)}, not an object or a list, so it has no fields to filter")
            if self.keep:
                left = _keep(body, kept)
                empty: JSON = {} if isinstance(body, dict) else []
                body = empty if left is MISSING else cast("JSON", left)
            return message.with_body(_mask(_rename(_remove(body, removed), renamed, "body"), masked, key))

        yield process


def _fields(paths: tuple[str, ...]) -> Node[bool]:
    return tree(dict.fromkeys(paths, True).items())


def _keep(value: JSON, node: Node[bool]) -> object:
    """Return what is kept of a value, or MISSING where the paths do not lead."""
    if node.end:
        return value
    if isinstance(value, dict) and node.names:
        kept = ((name, _keep(value[name], node.names[name])) for name in value if name in node.names)
        return {name: left for name, left in kept if left is not MISSING}
    if isinstance(value, list) and node.each:
        each = node.each
        return [left for left in (_keep(element, each) for element in value) if left is not MISSING]
    return MISSING


def _remove(value: JSON, node: Node[bool]) -> JSON:
    if isinstance(value, dict):
        below = node.names
        return {
            name: _remove(member, below[name]) if name in below else member
            for name, member in value.items()
            if name not in below or not below[name].end
        }
    if isinstance(value, list) and node.each:
        each = node.each
        return [] if each.end else [_remove(element, each) for element in value]
    return value


def _rename(value: JSON, node: Node[str], where: str) -> JSON:
    if isinstance(value, dict) and node.names:
        renamed: dict[str, JSON] = {}
        for name, member in value.items():
            below = node.names.get(name)
            new = (below and below.end) or name
            if new in renamed:
                raise Reject(f"{where} would have two fields called {cut(new)}, and one of them would be lost")
            renamed[new] = _rename(member, below, cut(f"{where}.{name}", 120)) if below else member
        return renamed
    if isinstance(value, list) and node.each:
        each = node.each
        return [_rename(element, each, f"{where}[]") for element in value]
    return value


def _mask(value: JSON, node: Node[How], key: bytes) -> JSON:
    if node.end:
        return _hide(value, node.end, key)
    if isinstance(value, dict) and node.names:
        below = node.names
        return {name: _mask(member, below[name], key) if name in below else member for name, member in value.items()}
    if isinstance(value, list) and node.each:
        each = node.each
        return [_mask(element, each, key) for element in value]
    return value


def _hide(value: JSON, how: How, key: bytes) -> JSON:
    if value is None:
        return None
    if how == "hash" and (text := enum_key(value)) is not None:
        return hmac.digest(key, text.encode("utf-8", "surrogatepass"), "sha256").hex()
    text = to_string(value) or ""
    return _HIDDEN + text[-4:] if how == "last4" and len(text) >= _SHORT else _HIDDEN


def _mistake(message: str, key: str) -> PydanticCustomError:
    return PydanticCustomError("content_filter", "{message}", {"path": [key], "message": message})
