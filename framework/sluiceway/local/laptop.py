"""What is different on a laptop: AWS is an emulator, and nobody waits for polls."""

from __future__ import annotations

import base64
import os
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from sluiceway.adapters.aws_errors import AWS_ERRORS
from sluiceway.adapters.check import resources
from sluiceway.adapters.clients import Clients
from sluiceway.adapters.sqs import SqsSource
from sluiceway.core.errors import OutsideError
from sluiceway.core.spec import Pipeline
from sluiceway.core.units import Duration
from sluiceway.local.resources import create

_SHORT = Duration("1s")

CREDENTIALS: Final = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
}
"""What an emulator wants to see, and no more: it checks none of it."""

STAND_IN: Final = "whsec_" + base64.b64encode(b"stand-in of sluiceway dev, no secret").decode()
"""What stands for a secret that is not on the laptop; of the form that Standard Webhooks wants for signing."""


@contextmanager
def only_emulator(endpoint: str, **more: str) -> Generator[None]:
    """Let every AWS client of this process find the emulator, whatever the machine is configured for.

    Nobody's profile, keys or proxy come in between. The environment is as it was afterwards.

    Args:
        endpoint: The emulator's URL.
        more: Further environment variables.
    """
    wanted = {
        **CREDENTIALS,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        **dict.fromkeys(("NO_PROXY", "no_proxy"), _without_proxy(os.environ)),
        **more,
    }
    touched = {*wanted, *(name for name in os.environ if name.startswith("AWS_"))}
    before = {name: os.environ.pop(name, None) for name in touched}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


async def create_for(pipelines: Iterable[Pipeline], endpoint: str) -> None:
    """Create the queues, buses, buckets and tables that pipelines name.

    Raises:
        OutsideError: The emulator refuses one, or does not answer.
    """
    async with Clients(endpoint) as clients:
        try:
            await create([resource for pipeline in pipelines for resource in resources(pipeline)], clients)
        except AWS_ERRORS as error:
            raise OutsideError(f"{endpoint} cannot hold what the files name: {error}") from error


def with_short_polls(pipeline: Pipeline) -> Pipeline:
    """Return the pipeline with polls of at most a second.

    Long polls save money on AWS. Here nobody pays for them, but a drain would wait for the one under way.
    """
    source = pipeline.source.component
    if not isinstance(source, SqsSource) or source.wait_time <= _SHORT:
        return pipeline
    return replace(pipeline, source=replace(pipeline.source, component=source.model_copy(update={"wait_time": _SHORT})))


def _without_proxy(environ: Mapping[str, str]) -> str:
    hosts = environ.get("NO_PROXY") or environ.get("no_proxy") or ""
    return f"{hosts},127.0.0.1".lstrip(",")
