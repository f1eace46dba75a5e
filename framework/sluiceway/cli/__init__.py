"""The command `sluiceway`.

Each command has a file of its own with a function `command`. What a command needs it imports when it runs, so that
help and start-up stay quick.
"""

from __future__ import annotations

import inspect
import os
import signal
import threading
from collections.abc import Callable
from typing import Annotated

import typer

from sluiceway.cli import (  # the name of a command is that of its file
    demo,
    dev,
    explain,
    graph,
    lint,
    list,  # noqa: A004 - as above
    new,
    run,
    schema,
    send,
    test,
)
from sluiceway.cli.errors import flush, guarded

app = typer.Typer(
    name="sluiceway",
    help="Integration pipelines on AWS, in YAML: from a queue through patterns to buses, queues and HTTP.",
    epilog="Exit codes: 0 done; 1 the file or message is wrong; 2 usage; 3 something outside failed; 4 a worker hung;"
    " 70 a bug.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _add(name: str, command: Callable[..., None], to: typer.Typer = app) -> None:
    """Add a command, the lines of its docstring joined: help is wrapped to the terminal's width, and only once."""
    paragraphs = inspect.cleandoc(command.__doc__ or "").split("\n\n")
    text = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
    to.command(name, help=text)(guarded(command))


_add("run", run.command)
_add("dev", dev.command)
_add("demo", demo.command)
_add("test", test.command)
_add("send", send.command)
_add("lint", lint.command)
_add("explain", explain.command)
_add("graph", graph.command)
_add("list", list.command)
_add("schema", schema.command)

_new = typer.Typer(help="Begin a pipeline or a plugin.", no_args_is_help=True)
_add("pipeline", new.pipeline, _new)
_add("plugin", new.plugin, _new)
app.add_typer(_new, name="new")


def main() -> None:
    """Run the command that the arguments name, and leave with its exit code."""
    try:
        app(prog_name="sluiceway")
    except SystemExit as leaving:
        _leave(leaving.code if isinstance(leaving.code, int) else 0)


def _leave(code: int) -> None:
    """Exit, even if a blocking stage still runs in a thread, which Python would wait for."""
    # Python restores the default actions while it shuts down: a second signal would turn success into -15 or 130.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    flush()
    me = threading.current_thread()
    if any(thread is not me and not thread.daemon for thread in threading.enumerate()):
        os._exit(code)
    raise SystemExit(code)


def _version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it with the option's value
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415 - as the module's docstring says

        typer.echo(f"sluiceway {version('sluiceway')}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Take the options that stand before the command."""
