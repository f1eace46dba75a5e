"""Test pipelines, stages, sinks and sources without the outside: virtual time, strict fakes, faults on purpose.

What every stage, gather and store must do is in modules of their own: `CHECKS` in `sluiceway.testing.stages`,
`sluiceway.testing.gathers` and `sluiceway.testing.stores`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

from sluiceway.testing.faults import AfterEffect
from sluiceway.testing.manual_clock import ManualClock
from sluiceway.testing.mocks import RunFailed
from sluiceway.testing.queue import StrictQueue
from sluiceway.testing.sink import StrictDeadLetters, StrictSink
from sluiceway.testing.virtual_time import VirtualClock, run_virtual

if TYPE_CHECKING:
    from sluiceway.testing.cases import TestResult, run_tests
    from sluiceway.testing.pipeline import Ended, Ran, run_pipeline, run_pipeline_async

__all__ = [
    "AfterEffect",
    "Ended",
    "ManualClock",
    "Ran",
    "RunFailed",
    "StrictDeadLetters",
    "StrictQueue",
    "StrictSink",
    "TestResult",
    "VirtualClock",
    "run_pipeline",
    "run_pipeline_async",
    "run_tests",
    "run_virtual",
]


_LATER: Final = {
    "Ended": "pipeline",
    "Ran": "pipeline",
    "TestResult": "cases",
    "run_pipeline": "pipeline",
    "run_pipeline_async": "pipeline",
    "run_tests": "cases",
}


def __getattr__(name: str) -> object:
    """Import what runs whole pipelines on first use: it brings the AWS client, which costs 0.4 s."""
    if name in _LATER:
        return getattr(import_module(f"sluiceway.testing.{_LATER[name]}"), name)
    raise AttributeError(f"module 'sluiceway.testing' has no attribute {name!r}")
