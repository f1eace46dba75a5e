"""`sluiceway schema`: the JSON Schema of pipeline files, for editors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write it there.", show_default=False)
    ] = None,
) -> None:
    """Print the JSON Schema of pipeline files.

    It has the keys of every installed component. Editors complete
    and check a file whose first line names it: "# yaml-language-server: $schema=./FILE".
    """
    import json  # noqa: PLC0415 - start-up

    from sluiceway.config.schema import pipeline_schema  # noqa: PLC0415 - start-up

    text = json.dumps(pipeline_schema(), indent=2, ensure_ascii=False, sort_keys=True)
    if output is None:
        typer.echo(text)
    else:
        output.write_text(f"{text}\n", encoding="utf-8")
