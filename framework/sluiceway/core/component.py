"""The base classes that sources, stages and sinks are written with.

A component is a frozen pydantic model: its fields are its keys in YAML, its docstring its reference page.
`open` gives the engine something to call; what needs no resource needs no `open` of its own.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Awaitable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from sluiceway.core.body import BodyFormat
from sluiceway.core.context import Context
from sluiceway.core.decision import Decision, Place
from sluiceway.core.headers import check_forwarded
from sluiceway.core.json import JSON
from sluiceway.core.message import Message
from sluiceway.core.outcome import Result
from sluiceway.core.ports import Bury, Receiver, Send
from sluiceway.core.process import Process, is_async
from sluiceway.core.resource import Resource
from sluiceway.core.settings import Settings
from sluiceway.core.shape import Shape
from sluiceway.core.units import Duration


class Component(Settings):
    """Base of all components."""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: object) -> None:
        """Refuse a field that hides a method, which the engine would call."""
        super().__pydantic_init_subclass__(**kwargs)
        bases = [base for base in cls.__mro__[1:] if issubclass(base, Component)]
        for name in cls.model_fields:
            if any(inspect.isroutine(vars(base).get(name)) for base in bases):
                raise TypeError(
                    f"{cls.__name__}: a key cannot be called `{name}`, which is a method: name the field "
                    f'`{name}_`, with `alias="{name}"`'
                )

    usual_timeout: ClassVar[float] = 10.0
    """Seconds for one call, where the file does not say."""
    usual_concurrency: ClassVar[int] = 32
    """Calls at a time in one worker, where the file does not say."""

    def resources(self) -> Sequence[Resource]:
        """Return what this component uses outside, from its settings alone."""
        return ()


class Stage(Component):
    """One step: one message in; a message, several, or a Drop out.

    Override `process`, as `def` for pure work or `async def` for I/O. With something to open and close,
    override `open` and yield the function to call instead. Raise `Reject` for a message that will stay wrong
    and `Transient` for one that may succeed later; any other exception is a bug of the stage.
    """

    blocking: ClassVar[bool] = False
    """`process` blocks (a slow library, a file): call it in a thread."""
    holds: ClassVar[bool] = False
    """Each message may be kept waiting here for a time of its own, so those of a batch go on apart from each other."""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: object) -> None:
        """Refuse a `process` of the wrong kind where it is written, so that `lint` finds it."""
        super().__pydantic_init_subclass__(**kwargs)
        if "process" in cls.__dict__:
            check_kind(cls.__name__, cls.process, blocking=cls.blocking)

    first_match: ClassVar[bool] = False
    """Of a list of patterns in its settings the first that matches decides: lint finds those that never get a turn."""

    keeps_body: ClassVar[bool] = False
    """Bodies go on as they are: what lint knows of them before this stage it knows behind it."""

    def labels(self) -> Sequence[str]:
        """Return the routes that this stage may put a message on."""
        return ()

    def required_headers(self) -> Sequence[str]:
        """Return the headers by which others know what this stage has made: a sink that drops them makes it useless."""
        return ()

    def shape(self, before: Shape) -> Shape:
        """Return what is known of a message's body behind this stage, for lint, from what is known before it."""
        return before if self.keeps_body else Shape.anything()

    def branches(self) -> Sequence[Place]:
        """Return the places below `with` at which messages part: `sluiceway test --coverage` wants each one taken."""
        return ()

    def decisions(self, message: Message) -> Sequence[Decision]:
        """Return why `process` does with this message what it does, one for each choice; the message is not changed.

        Raises:
            Reject: As `process` would.
        """
        return ()

    def process(self, message: Message) -> Result | Awaitable[Result]:
        """Return what becomes of one message."""
        raise TypeError(f"{type(self).__name__} overrides neither process nor open")

    @asynccontextmanager
    async def open(self, context: Context) -> AsyncGenerator[Process]:
        """Open what the stage needs and yield the function to call for each message."""
        yield self.process


class Visibility(Settings):
    """How long a delivery may be held.

    `initial` is the lease taken on receipt and at each renewal; it is renewed until the message is settled, but
    never beyond `limit` after receipt (SQS allows 12 hours).
    """

    initial: Duration = Field(default=Duration("60s"), description="The lease on receipt and at each renewal.")
    limit: Duration = Field(default=Duration("1h"), description="How long after receipt it is renewed, at most 12h.")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if "initial" not in self.model_fields_set:
            object.__setattr__(self, "initial", min(self.initial, self.limit))  # frozen, but a default may shrink
        if not 0 < self.initial <= self.limit <= Duration("12h"):
            raise PydanticCustomError(
                "visibility",
                "0 < initial ({initial}) ≤ limit ({limit}) ≤ 12h must hold",
                {"initial": str(self.initial), "limit": str(self.limit)},
            )
        return self


class Source(Component):
    """Where messages come from."""

    visibility: Visibility = Field(default=Visibility(), description="How long a message may be held.")
    format: BodyFormat = Field(default="json", description="How the bytes become a body.")
    numbers: Literal["safe", "exact"] = Field(
        default="safe",
        description="`safe` rejects a number that a 64-bit reader would change; `exact` keeps it (slower).",
    )

    needs_dead_letters: ClassVar[bool] = True
    """What is wrong must be put somewhere: a queue would hand it out for ever."""

    @property
    def ordered(self) -> bool:
        """Messages of one group (`Delivery.group`) are handed out in order, and must be carried in order."""
        return False

    @property
    def blocks(self) -> bool:
        """A message that keeps failing by itself holds up its group until it is too old; else it is dead-lettered."""
        return False

    @property
    def poll_time(self) -> Duration:
        """How long one `receive` may take when there is nothing to receive."""
        return Duration(0)

    def open(self, context: Context) -> AbstractAsyncContextManager[Receiver]:
        """Open the source and yield its receiver."""
        raise TypeError(f"{type(self).__name__} does not override open")


class Sink(Component):
    """Where messages go.

    `batch_entries` and `batch_bytes` are the service's limits for one call; the engine fills batches to them.
    """

    batch_entries: ClassVar[int] = 1
    batch_bytes: ClassVar[int] = 1024 * 1024
    dead_letters: ClassVar[bool] = False
    """This sink may stand under `errors.dead_letter`: it overrides `open_dead_letters`."""
    forwards: ClassVar[bool] = True
    """It passes on the headers that `forward` names, and no others; false where it passes on all, or can pass none."""

    @property
    def needs_group(self) -> bool:
        """It keeps each message in the group that the source gave it, so the source must give each one."""
        return False

    forward: Annotated[tuple[str, ...], AfterValidator(check_forwarded)] = Field(
        default=(), description="Names of the headers to pass on."
    )

    def weigh(self, message: Message) -> int:
        """Return how many bytes of a batch the message takes, counted as the service counts.

        Raises:
            Reject: The message can never be sent to this sink.
        """
        return len(message.payload)

    def preview(self, message: Message) -> Mapping[str, JSON]:
        """Return what would be sent for a message, for `sluiceway explain`: by name, bytes as text, no secret's value.

        Raises:
            Reject: The message can never be sent to this sink.
        """
        names = {name.lower() for name in self.forward}
        headers: dict[str, JSON] = {name: value for name, value in message.headers.items() if name.lower() in names}
        return {"headers": headers, "body": message.payload.decode(errors="replace")}

    def open(self, context: Context) -> AbstractAsyncContextManager[Send]:
        """Open the sink and yield the function that sends a batch."""
        raise TypeError(f"{type(self).__name__} does not override open")

    def open_dead_letters(self, context: Context) -> AbstractAsyncContextManager[Bury]:
        """Open the sink as a dead-letter queue and yield the function that keeps a batch."""
        raise TypeError(f"{type(self).__name__} does not override open_dead_letters")


def check_kind(name: str, process: object, *, blocking: bool) -> None:
    """Refuse a stage's function of which it cannot be told whether it is pure work or I/O.

    Raises:
        TypeError: As `is_async` does, with the stage's name before it.
    """
    try:
        is_async(process, blocking=blocking)
    except TypeError as error:
        raise TypeError(f"stage {name}: {error}") from None
