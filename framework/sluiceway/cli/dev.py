"""`sluiceway dev`: pipelines on the embedded AWS, reloaded on save."""

from __future__ import annotations

from typing import Final

from sluiceway.cli.errors import show
from sluiceway.cli.options import Files

PORT: Final = 4566
"""Where people expect an emulator of AWS; another port when it is taken."""

_TOLD: Final = {"started", "draining", "stopped", "progress", "dead-lettered"}
"""Events of the log that the dev loop tells in its own words."""


def command(files: Files) -> None:
    """Run pipelines on an AWS of their own, and tell each message's way as it ends.

    What the files name is created: queues, buses, buckets and tables. A change in a file, or in one that it names,
    is loaded on save; while it has mistakes, they are shown and the old pipelines run on. Ctrl-C finishes what is held
    and exits.
    """
    import asyncio  # noqa: PLC0415 - start-up
    import contextlib  # noqa: PLC0415 - start-up
    import shlex  # noqa: PLC0415 - start-up

    from sluiceway.adapters.log import configure_logs  # noqa: PLC0415 - start-up
    from sluiceway.adapters.loop import loop_factory  # noqa: PLC0415 - start-up
    from sluiceway.cli.console import console, program  # noqa: PLC0415 - start-up
    from sluiceway.local.dev import DevLoop  # noqa: PLC0415 - as above
    from sluiceway.local.embedded import EmbeddedAws  # noqa: PLC0415 - as above
    from sluiceway.local.laptop import CREDENTIALS  # noqa: PLC0415 - as above

    configure_logs(style="text", without=_TOLD)
    out = console()

    def say(line: str) -> None:
        out.print(line, soft_wrap=True)

    loop = DevLoop(files, say, show)
    with (
        contextlib.suppress(KeyboardInterrupt),  # between two runs, when there is nothing to drain
        EmbeddedAws(PORT) as aws,
        asyncio.Runner(loop_factory=loop_factory()) as runner,
    ):
        variables = {"AWS_ENDPOINT_URL": aws.endpoint, **CREDENTIALS}
        if not aws.endpoint.endswith(f":{PORT}"):
            say(f"Port {PORT} is taken, by another emulator perhaps: this one is at {aws.endpoint}.")
        say("AWS is here until you press Ctrl-C. To use it from another terminal:")
        say(f"  export {' '.join(f'{name}={value}' for name, value in variables.items())}")
        say(f"  {program()} send {shlex.quote(str(files[0]))} '{{}}'\n")
        runner.run(loop.run(aws.endpoint))
