"""The first lines of the command `sluiceway`.

They stand outside of the package, because importing that takes most of the command's start-up: 0.2 s in which Ctrl-C
would show a traceback of imports.
"""

import signal


def main() -> None:
    """Run the command; until it is there, Ctrl-C ends the process as it would end any other, without a word."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from sluiceway.cli import main as command  # noqa: PLC0415 - the point of this function

    signal.signal(signal.SIGINT, signal.default_int_handler)
    command()
