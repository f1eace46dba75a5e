"""What several commands take."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeAlias

import typer


class Format(StrEnum):
    """How a command answers: for people, or for programs."""

    TEXT = "text"
    JSON = "json"


Files: TypeAlias = Annotated[list[Path], typer.Argument(metavar="FILE", help="Pipeline files.", show_default=False)]

FormatOption: TypeAlias = Annotated[Format, typer.Option("--format", help="For people, or for programs.")]
