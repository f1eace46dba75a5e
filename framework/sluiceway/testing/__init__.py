"""Test pipelines, stages, sinks and sources without the outside: virtual time, strict fakes, faults on purpose."""

from sluiceway.testing.faults import AfterEffect
from sluiceway.testing.queue import StrictQueue
from sluiceway.testing.sink import StrictDeadLetters, StrictSink
from sluiceway.testing.virtual_time import VirtualClock, run_virtual

__all__ = ["AfterEffect", "StrictDeadLetters", "StrictQueue", "StrictSink", "VirtualClock", "run_virtual"]
