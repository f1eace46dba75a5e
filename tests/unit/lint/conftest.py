"""A pipeline file from its parts, and what lint says of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from sluiceway.config.load import check
from sluiceway.core.problem import Problem

Lint: TypeAlias = Callable[..., list[Problem]]

STAGES = """\
from typing import ClassVar
from pydantic import Field
from sluiceway import EventPattern, Expression, Message, Settings, Shape, Stage, stage

@stage(routes=["express", "normal"])
def router(message: Message) -> Message:
    return message

@stage
def anything(message: Message) -> Message:
    return message

class Route(Settings):
    to: str
    when: EventPattern | None = None

class Choose(Stage):
    first_match: ClassVar[bool] = True
    routes: list[Route]

    def labels(self) -> list[str]:
        return [route.to for route in self.routes]

    def shape(self, before: Shape) -> Shape:
        return before

    def process(self, message: Message) -> Message:
        return message

class All(Choose):
    first_match: ClassVar[bool] = False

class Drop(Stage):
    path: str
    headers: dict[str, Expression] = {}

    def shape(self, before: Shape) -> Shape:
        return before.without(self.path.split("."))

    def process(self, message: Message) -> Message:
        return message
"""

ORDER = {
    "type": "object",
    "properties": {
        "order_no": {"type": "string"},
        "status": {"enum": ["open", "paid", "authorised"]},
        "total": {"type": "number"},
        "customer": {"type": "object", "properties": {"name": {}, "tier": {}}, "additionalProperties": False},
        "tags": {"type": "array", "items": {"enum": ["new", "gift"]}},
        "lines": {"type": "array", "items": {"type": "object", "properties": {"sku": {}, "qty": {"type": "integer"}}}},
    },
}


@pytest.fixture
def lint(tmp_path: Path) -> Lint:
    """Return what is wrong with a file of these parts; `order.json` beside it is the schema of an open object."""

    def run(
        stages: str = "", *, source: str = "use: memory", sinks: str = "use: memory", rest: str = ""
    ) -> list[Problem]:
        (tmp_path / "stages.py").write_text(STAGES)
        (tmp_path / "order.json").write_text(json.dumps(ORDER))
        (tmp_path / "closed.json").write_text(json.dumps({**ORDER, "additionalProperties": False}))
        text = (
            "version: 1\nname: orders\nplugins: [./stages.py]\n"
            f"source: {{{source}}}\nstages:{stages or ' []'}\nsinks: [{{{sinks}}}]\n{rest}\n"
        )
        return list(check(tmp_path / "orders.yaml", text=text, environ={}).problems)

    return run
