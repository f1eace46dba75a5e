"""A pipeline of stages that a test has made, between a queue and a sink `out`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import pytest

from sluiceway import Source, Stage
from sluiceway.adapters.memory import MemorySink
from sluiceway.core.spec import Pipeline, Retry, SinkSpec, SourceSpec, StageSpec

PipelineOf: TypeAlias = Callable[..., Pipeline]


@pytest.fixture(scope="session")
def pipeline_of() -> PipelineOf:
    """Return the function that makes one: the stages' ids are s0, s1 …"""

    def made(*stages: Stage, retry: Retry | None = None, source: Source | None = None) -> Pipeline:
        return Pipeline(
            name="made",
            source=SourceSpec("sqs", source or Source()),
            stages=tuple(StageSpec(f"s{place}", "made", stage) for place, stage in enumerate(stages)),
            sinks=(SinkSpec("out", "memory", MemorySink()),),
            retry=retry or Retry(),
        )

    return made
