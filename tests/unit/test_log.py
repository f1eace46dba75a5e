"""Log lines, for people and for programs."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator

import pytest
import structlog

from sluiceway.adapters.log import configure_logs, logger


@pytest.fixture(autouse=True)
def defaults() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def line(style: str, **facts: object) -> str:
    stream = io.StringIO()
    assert configure_logs(stream=stream, style=style) == style
    logger().info("stopped", **facts)
    return stream.getvalue()


def test_text_leaves_out_empty_lists_and_writes_out_full_ones() -> None:
    said = line("text", accepted=(), dropped={}, sinks=["bus", "partner"], rejected={"a: invalid": 3}, held=0)
    facts = said.partition("stopped")[2].split("  ")
    assert "accepted" not in said
    assert "dropped" not in said
    assert [fact.strip() for fact in facts if fact.strip()] == [
        "held=0 rejected='a: invalid 3' sinks='bus, partner'",
    ]


def test_json_keeps_empty_lists_and_counts_as_they_are() -> None:
    said = json.loads(line("json", accepted=(), rejected={"a: invalid": 3}, nothing=None))
    assert said["accepted"] == []
    assert said["rejected"] == {"a: invalid": 3}
    assert "nothing" not in said


def test_events_that_are_not_wanted_are_not_logged() -> None:
    stream = io.StringIO()
    configure_logs(stream=stream, style="text", without={"started"})
    logger().info("started")
    logger().info("stopped")
    assert stream.getvalue().count("\n") == 1
