"""Errors as output and exit codes, for every command: never a traceback for what a person can mend.

0 done · 1 the file or message is wrong · 2 usage (typer's own) · 3 something outside failed · 4 a worker hung and had
to leave · 70 a bug, ours or a plugin's (EX_SOFTWARE) · 130 interrupted (128 + SIGINT) · 141 whoever read the output is
gone (128 + SIGPIPE)
"""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, ParamSpec, TextIO

import typer

from sluiceway.core.errors import InvalidPipeline, NoProgress, OutsideError
from sluiceway.core.problem import Problem

WRONG: Final = 1
OUTSIDE: Final = 3
HUNG: Final = 4
BUG: Final = 70
INTERRUPTED: Final = 130
PIPE_CLOSED: Final = 141

TRACEBACK: Final = "SLUICEWAY_TRACEBACK"
"""The environment variable that asks for the traceback of a bug."""

P = ParamSpec("P")


def guarded(command: Callable[P, None]) -> Callable[P, None]:
    """Return a command that shows what is raised in it and ends with its exit code."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
            sys.stdout.flush()
        except (typer.Exit, typer.Abort, typer.BadParameter):
            raise
        except BaseException as error:  # noqa: BLE001 - each is shown, or is no error
            raise typer.Exit(show(error)) from None

    return run


def show(error: BaseException) -> int:
    """Write an error to standard error, as far as a person needs it, and return the exit code."""
    match error:
        case KeyboardInterrupt():
            return INTERRUPTED
        case BrokenPipeError():
            flush()
            return PIPE_CLOSED
        case InvalidPipeline():
            typer.echo(problems_text(error.problems, color=in_color(sys.stderr)), err=True)
            return WRONG
        case Exception():
            sentences, code = explained(error)
            for sentence in sentences:
                typer.echo(f"sluiceway: error: {sentence}", err=True)
            return code
        case _:
            raise error


def explained(error: Exception) -> tuple[list[str], int]:
    """Return what is wrong, a sentence each, and the exit code."""
    match error:
        case OutsideError():
            return str(error).splitlines(), OUTSIDE
        case NoProgress():
            return [str(error)], HUNG
        case OSError():
            place = f"{error.filename}: " if error.filename else ""
            return [f"{place}{error.strerror or error}"], OUTSIDE
        case _:
            return [_bug(error)], BUG


def problems_text(problems: Iterable[Problem], *, color: bool) -> str:
    """Return problems as text with their source lines, and their number as the last line."""
    from sluiceway.config.problems import render_text  # noqa: PLC0415 - start-up

    problems = list(dict.fromkeys(problems))
    files = {file for problem in problems for file in problem.files}
    sources = {file: _lines(Path(file)) for file in files}
    return f"{render_text(problems, sources, color=color)}\n{_count(problems)}"


def in_color(stream: TextIO) -> bool:
    """Tell whether to colour what is written to a stream: on a terminal, unless NO_COLOR is set."""
    return stream.isatty() and not os.environ.get("NO_COLOR")


def flush() -> None:
    """Write out what is buffered; where the reader is gone, nowhere, so that Python does not complain at exit."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):  # the reader is gone, the disk full, or the stream closed
            with contextlib.suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _count(problems: Iterable[Problem]) -> str:
    levels = [problem.level for problem in problems]
    counts = ((levels.count("error"), "error"), (levels.count("warning"), "warning"))
    return ", ".join(f"{number} {word}{'' if number == 1 else 's'}" for number, word in counts)


def _lines(path: Path) -> list[str]:
    """Return the lines of a file for showing them; none where it is no text, which is then the problem itself."""
    from sluiceway.config import yaml  # noqa: PLC0415 - start-up
    from sluiceway.config.text import Lines  # noqa: PLC0415 - start-up

    try:
        lines = Lines(yaml.read_text(path, str(path)))
    except InvalidPipeline:
        return []
    return [lines[index] for index in range(len(lines))]


def _bug(error: Exception) -> str:
    from sluiceway.config.problems import cut, printable  # noqa: PLC0415 - start-up

    if os.environ.get(TRACEBACK):
        traceback.print_exception(error)
    what = printable(cut(f"{type(error).__name__}: {error}", 300))
    return f"a bug, here or in a plugin: {what} (set {TRACEBACK}=1 to see where)"
