"""The shape of a pipeline file: its keys, before components are looked up by name."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field

from sluiceway.config.problems import shown
from sluiceway.config.table_source import TableSource
from sluiceway.core.sample import Sample
from sluiceway.core.schema import Schema
from sluiceway.core.settings import Settings
from sluiceway.core.shape import Shape
from sluiceway.core.spec import BoundedContext, Drain, Limits, Retry, TestCase
from sluiceway.core.store import StoreChoice
from sluiceway.core.units import Duration

_NAME: Final = r"[A-Za-z][A-Za-z0-9._-]{0,63}"


def _check_name(text: str) -> str:
    if not re.fullmatch(_NAME, text):
        allowed = "letters, digits, `.`, `_` and `-`, 64 at most, the first a letter"
        raise ValueError(f"expected {allowed}, found {shown(text)}")
    return text


def _check_keys(value: object) -> object:
    if value is None:
        raise ValueError("expected keys under `with`, found nothing")
    return value


def _check_sinks(sinks: list[SinkUse]) -> list[SinkUse]:
    if not sinks:
        raise ValueError("a pipeline needs at least one sink, found an empty list")
    return sinks


Name: TypeAlias = Annotated[str, AfterValidator(_check_name), Field(json_schema_extra={"pattern": f"^{_NAME}$"})]
"""What a pipeline, stage or sink may be called."""

Keys: TypeAlias = Annotated[dict[str, object], BeforeValidator(_check_keys)]
"""A component's own keys, before it is known which component it is."""


class SourceUse(Settings):
    """Where messages come from."""

    use: str = Field(description="The source's name.", examples=["sqs"])
    with_: Keys = Field(default_factory=dict, alias="with", description="The source's own keys.")
    schema_: Schema | None = Field(
        default=None,
        alias="schema",
        description="A JSON Schema file that bodies are expected to conform to. Only lint reads it: `validate` checks.",
        examples=["schemas/order.json"],
    )
    sample: Sample | None = Field(
        default=None,
        description="A JSON file with a body such as they come. Only lint reads it, for the names of its fields.",
        examples=["samples/order.json"],
    )

    @property
    def shape(self) -> Shape:
        """What lint knows of a body as it comes."""
        sample = self.sample or Shape.anything()
        return sample if self.schema_ is None else sample.both(Shape.of_schema(self.schema_.document))


class StageUse(Settings):
    """One step of the pipeline."""

    use: str = Field(description="The stage's name, or ./file.py:name.", examples=["filter"])
    id: Name | None = Field(default=None, description="Its name in this file; by default that in `use`.")
    with_: Keys = Field(default_factory=dict, alias="with", description="The stage's own keys.")
    timeout: Duration | None = Field(default=None, description="For one whole call (10s).")
    concurrency: int | None = Field(default=None, ge=1, le=10_000, description="Calls at a time, in one worker (32).")
    routes: tuple[str, ...] | None = Field(
        default=None, min_length=1, description="It applies to messages on one of these routes only."
    )


class SinkUse(StageUse):
    """Where messages go."""

    use: str = Field(description="The sink's name.", examples=["eventbridge"])


class DeadLetterUse(Settings):
    """Where messages go that are wrong, or have used up their attempts."""

    use: str = Field(description="The sink's name.", examples=["sqs"])
    with_: Keys = Field(default_factory=dict, alias="with", description="The sink's own keys.")


class Errors(Settings):
    """What happens to a message that fails."""

    retry: Retry = Field(default=Retry(), description="How often, and how soon, a message is tried again.")
    dead_letter: DeadLetterUse | None = Field(
        default=None,
        description="Where wrong messages go; required, but for a memory source.",
        examples=["{use: sqs, with: {queue: orders-dlq}}"],
    )
    store: StoreChoice | None = Field(
        default=None,
        description="Where it is recorded which sinks have accepted a message, so that they are not sent it again.",
        examples=["{dynamodb: sluiceway}"],
    )


class PipelineFile(Settings):
    """A pipeline: source, stages, sinks."""

    version: Literal[1] = Field(description="The version of this format.", examples=["1"])
    name: Name = Field(description="The pipeline's name.", examples=["orders"])
    description: str = Field(default="", description="What the pipeline is for.")
    context: BoundedContext | None = Field(default=None, description="The bounded context that it belongs to.")
    plugins: list[str] = Field(default_factory=list, description="Distributions, and ./file.py, that may be used.")
    tables: dict[Name, TableSource] = Field(
        default_factory=dict[str, TableSource],
        description="Rows that stages look up, by the table's name.",
        examples=["{countries: {file: countries.csv, key: code}}"],
    )
    source: SourceUse = Field(examples=["{use: sqs, with: {queue: orders}}"])
    stages: list[StageUse] = Field(default_factory=list[StageUse], description="The steps, in their order.")
    sinks: Annotated[list[SinkUse], AfterValidator(_check_sinks)] = Field(
        description="Where messages go.",
        examples=["[{use: eventbridge, with: {…}}]"],
        json_schema_extra={"minItems": 1},
    )
    unrouted: Literal["reject", "drop"] = Field(
        default="reject", description="What becomes of a message that no sink takes."
    )
    workers: int | None = Field(
        default=None, ge=1, description="How many workers run this pipeline, when that is fixed."
    )
    drain: Drain = Drain()
    limits: Limits = Limits()
    errors: Errors = Errors()
    tests: list[TestCase] = Field(default_factory=list[TestCase], description="What `sluiceway test` checks.")
