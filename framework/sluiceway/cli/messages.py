"""Messages as commands take them: JSON text, a file, or standard input."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import typer

from sluiceway.cli.errors import WRONG

_LINES = (".ndjson", ".jsonl")


def bodies_of(text: str) -> Iterator[tuple[str, bytes]]:
    """Yield the messages that an argument stands for, each with the place to name in an error."""
    from sluiceway.core import json  # noqa: PLC0415 - start-up

    if text == "-":
        yield "standard input", sys.stdin.buffer.read()
        return
    try:
        json.parse(text.encode())
    except json.InvalidJSON as error:
        yield from _from_file(text, str(error))
    else:
        yield "the message", text.encode()


def _from_file(name: str, not_json: str) -> Iterator[tuple[str, bytes]]:
    try:
        content = Path(name).read_bytes()
    except (OSError, ValueError) as error:
        if name.lstrip().startswith(("{", "[", '"')):
            refuse(f"{name[:60]} is not valid JSON: {not_json}; give any other text by file or standard input")
        refuse(f"{name[:200]} cannot be read: {getattr(error, 'strerror', None) or error}; nor is it JSON text")
    if not name.endswith(_LINES):
        yield name, content
        return
    for number, line in enumerate(content.splitlines(), 1):
        if line.strip():
            yield f"{name}:{number}", line


def refuse(reason: str) -> NoReturn:
    """Say why a message cannot be used, and end with exit code 1."""
    typer.echo(f"sluiceway: error: {reason}", err=True)
    raise typer.Exit(WRONG)
