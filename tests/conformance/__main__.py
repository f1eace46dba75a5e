"""`python -m tests.conformance patterns --cases 100000`: one language, or all, against its second implementation."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from pathlib import Path

LANGUAGES = [name for name in ("patterns", "expressions") if (Path(__file__).parent / f"{name}.py").exists()]


def main() -> int:
    """Compare, and return 1 when anything differed."""
    parser = argparse.ArgumentParser(prog="tests.conformance", description=__doc__)
    parser.add_argument("language", nargs="?", choices=LANGUAGES, help="default: all")
    parser.add_argument("--cases", type=int, default=100_000, help="how many of each")
    arguments = parser.parse_args()
    languages = [arguments.language] if arguments.language else LANGUAGES
    return max(int(import_module(f"tests.conformance.{name}").main(arguments.cases)) for name in languages)


if __name__ == "__main__":
    sys.exit(main())
