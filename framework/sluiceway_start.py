"""The first lines of the command `sluiceway`.

They stand outside of the package, because importing that takes most of the command's start-up: 0.2 s in which Ctrl-C
would show a traceback of imports, and in which a container that is stopped would not hear of it.
"""

import os
import signal
import sys


def main() -> None:
    """Run the command; until it is there, Ctrl-C ends the process as it would end any other, without a word.

    A worker that is told to stop by then has nothing to drain. It must say so itself: the first process of a container
    is not ended by a SIGTERM that it does not handle, and would be killed after the stop time-out.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if sys.argv[1:2] == ["run"]:
        signal.signal(signal.SIGTERM, _leave)
    from sluiceway.cli import main as command  # noqa: PLC0415 - the point of this function

    signal.signal(signal.SIGINT, signal.default_int_handler)
    command()


def _leave(_signal: int, _frame: object) -> None:
    os._exit(0)
