"""What a process uses, seen from outside, and whether that grows."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import linear_regression


@dataclass(frozen=True, slots=True)
class Sample:
    """What a process uses at one moment: seconds since an unknown beginning, MiB, and numbers."""

    time: float
    rss: float
    files: int
    threads: int
    tasks: int = 0


def measure(pid: int, tasks: int = 0) -> Sample:
    """Measure a process.

    Raises:
        OSError: It has gone.
        KeyError: It is about to.
    """
    process = Path(f"/proc/{pid}")
    status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
    rss = int(status["VmRSS"].split()[0]) / 1024
    return Sample(time.monotonic(), rss, len(list((process / "fd").iterdir())), int(status["Threads"]), tasks)


def growth(samples: Sequence[Sample], name: str) -> float:
    """Return by how much a figure grows from the first sample to the last, by a line laid through all of them."""
    times = [sample.time for sample in samples]
    slope = linear_regression(times, [getattr(sample, name) for sample in samples]).slope
    return float(slope * (times[-1] - times[0]))


def after_warm_up(samples: Sequence[Sample]) -> Sequence[Sample]:
    """Leave the first quarter out: caches, pools and the allocator's arenas fill in it."""
    return samples[len(samples) // 4 :]
