"""`sluiceway list`: every component that is installed, and the reference page of one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from sluiceway.cli.options import Format, FormatOption

if TYPE_CHECKING:
    from sluiceway.config.reference import Key, Reference


class Kind(StrEnum):
    """What a component is."""

    SOURCE = "source"
    STAGE = "stage"
    SINK = "sink"


def command(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Show this one's whole page.", show_default=False)
    ] = None,
    kind: Annotated[Kind | None, typer.Option(help="Only of this kind.", show_default=False)] = None,
    format: FormatOption = Format.TEXT,  # noqa: A002 - the option's name
) -> None:
    """List what pipelines can use, plugins included.

    With a NAME, show what that takes: its keys, their defaults and an example.
    """
    import json  # noqa: PLC0415 - start-up
    from dataclasses import asdict  # noqa: PLC0415 - start-up

    pages = _pages(name, kind)
    if format is Format.JSON:
        typer.echo(json.dumps([asdict(page) for page in pages], indent=2, ensure_ascii=False))
    elif name is None:
        _print_overview(pages)
    else:
        for page in pages:
            _print_page(page)


def _pages(name: str | None, kind: Kind | None) -> list[Reference]:
    from sluiceway.config.problems import nearest  # noqa: PLC0415 - start-up
    from sluiceway.config.reference import describe  # noqa: PLC0415 - start-up
    from sluiceway.config.registry import Registry  # noqa: PLC0415 - start-up

    entries = [entry for entry in Registry().entries() if kind is None or entry.kind == kind]
    chosen = [entry for entry in entries if name is None or entry.name == name]
    if name is not None and not chosen:
        meant = nearest(name, [entry.name for entry in entries])
        hint = f"did you mean {meant}?" if meant else "`sluiceway list` shows what there is"
        raise typer.BadParameter(f"there is no {kind or 'component'} {name}; {hint}")
    return [describe(entry) for entry in chosen]


def _print_overview(pages: Sequence[Reference]) -> None:
    from sluiceway.cli.console import print_table  # noqa: PLC0415 - start-up

    rows = [(page.name, page.kind, page.distribution + "*" * page.needs_plugins, _gist(page)) for page in pages]
    print_table(("name", "kind", "from", "what it does"), rows)
    if any(page.needs_plugins for page in pages):
        typer.echo("\n* a plugin: a file that uses it names it under `plugins`")


def _gist(page: Reference) -> str:
    return f"BROKEN: {page.error}" if page.error else page.summary


def _print_page(page: Reference) -> None:
    from sluiceway.cli.console import print_paragraphs, print_table  # noqa: PLC0415 - start-up

    typer.echo(f"{page.kind} {page.name}, from {page.distribution}\n")
    if page.error:
        typer.echo(f"BROKEN: {page.error}\n")
        return
    print_paragraphs(page.text)
    if page.needs_plugins:
        typer.echo(f"A file that uses it has `plugins: [{page.distribution}]`.\n")
    if page.keys:
        print_table(("key", "takes", "default", "meaning"), (_row(key) for key in page.keys))
        typer.echo()
    if page.beside:
        typer.echo(f"Beside `use` and `with` stand {', '.join(page.beside[:-1])} and {page.beside[-1]}.\n")
    for heading, text in _sections(page):
        typer.echo(f"{heading}\n{text}\n")


def _row(key: Key) -> tuple[str, str, str, str]:
    return key.name, key.type, "required" if key.required else _shown(key.default), key.description


def _shown(default: object) -> str:
    import json  # noqa: PLC0415 - start-up

    if default is None:
        return ""
    return default if isinstance(default, str) and default else json.dumps(default, ensure_ascii=False)


def _sections(page: Reference) -> Iterator[tuple[str, str]]:
    if page.example:
        yield "example", "\n".join(f"  {line}" for line in page.example.splitlines())
    if page.actions:
        yield "IAM actions (of the example)", "\n".join(f"  {action}" for action in page.actions)
