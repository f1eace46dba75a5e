"""Tables and pages, on a terminal and through a pipe."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from sluiceway.cli.errors import in_color

_UNLIMITED = 100_000
"""Columns of a pipe: what a program reads is neither wrapped nor cut."""


def console() -> Console:
    """Return standard output as rich knows it: the terminal's width and colours; a pipe has neither."""
    width = None if sys.stdout.isatty() else _UNLIMITED
    return Console(
        width=width, color_system="auto" if in_color(sys.stdout) else None, markup=False, highlight=False, emoji=False
    )


def program() -> str:
    """Return this command as one types it here: its name, or the way to it where it is not on the PATH."""
    started = Path(sys.argv[0])
    if started.name != "sluiceway" or not started.is_file():  # started in another way, as by a test
        return "sluiceway"
    found = shutil.which("sluiceway")
    return "sluiceway" if found and Path(found).samefile(started) else shlex.quote(shown_path(started))


def shown_path(path: Path) -> str:
    """Return a path as one would type it here."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, right: int | None = None) -> None:
    """Print rows in aligned columns.

    Args:
        headings: What stands above the columns.
        rows: The cells.
        right: The index of a column of numbers.
    """
    table = Table(box=None, pad_edge=False, header_style="bold")
    for index, heading in enumerate(headings):
        table.add_column(heading, justify="right" if index == right else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    out = console()
    with out.capture() as captured:
        out.print(table)
    sys.stdout.writelines(f"{line.rstrip()}\n" for line in captured.get().splitlines())


def print_paragraphs(text: str) -> None:
    """Print a docstring's text: paragraphs and list items flow to the terminal's width, at most 100 columns."""
    width = min(console().width, 100)
    for paragraph in text.split("\n\n"):
        for item in re.split(r"\n(?=- )", paragraph):
            indent = "  " if item.startswith("- ") else ""
            sys.stdout.write(_flow(item, width, indent) + "\n")
        sys.stdout.write("\n")


def _flow(text: str, width: int, indent: str) -> str:
    words = " ".join(text.split())
    return textwrap.fill(words, width, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False)
