"""What the proofs with real processes share: sizes, an emulator, and the figures at the end."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, fields
from typing import Any

import pytest
from emulator import emulator
from ledger import Ledger, ledger_on

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Sizes:
    """How much is done. Each can be set by itself, in capitals: `KILLS=1000 make test-real`."""

    kills: int = 200
    messages: int = 20_000
    drains: int = 50
    outage: int = 60  # seconds
    queued: int = 1_000
    rounds: int = 9  # of faults
    stall: int = 35  # seconds, longer than a worker waits for an answer
    block: int = 50  # seconds
    lease: int = 30  # seconds
    hang: int = 60  # seconds: what a pipeline file calls `limits.stall`
    message_groups: int = 200
    ordered: int = 5_000
    flood: int = 1_000_000
    minutes: float = 1.0

    @classmethod
    def of(cls, given: dict[str, float]) -> Sizes:
        set_by_name = [f for f in fields(cls) if f.name.upper() in os.environ]
        return cls(**{**given, **{f.name: type(f.default)(os.environ[f.name.upper()]) for f in set_by_name}})


SHORT = {
    "kills": 15,
    "messages": 1_000,
    "drains": 6,
    "outage": 5,
    "queued": 200,
    "rounds": 1,
    "stall": 2,
    "block": 8,
    "lease": 5,
    "hang": 3,
    "message_groups": 20,
    "ordered": 400,
    "flood": 50_000,
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--short", action="store_true", help="do a little of everything, in about a minute")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--short"):
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("long")])
        items[:] = [item for item in items if not item.get_closest_marker("long")]


@pytest.fixture(scope="session")
def sizes(request: pytest.FixtureRequest) -> Sizes:
    return Sizes.of(SHORT if request.config.getoption("--short") else {})


@pytest.fixture(scope="session")
def aws() -> Iterator[str]:
    """The URL of an AWS of our own."""
    with emulator() as endpoint:
        yield endpoint


@pytest.fixture
async def ledger(aws: str) -> AsyncIterator[Ledger]:
    async with ledger_on(aws) as opened:
        yield opened


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Tell:
    """Say in figures what was shown; they are printed at the end of the run."""
    return lambda figures: request.node.user_properties.append(("figures", figures))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    terminalreporter.section("what was shown")
    for report in [*terminalreporter.stats.get("passed", ()), *terminalreporter.stats.get("failed", ())]:
        for name, figures in report.user_properties:
            if name == "figures" and report.when == "call":
                terminalreporter.line(figures)


@pytest.fixture
def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
