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


class LintFormat(StrEnum):
    """How lint answers: as any command, or as annotations of GitHub Actions."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"


Files: TypeAlias = Annotated[list[Path], typer.Argument(metavar="FILE", help="Pipeline files.", show_default=False)]

FormatOption: TypeAlias = Annotated[Format, typer.Option("--format", help="For people, or for programs.")]

LintFormatOption: TypeAlias = Annotated[
    LintFormat, typer.Option("--format", help="For people, for programs, or for annotations in GitHub Actions.")
]

Localstack: TypeAlias = Annotated[bool, typer.Option("--localstack", help="Look for AWS as LocalStack's client does.")]

EndpointUrl: TypeAlias = Annotated[
    str | None,
    typer.Option("--endpoint-url", metavar="URL", help="An emulator for all AWS services.", show_default=False),
]
