"""`sluiceway explain`: one message's way through a pipeline, stage by stage."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sluiceway.cli.errors import WRONG, in_color
from sluiceway.cli.messages import bodies_of, refuse
from sluiceway.cli.options import Format, FormatOption

if TYPE_CHECKING:
    from sluiceway.core.spec import Pipeline, TestCase
    from sluiceway.testing.given import GivenMessage


def command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The pipeline file.", show_default=False)],
    *,
    message: Annotated[
        str | None,
        typer.Option(
            "--message", "-m", metavar="MESSAGE", help="JSON text, a file, or - for standard input.", show_default=False
        ),
    ] = None,
    header: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="A header of the message; may be repeated.", show_default=False),
    ] = None,
    mock: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STAGE=JSON", help="What a stage's outside call is answered with, as in tests.", show_default=False
        ),
    ] = None,
    test: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Explain this test of the file, with its mocks.", show_default=False),
    ] = None,
    format: FormatOption = Format.TEXT,  # noqa: A002 - the option's name
) -> None:
    """Show what would become of a message, stage by stage: why it goes on or not, what changes, and what sinks get.

    Nothing outside is called: a stage that calls out is answered by `--mock`, in the words of a test's `mock`
    (JSON, {"status": 503}, {"missing": true}). Values under names such as password and *-token are not shown.
    """
    from sluiceway.cli.explain_text import as_json, as_text  # noqa: PLC0415 - start-up
    from sluiceway.config.load import check  # noqa: PLC0415 - start-up
    from sluiceway.testing.explain import explain  # noqa: PLC0415 - the AWS client costs 0.4 s

    checked = check(file)
    pipeline = checked.ready()
    if checked.document is None:
        raise AssertionError("a pipeline came from no document")
    case = _test(pipeline, test) if test is not None else None
    mocks = {**(case.mock if case else {}), **_mocks(mock or (), pipeline)}
    explanation = explain(pipeline, _messages(case, message, header or ()), mocks)
    if format is Format.JSON:
        typer.echo(as_json(explanation, pipeline, checked.document))
    else:
        typer.echo(as_text(explanation, pipeline, checked.document, color=in_color(sys.stdout)))
    if explanation.failure:
        raise typer.Exit(WRONG)


def _messages(case: TestCase | None, message: str | None, headers: Sequence[str]) -> list[GivenMessage]:
    if (case is None) == (message is None):
        raise typer.BadParameter("give either --message, or --test with the name of a test in the file")
    if message is None:
        given = case.given if case is not None else []
        return [each.model_dump() for each in (given if isinstance(given, list) else [given])]
    return [{"body": body, "headers": _headers(headers)} for _, body in bodies_of(message)]


def _test(pipeline: Pipeline, name: str) -> TestCase:
    from sluiceway.config.problems import nearest  # noqa: PLC0415 - start-up

    found = next((case for case in pipeline.tests if case.name == name), None)
    if found is None:
        names = [case.name for case in pipeline.tests]
        near = nearest(name, names)
        hint = f"; did you mean {near!r}?" if near else f"; there are: {'; '.join(names) or 'none'}"
        raise typer.BadParameter(f"there is no test {name!r}{hint}")
    return found


def _mocks(given: Sequence[str], pipeline: Pipeline) -> dict[str, object]:
    from sluiceway.config.problems import nearest  # noqa: PLC0415 - start-up
    from sluiceway.core import json  # noqa: PLC0415 - start-up

    stages = [stage.id for stage in pipeline.stages]
    mocks: dict[str, object] = {}
    for text in given:
        stage, sign, answer = text.partition("=")
        if stage not in stages:
            near = nearest(stage, stages)
            raise typer.BadParameter(f"there is no stage {stage!r}{f'; did you mean {near}?' if near else ''}")
        try:
            mocks[stage] = json.parse(answer.encode())
        except json.InvalidJSON as error:
            shown = answer if sign else "nothing"
            refuse(f"the mock of {stage} must be JSON, and is {shown[:60]}: {error}")
    return mocks


def _headers(given: Sequence[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for text in given:
        name, sign, value = text.partition("=")
        if not name or not sign:
            raise typer.BadParameter(f"{text!r} is not of the form name=value")
        headers[name] = value
    return headers
