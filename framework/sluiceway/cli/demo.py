"""`sluiceway demo`: one complete story on the embedded AWS."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from sluiceway.cli.errors import WRONG

if TYPE_CHECKING:
    from rich.console import Console

    from sluiceway.local.account import Row
    from sluiceway.local.demo import Story

_WIDE = 110
"""Columns from which the table has room for the messages' ids."""


def command() -> None:
    """Tell one complete story on an AWS of its own, and show what became of each message.

    A shop sends orders, with mistakes among them, as a real one does. One pipeline file takes them from a queue
    through patterns to an event bus and a partner; the wrong ones end in the dead-letter queue. What came out is read
    back and held against what was sent: exit code 1 when they differ. Everything runs in this process and on
    127.0.0.1, and ends with it.
    """
    import shlex  # noqa: PLC0415 - start-up
    from io import StringIO  # noqa: PLC0415 - start-up

    from sluiceway.adapters.log import configure_logs  # noqa: PLC0415 - start-up
    from sluiceway.cli.console import console, program, shown_path  # noqa: PLC0415 - start-up
    from sluiceway.local.demo import pipeline_file  # noqa: PLC0415 - the AWS client costs 0.4 s

    log = StringIO()
    configure_logs(stream=log, style="text")
    file, out = pipeline_file(), console()
    out.print("Sluiceway demo: a shop's orders, through one pipeline file, to an event bus and a partner.")
    out.print(f"Everything runs here, on 127.0.0.1, and ends with it. The file: {shown_path(file)}\n", soft_wrap=True)
    story = _tell(file, out)
    _print(story, out)
    if story.account.mistakes:
        typer.echo("\n".join(["", *story.account.mistakes, "", "The worker's log:", log.getvalue()]), err=True)
        raise typer.Exit(WRONG)
    out.print("\nNext, with this file or one of your own:")
    for what, why in (
        ("lint", "everything that is wrong with a file, with line and column"),
        ("test", "the tests that stand in it"),
        ("dev", "run it on this same AWS, reloading on save"),
    ):
        out.print(f"  {program()} {what} {shlex.quote(shown_path(file))}\n      {why}", soft_wrap=True)


def _tell(file: Path, out: Console) -> Story:
    import asyncio  # noqa: PLC0415 - start-up

    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn  # noqa: PLC0415 - start-up

    from sluiceway.adapters.loop import loop_factory  # noqa: PLC0415 - start-up
    from sluiceway.local.demo import tell  # noqa: PLC0415 - as above
    from sluiceway.local.embedded import EmbeddedAws  # noqa: PLC0415 - as above

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with (
        Progress(*columns, console=out, transient=True, disable=not out.is_terminal) as bar,
        EmbeddedAws() as aws,
        asyncio.Runner(loop_factory=loop_factory()) as runner,
    ):
        task = bar.add_task("messages that have ended", total=None)

        def say(sentence: str) -> None:
            out.print(f"- {sentence}", soft_wrap=True)

        say(f"AWS is at {aws.endpoint}")
        return runner.run(
            tell(file, aws.endpoint, say, lambda ended, total: bar.update(task, completed=ended, total=total))
        )


def _print(story: Story, out: Console) -> None:
    from sluiceway.cli.console import print_table  # noqa: PLC0415 - start-up

    out.print()
    rows = story.account.rows
    if out.width < _WIDE:
        table = ((row.order.number, row.order.told, row.became, row.where, row.why) for row in rows)
        print_table(("order", "the shop's", "outcome", "where", "why"), table)
    else:
        wide = ((row.order.number, row.id[:8], row.order.told, row.became, row.where, row.why) for row in rows)
        print_table(("order", "message", "the shop's", "outcome", "where", "why"), wide)
    out.print()
    print_table(("outcome", "messages", "where", "why"), _sums(story), right=1)
    for path, number in story.drift.items():
        out.print(f"\nDrift: as-agreed let {path} through, which the schema does not name, and counted it ({number}).")


def _sums(story: Story) -> Iterator[tuple[str, str, str, str]]:
    rows = story.account.rows
    for outcome in ("accepted", "dropped", "dead-lettered", "lost"):
        those = [row for row in rows if row.became == outcome]
        if those or outcome != "lost":
            where = ", ".join(dict.fromkeys(row.where for row in those))
            yield outcome, f"{len(those):,}", where, _reasons(those)
    yield "still queued", f"{story.queued:,}", "", ""
    accounted = sum(row.became != "lost" for row in rows) + story.queued
    numbers = Counter(row.order.number for row in rows)
    twice = ", ".join(number for number, times in numbers.items() if times > 1)
    facts = f"{story.seconds:.1f} s; {twice} came twice: two messages, so two deliveries, each under its own id"
    yield "total", f"{accounted:,}", f"of {len(rows):,} sent", facts


def _reasons(rows: list[Row]) -> str:
    """Return the reasons and how often: those of dead letters by stage and class, without what differs by message."""
    dead = [row.why.partition(":")[0] for row in rows if row.became == "dead-lettered"]
    if dead:
        return ", ".join(f"{reason} {number}" for reason, number in Counter(dead).most_common())
    return ", ".join(dict.fromkeys(row.why for row in rows if row.became == "dropped"))
