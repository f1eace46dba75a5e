"""MiniStack in a process of its own, so that a busy test does not slow it; it ends with whoever started it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def emulator() -> Iterator[str]:
    """Run an AWS of our own and yield its URL."""
    with subprocess.Popen([sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        endpoint = process.stdout.readline().decode().strip()
        assert endpoint, "the emulator does not start"
        try:
            yield endpoint
        finally:
            process.stdin.close()


def main() -> None:
    from sluiceway.local.embedded import EmbeddedAws  # noqa: PLC0415 - of the started process alone

    with EmbeddedAws() as aws:
        sys.stdout.write(f"{aws.endpoint}\n")
        sys.stdout.flush()
        sys.stdin.read()  # ends when the starter closes it, or ends itself


if __name__ == "__main__":
    main()
