"""A pipeline as the engine runs it: the file's content, checked and typed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final, Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from sluiceway.core.component import Sink, Source, Stage
from sluiceway.core.json import JSON
from sluiceway.core.settings import Settings
from sluiceway.core.store import DynamoDbStore
from sluiceway.core.units import Duration, Size

LEAVE: Final = 5.0
"""Seconds before the platform's stop time-out by which a worker has left."""

GIVE_BACK: Final = 4.0
"""Seconds before the worker leaves in which what cannot be finished is cancelled and given back, at most."""

RECEIVE_SIZE: Final = 1024 * 1024
"""The most that one message can weigh when it is received (SQS: 1 MiB). So much is reserved until its size is known."""

RECEIVE_COUNT: Final = 10
"""Messages in the largest batch that a source hands out."""


class Backoff(Settings):
    """How long to wait between attempts: `initial`, doubled each time, at most `max`, with jitter."""

    initial: Duration = Field(default=Duration("1s"), description="After the first failure, at most.")
    max: Duration = Field(default=Duration("15m"), description="After many failures, at most.")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if "initial" not in self.model_fields_set:
            object.__setattr__(self, "initial", min(self.initial, self.max))  # frozen, but a default may shrink
        if not 0 < self.initial <= self.max <= Duration("12h"):
            raise PydanticCustomError(
                "backoff",
                "0 < initial ({initial}) ≤ max ({max}) ≤ 12h must hold",
                {"initial": str(self.initial), "max": str(self.max)},
            )
        return self


class Retry(Settings):
    """What happens to a message that fails."""

    attempts: int = Field(default=8, ge=1, le=1000, description="Own failures before it is dead-lettered.")
    backoff: Backoff = Field(default=Backoff(), description="How long to wait between attempts.")
    hold: Duration = Field(default=Duration("5m"), description="How long a failed leg is retried here.")
    max_age: Duration | None = Field(
        default=None, description="Age at which a failing message expires; by default 0.9 of the retention."
    )


class Limits(Settings):
    """What one worker holds at most at a time, for this pipeline."""

    in_flight: int = Field(default=200, ge=1, le=120_000, description="Messages at a time.")
    in_flight_bytes: Size = Field(default=Size("64MiB"), description="Bytes of their bodies at a time.")
    stall: Duration = Field(
        default=Duration("60s"),
        description="How long the worker may hang before it says so and gives up its leases; 1s to 1h.",
    )

    @field_validator("stall")
    @classmethod
    def _bounded(cls, value: Duration) -> Duration:
        if not 1 <= value <= Duration("1h"):
            raise PydanticCustomError("stall", "expected 1s to 1h, found {found}", {"found": str(value)})
        return value


class Drain(Settings):
    """How the worker stops."""

    stop_timeout: Duration = Field(
        default=Duration("30s"),
        description="What the platform waits between SIGTERM and SIGKILL (ECS: 30s).",
    )
    protect: bool = Field(
        default=False,
        description="On ECS, protect the task from scale-in while it holds messages; deployments wait for it, too.",
    )


class Upstream(Settings):
    """The model that the messages come from, and how this context stands to it."""

    name: str = Field(description="The context upstream.", examples=["shop"])
    relationship: Literal[
        "anti_corruption_layer",
        "conformist",
        "customer_supplier",
        "open_host_service",
        "partnership",
        "published_language",
        "separate_ways",
        "shared_kernel",
    ] = Field(description="How this context stands to it.", examples=["anti_corruption_layer"])


class BoundedContext(Settings):
    """The bounded context that this pipeline belongs to, in the words of domain-driven design."""

    name: str = Field(description="The context's name.", examples=["fulfilment"])
    upstream: Upstream | None = Field(default=None, description="Whose model the messages come in.")


class Given(Settings):
    """A message as a test gives it."""

    body: JSON = Field(default=None, description="The body, as the source's `format` reads it.")
    headers: dict[str, str] = Field(default_factory=dict, description="The headers, by name.")
    meta: dict[str, JSON] = Field(default_factory=dict, description="What the source would know: queue, sent_at.")


class TestCase(Settings):
    """One test in the file: a message, what the outside answers, and where the message must end.

    `expect` is closed: an output that it does not name must stay empty.
    """

    __test__ = False

    name: str = Field(description="What it shows, as a sentence.", examples=["a paid order reaches the bus"])
    now: datetime | None = Field(
        default=None,
        description="The time of day at which it begins, UTC without a zone; else 2026-01-01T00:00:00Z.",
        examples=["2026-03-01T12:00:00Z"],
    )
    seed: int = Field(default=0, description="What chance begins with: the same seed gives the same run.")
    given: Given | list[Given] = Field(description="A message, or several.", examples=["{body: {…}}"])
    mock: dict[str, JSON] = Field(
        default_factory=dict,
        description="By stage, what the outside answers: a value, {status: 503}, {missing: true}, or a list in turn.",
    )
    expect: dict[str, JSON] = Field(
        default_factory=dict,
        description="By sink, and for dead_letter and dropped: how many messages, or what each of them has.",
    )


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """The source of a pipeline. `use` is its name in the file."""

    use: str
    component: Source


@dataclass(frozen=True, slots=True)
class StageSpec:
    """One stage of a pipeline.

    Attributes:
        id: Its name in this file.
        use: The component's name.
        component: The component with its settings.
        timeout: Seconds for one whole call.
        concurrency: Calls at a time, in this worker.
        routes: It applies to messages on one of these only; to all when empty.
    """

    id: str
    use: str
    component: Stage
    timeout: float = 10
    concurrency: int = 32
    routes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SinkSpec:
    """One sink of a pipeline; attributes as for a stage."""

    id: str
    use: str
    component: Sink
    timeout: float = 10
    concurrency: int = 32
    routes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A whole pipeline, ready to run.

    Attributes as in the file; `store` is where accepted legs are recorded, if anywhere, and `files` are the
    fragments and tables that were read for it.
    """

    name: str
    source: SourceSpec
    sinks: tuple[SinkSpec, ...]
    stages: tuple[StageSpec, ...] = ()
    dead_letter: SinkSpec | None = None
    description: str = ""
    context: BoundedContext | None = None
    unrouted: Literal["reject", "drop"] = "reject"
    workers: int | None = None
    retry: Retry = field(default_factory=Retry)
    store: Literal["memory"] | DynamoDbStore | None = None
    limits: Limits = field(default_factory=Limits)
    drain: Drain = field(default_factory=Drain)
    tests: tuple[TestCase, ...] = ()
    file: Path | None = None
    files: tuple[Path, ...] = ()
