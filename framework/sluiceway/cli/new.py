"""`sluiceway new`: begin a pipeline or a plugin."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sluiceway.cli.messages import bodies_of, refuse

if TYPE_CHECKING:
    from sluiceway.core.json import JSON
    from sluiceway.scaffold.pipeline import Proposal

_LARGEST = 1024 * 1024
_MOST = 1000


def pipeline(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name, and that of its file.", show_default=False)],
    *,
    sample: Annotated[
        list[str] | None,
        typer.Option(
            "--sample",
            "-s",
            metavar="MESSAGE",
            help="A body as the upstream sends it: JSON text, a file (.ndjson: each line), or -. May be repeated.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Begin a pipeline: its file, and with samples a schema of them and a map to names of your own.

    What is written passes `sluiceway lint` and `sluiceway test`. Nothing is overwritten.
    """
    from sluiceway.scaffold.pipeline import NAME, propose  # noqa: PLC0415 - start-up

    if not NAME.fullmatch(name):
        raise typer.BadParameter(f"{name[:60]!r} is no name: letters, digits, `_` and `-`, the first a letter")
    proposal = propose(name, _samples(sample or ()))
    _refuse_existing(Path(f"{name}.yaml"), *([Path(proposal.schema_file)] if proposal.schema else []))
    if proposal.schema is not None:
        _write({proposal.schema_file: proposal.schema})
    file = f"{name}.yaml"
    _write({file: proposal.text()})
    _write({file: proposal.text(_outcome(proposal, file))})
    for written in (file, *([proposal.schema_file] if proposal.schema else [])):
        typer.echo(f"wrote {written}")
    typer.echo(f"next: sluiceway test {file}; sluiceway explain {file} -m MESSAGE; sluiceway dev {file}")


def plugin(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Its name, in small letters: price-list.", show_default=False)
    ],
) -> None:
    """Begin a plugin: a package with a stage, a pipeline that uses it, and tests that pass at once.

    It is written into the folder sluiceway-NAME, which must not exist.
    """
    from sluiceway.scaffold.plugin import LONGEST, NAME, plugin_files  # noqa: PLC0415 - start-up

    if not NAME.fullmatch(name) or len(name) > LONGEST:
        raise typer.BadParameter(
            f"{name[:60]!r} is no name for a package, such as price-list: small letters, digits and `-`,"
            f" at most {LONGEST}"
        )
    folder = Path(f"sluiceway-{name}")
    _refuse_existing(folder)
    files = plugin_files(name)
    _write({str(folder / path): text for path, text in files.items()})
    for path in files:
        typer.echo(f"wrote {folder / path}")
    typer.echo(f"next: pip install -e '{folder}[test]'; pytest {folder}; sluiceway test {folder}/{name}.yaml")


def _samples(given: list[str] | tuple[()]) -> list[JSON]:
    from sluiceway.core import json  # noqa: PLC0415 - start-up

    samples: list[JSON] = []
    for text in given:
        for place, body in bodies_of(text):
            if len(body) > _LARGEST:
                refuse(f"{place} has {len(body):,} bytes; a sample has at most {_LARGEST:,}")
            try:
                samples.append(json.parse(body))
                json.dump(samples[-1])  # half a surrogate pair can be read, and never be written
            except (json.InvalidJSON, ValueError) as error:
                refuse(f"{place} is not JSON, and nothing can be proposed from it: {error}")
    if len(samples) > _MOST:
        refuse(f"{len(samples):,} samples are more than the {_MOST:,} that are looked at")
    return samples


def _outcome(proposal: Proposal, file: str) -> JSON:
    """Return what the proposed pipeline makes of the first sample, for its test to expect."""
    from sluiceway.testing.pipeline import run_pipeline  # noqa: PLC0415 - the AWS client costs 0.4 s

    ran = run_pipeline(Path(file), [{"body": proposal.sample}])
    return ran.sinks["out"][0].body if ran.sinks["out"] else None


def _refuse_existing(*paths: Path) -> None:
    for path in paths:
        if path.exists():
            refuse(f"{path} is there already, and nothing is overwritten")


def _write(files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
