"""The table that closes a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sluiceway.cli.console import print_table
from sluiceway.engine.report import Report

_SETTLED = {"Ack": "done", "DeadLetter": "dead-lettered", "Retry": "given back"}
_ENDED = ("accepted", "dropped", "gathered", "rejected", "returned", "lost")

Row = tuple[str, str, str, str]


def print_summary(reports: Mapping[str, Report]) -> None:
    """Print what became of what was received, for each pipeline, with sums that can be checked.

    How receipts were settled adds up to the total; how legs ended stands indented below, by place and reason.
    """
    for name, report in reports.items():
        print_table((name, "messages", "where", "why"), _rows(report), right=1)


def _rows(report: Report) -> Iterator[Row]:
    for settled, word in _SETTLED.items():
        yield word, f"{report.settled[settled]:,}", "", ""
    open_ = report.received - sum(report.settled[name] for name in _SETTLED)
    yield "not settled", f"{open_:,}", "", "its lease was lost, or the worker was stopped" if open_ else ""
    yield "total", f"{report.received:,}", "", "received"
    for kind in _ENDED:
        endings = sorted((where, why, number) for (k, where, why), number in report.endings.items() if k == kind)
        for where, why, number in endings:
            yield f"  {kind}", f"{number:,}", where, why
