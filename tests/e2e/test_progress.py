"""What a worker has done so far can be read in its log while it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sluiceway.engine import report

FILTERED = """
version: 1
name: filtered
source: {use: sqs, with: {queue: "${Q}-in", wait_time: 1s}}
stages: [{id: only-ones, use: filter, with: {pattern: {body: {n: [1]}}}}]
sinks: [{id: out, use: sqs, with: {queue: "${Q}-out"}}]
errors: {dead_letter: {use: sqs, with: {queue: "${Q}-dlq"}}}
"""


async def test_progress_is_logged_with_the_reasons_of_what_was_dropped(
    run_live: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "PROGRESS_EVERY", 0.05)
    async with run_live(tmp_path, FILTERED) as worker:
        await worker.settled(*await worker.send_all('{"n": 1}', '{"n": 2}'))
        await worker.seen.until(lambda: any(line["done"] == 2 for line in worker.seen.events("progress")))
        told = worker.seen.events("progress")[-1]
    assert (told["pipeline"], told["received"]) == ("filtered", 2)
    assert told["dropped"] == {"only-ones: no pattern matched": 1}
