"""The base classes that sources, stages and sinks are written with.

A component is a frozen pydantic model: its fields are its keys in YAML, its docstring its reference page.
`open` gives the engine something to call; what needs no resource needs no `open` of its own.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Annotated, ClassVar, Literal, Self, TypeVar, cast, overload

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, create_model, model_validator
from pydantic_core import PydanticCustomError

from sluiceway.core.context import Context
from sluiceway.core.headers import check_forwarded
from sluiceway.core.message import BodyFormat, Message
from sluiceway.core.outcome import Result
from sluiceway.core.ports import Bury, Receiver, Send
from sluiceway.core.process import Process, is_async
from sluiceway.core.resource import Resource
from sluiceway.core.units import Duration

F = TypeVar("F", bound=Callable[..., object])


class Settings(BaseModel):
    """A part of a component's settings: frozen, closed, and silent about its input in errors."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, arbitrary_types_allowed=True, strict=False
    )


class Component(Settings):
    """Base of all components."""

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

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: object) -> None:
        """Refuse a `process` of the wrong kind where it is written, so that `lint` finds it."""
        super().__pydantic_init_subclass__(**kwargs)
        if "process" in cls.__dict__:
            _check_kind(cls.__name__, cls.process, blocking=cls.blocking)

    def labels(self) -> Sequence[str]:
        """Return the routes that this stage may put a message on."""
        return ()

    def marks(self) -> Sequence[str]:
        """Return the headers by which others know what this stage has made: a sink that drops them makes it useless."""
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

    forward: Annotated[tuple[str, ...], AfterValidator(check_forwarded)] = Field(
        default=(), description="Names of the headers to pass on."
    )

    def weigh(self, message: Message) -> int:
        """Return how many bytes of a batch the message takes, counted as the service counts.

        Raises:
            Reject: The message can never be sent to this sink.
        """
        return len(message.payload)

    def open(self, context: Context) -> AbstractAsyncContextManager[Send]:
        """Open the sink and yield the function that sends a batch."""
        raise TypeError(f"{type(self).__name__} does not override open")

    def open_dead_letters(self, context: Context) -> AbstractAsyncContextManager[Bury]:
        """Open the sink as a dead-letter queue and yield the function that keeps a batch."""
        raise TypeError(f"{type(self).__name__} does not override open_dead_letters")


@overload
def stage(function: F, /) -> F: ...
@overload
def stage(*, blocking: bool = False, routes: Sequence[str] = ()) -> Callable[[F], F]: ...
def stage(function: F | None = None, /, *, blocking: bool = False, routes: Sequence[str] = ()) -> F | Callable[[F], F]:
    """Make a function a stage, the smallest plugin there is.

    Its keyword-only parameters are the stage's settings, its docstring the reference. The function itself stays
    callable as it was; `use:` names it.

    Args:
        function: Takes a message and returns what becomes of it.
        blocking: The function blocks: call it in a thread.
        routes: The routes that the function may put a message on.

    Raises:
        TypeError: The function is a generator, a lambda, or hides an `async def`; or it takes no message, or more
            than that by place.
    """

    def mark(function: F) -> F:
        name = getattr(function, "__name__", "stage")
        _check_kind(name, function, blocking=blocking)
        _check_parameters(name, inspect.signature(function).parameters.values())
        function.__sluiceway_stage__ = _stage_class(function, blocking=blocking, routes=tuple(routes))  # type: ignore[attr-defined] # our mark on a function
        return function

    return mark if function is None else mark(function)


def _check_kind(name: str, process: object, *, blocking: bool) -> None:
    try:
        is_async(process, blocking=blocking)
    except TypeError as error:
        raise TypeError(f"stage {name}: {error}") from None


def _check_parameters(name: str, parameters: Iterable[inspect.Parameter]) -> None:
    """Refuse a function that could not be called with a message and its settings alone."""
    by_place = [p for p in parameters if p.kind not in (p.KEYWORD_ONLY, p.VAR_KEYWORD)]
    if not by_place:
        raise TypeError(f"stage {name} takes no message: its first parameter is the message")
    if len(by_place) > 1 and by_place[1].kind is not inspect.Parameter.VAR_POSITIONAL:
        second = by_place[1].name
        raise TypeError(f"stage {name}: its keys are keyword-only parameters: put `*,` before `{second}`")


def _stage_class(function: Callable[..., object], *, blocking: bool, routes: tuple[str, ...]) -> type[Stage]:
    parameters = inspect.signature(function, eval_str=True).parameters.values()
    settings = {
        p.name: (object if p.annotation is p.empty else p.annotation, ... if p.default is p.empty else p.default)
        for p in parameters
        if p.kind is p.KEYWORD_ONLY
    }
    name = getattr(function, "__name__", "stage")
    make = cast("Callable[..., type[Stage]]", create_model)  # its overloads know no fields from a mapping
    made = make(name, __base__=Stage, __module__=function.__module__, **settings)
    made.__doc__ = function.__doc__
    made.blocking = blocking

    def labels(self: Stage) -> Sequence[str]:  # noqa: ARG001 - the method's contract
        return routes

    @asynccontextmanager
    async def open(self: Stage, context: Context) -> AsyncGenerator[Process]:  # noqa: A001, ARG001 - the method's name and contract
        yield _bind(function, {key: getattr(self, key) for key in settings})

    made.labels = labels  # type: ignore[method-assign] # the class is made here; this is its definition
    made.open = open  # type: ignore[method-assign] # as above
    return made


def _bind(function: Callable[..., object], settings: dict[str, object]) -> Process:
    if not settings:
        return function  # type: ignore[return-value] # what it returns is checked at each call
    if inspect.iscoroutinefunction(function):

        async def process(message: Message) -> Result:
            return await function(message, **settings)  # type: ignore[no-any-return] # checked at each call

        return process

    def process_inline(message: Message) -> Result:
        return function(message, **settings)  # type: ignore[return-value] # checked at each call

    return process_inline
