"""The message: what stages and sinks see."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final, TypedDict, Unpack

from sluiceway.core import json
from sluiceway.core.body import decode_json, decode_text
from sluiceway.core.errors import Reject
from sluiceway.core.json import JSON

VIEW_NAMES: Final = ("id", "body", "headers", "meta")
"""What expressions and patterns see of a message."""
NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})
_UNREAD: Final = object()


class Changes(TypedDict, total=False):
    """What `Message.evolve` can change."""

    id: str
    body: JSON
    headers: Mapping[str, str]
    meta: Mapping[str, JSON]
    routes: Sequence[str]


class Message:
    """One message on its way, immutable: every change makes a new one.

    The body is parsed on first read and then shared by all who look at it, so never change it in place.

    Args:
        body: The parsed body.
        id: Who it is. The source gives the id and the engine keeps it; a stage need not set it.
        headers: Names and values, as SQS message attributes or HTTP headers. Names keep their case.
        meta: What the source knows about the message: queue, sent_at, receive_count, group.
        routes: The labels that routers put on it.
    """

    __slots__ = ("_body", "_decode", "_raw", "headers", "id", "meta", "routes")

    id: str
    headers: Mapping[str, str]
    meta: Mapping[str, JSON]
    routes: tuple[str, ...]
    _body: JSON
    _raw: bytes | None
    _decode: Callable[[bytes], JSON] | None

    def __init__(
        self,
        body: JSON = None,
        *,
        id: str = "",  # noqa: A002 - the message's own word for it
        headers: Mapping[str, str] = NO_HEADERS,
        meta: Mapping[str, JSON] | None = None,
        routes: Sequence[str] = (),
    ) -> None:
        put = object.__setattr__
        put(self, "_body", body)
        put(self, "_raw", None)
        put(self, "_decode", None)
        put(self, "id", id)
        put(self, "headers", headers)
        put(self, "meta", NO_HEADERS if meta is None else meta)
        put(self, "routes", tuple(routes))

    @classmethod
    def received(
        cls,
        raw: bytes,
        decode: Callable[[bytes], JSON],
        *,
        id: str,  # noqa: A002 - the message's own word for it
        headers: Mapping[str, str] = NO_HEADERS,
        meta: Mapping[str, JSON] | None = None,
    ) -> Message:
        """Return a message whose body is still bytes; `decode` reads them when somebody asks for the body."""
        message = cls(id=id, headers=headers, meta=meta)
        put = object.__setattr__
        put(message, "_body", _UNREAD)
        put(message, "_raw", raw)
        put(message, "_decode", decode)
        return message

    @property
    def body(self) -> JSON:
        """The parsed body.

        Raises:
            Reject: The bytes are not what the source's `format` says (class `invalid`).
        """
        if self._body is _UNREAD and self._decode is not None and self._raw is not None:
            object.__setattr__(self, "_body", self._decode(self._raw))
        return self._body

    @property
    def payload(self) -> bytes:
        """The body as bytes to send: the original ones when no stage replaced it, else JSON (or a text as it is).

        Raises:
            Reject: A stage made a body that JSON cannot carry (class `invalid`).
        """
        raw = self._raw
        if raw is None:
            body = self.body
            raw = _encode(body) if isinstance(body, str) and self._decode is decode_text else _dump(body)
            object.__setattr__(self, "_raw", raw)
        return raw

    @property
    def is_text(self) -> bool:
        """Whether the body is a text that is sent as it is, not as a JSON string."""
        return self._decode is decode_text and isinstance(self.body, str)

    @property
    def view(self) -> Mapping[str, object]:
        """`{id, body, headers, meta}`: what expressions and patterns see. The body is parsed when they ask for it."""
        return View(self)

    def with_body(self, body: JSON) -> Message:
        """Return this message with another body."""
        copy = self._copy()
        put = object.__setattr__
        put(copy, "_body", body)
        put(copy, "_raw", None)
        return copy

    def with_text(self, text: str) -> Message:
        """Return this message with a text for a body that is sent as it is: `with_body` would send a JSON string."""
        copy = self.with_body(text)
        object.__setattr__(copy, "_decode", decode_text)
        return copy

    def with_json(self, body: JSON) -> Message:
        """Return this message with a body that is sent as JSON, even a text where the source's `format` is text."""
        copy = self.with_body(body)
        if self._decode is decode_text:
            object.__setattr__(copy, "_decode", decode_json)
        return copy

    def with_payload(self, raw: bytes) -> Message:
        """Return this message with other bytes for a body, to be read, when asked for, as the source's own are.

        A message that came as no bytes reads them as JSON.
        """
        copy = self._copy()
        put = object.__setattr__
        put(copy, "_body", _UNREAD)
        put(copy, "_raw", raw)
        put(copy, "_decode", self._decode or decode_json)
        return copy

    def with_headers(self, headers: Mapping[str, str]) -> Message:
        """Return this message with these headers added to, or put in the place of, its own."""
        copy = self._copy()
        object.__setattr__(copy, "headers", {**self.headers, **headers})
        return copy

    def to(self, *labels: str) -> Message:
        """Return this message on these routes, and on no other."""
        copy = self._copy()
        object.__setattr__(copy, "routes", labels)
        return copy

    def evolve(self, **changes: Unpack[Changes]) -> Message:
        """Return this message with the named parts replaced."""
        copy = self.with_body(changes["body"]) if "body" in changes else self._copy()
        put = object.__setattr__
        for name, value in changes.items():
            if name == "routes":
                put(copy, name, tuple(value))  # type: ignore[arg-type] # a sequence, by the TypedDict
            elif name != "body":
                put(copy, name, value)
        return copy

    def _copy(self) -> Message:
        copy = Message.__new__(Message)
        put = object.__setattr__
        put(copy, "_body", self._body)
        put(copy, "_raw", self._raw)
        put(copy, "_decode", self._decode)
        put(copy, "id", self.id)
        put(copy, "headers", self.headers)
        put(copy, "meta", self.meta)
        put(copy, "routes", self.routes)
        return copy

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a message cannot be changed; use message.evolve({name}=…)")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("a message cannot be changed")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Message):
            return NotImplemented
        mine = (self.id, self.body, dict(self.headers), dict(self.meta), self.routes)
        return mine == (other.id, other.body, dict(other.headers), dict(other.meta), other.routes)

    __hash__ = None  # type: ignore[assignment] # a body may be a dict, so there is nothing stable to hash

    def __repr__(self) -> str:
        routes = f" routes={','.join(self.routes)}" if self.routes else ""
        return f"<Message {self.id or '(no id)'}{routes}>"


class View(Mapping[str, object]):
    """The message view, over a message: reading `body` parses it, reading the rest does not."""

    __slots__ = ("_message",)

    def __init__(self, message: Message) -> None:
        self._message = message

    def __getitem__(self, name: str) -> object:
        if name == "body":
            return self._message.body
        if name in VIEW_NAMES:
            return getattr(self._message, name)
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(VIEW_NAMES)

    def __len__(self) -> int:
        return len(VIEW_NAMES)


def _encode(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise Reject(
            f"the body cannot be sent as UTF-8: character {error.start} is half of a surrogate pair"
        ) from error


def _dump(body: JSON) -> bytes:
    try:
        return json.dump(body)
    except ValueError as error:
        raise Reject(f"the body cannot be sent as JSON: {error}") from error
