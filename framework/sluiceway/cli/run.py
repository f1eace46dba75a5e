"""`sluiceway run`: the worker."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated

import typer

from sluiceway.cli.errors import explained
from sluiceway.cli.options import EndpointUrl, Files, Localstack


class LogFormat(StrEnum):
    """How log lines look."""

    AUTO = "auto"
    TEXT = "text"
    JSON = "json"


def command(
    files: Files,
    *,
    localstack: Localstack = False,
    endpoint_url: EndpointUrl = None,
    health_port: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=65535,
            envvar="SLUICEWAY_HEALTH_PORT",
            help="Serve /healthz and /readyz on this port of 127.0.0.1.",
            show_default=False,
        ),
    ] = None,
    log_format: Annotated[
        LogFormat, typer.Option(help="Of log lines; auto: text on a terminal, else JSON.")
    ] = LogFormat.AUTO,
) -> None:
    """Run pipelines.

    SIGTERM or Ctrl-C stops receiving; what is held is finished or given back, and the command exits. Log lines
    go to standard error; when they are JSON, so does the error that ends a run: the event `failed`. On a terminal a
    table of what happened closes the run.
    """
    from sluiceway import app  # noqa: PLC0415 - the AWS client costs 0.4 s
    from sluiceway.adapters.log import configure_logs, logger  # noqa: PLC0415 - start-up
    from sluiceway.engine.report import Report  # noqa: PLC0415 - start-up

    style = configure_logs(style=log_format)
    reports: dict[str, Report] = {}
    options = app.Options(endpoint_url, localstack=localstack, health_port=health_port, reports=reports)
    try:
        app.run(*files, options=options)
    except Exception as error:
        if style == "text":
            raise
        # Whoever collects the log reads JSON only.
        reasons, code = explained(error)
        logger().error("failed", reasons=reasons, exit_code=code)
        raise typer.Exit(code) from None
    finally:
        if sys.stdout.isatty() and reports:
            from sluiceway.cli.summary import print_summary  # noqa: PLC0415 - start-up

            print_summary(reports)
