"""Fuzz one target for as long as one likes, guided by coverage: `make fuzz TARGET=loader SECONDS=60`.

What is found is written to `.fuzz/TARGET/`, with the error above it; give the file to the target in a test. What
led to new code stays in `.fuzz/TARGET/corpus/` and is where the next run begins.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings

with atheris.instrument_imports(include=["sluiceway", "sluiceway_patterns", "ruamel", "jmespath"]):
    from tests.fuzz import targets
    from tests.fuzz.seeds import SEEDS, WORDS
    from tests.fuzz.strategies import INPUTS

AS_IT_IS = b"\0"
"""The first byte of an input that goes to the target as it is; others steer hypothesis, which makes one of shape."""


def main(target: str, seconds: int) -> None:
    """Fuzz a target."""
    run = getattr(targets, target)
    of_shape = hypothesis_settings(database=None, suppress_health_check=list(HealthCheck))(given(INPUTS[target])(run))
    steered = of_shape.hypothesis.fuzz_one_input

    def one(data: bytes) -> None:
        if data.startswith(AS_IT_IS):
            run(data[1:])
        else:
            steered(data[1:])

    folder = Path(".fuzz") / target
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for index, seed in enumerate(SEEDS[target]):
        (corpus / f"seed-{index}").write_bytes(AS_IT_IS + seed)
    options = [f"-max_total_time={seconds}", "-timeout=20", "-rss_limit_mb=2048", "-max_len=4096", "-len_control=0"]
    if target in WORDS:
        words = folder / "words"
        words.write_text("".join(f'"{_escaped(word)}"\n' for word in WORDS[target]))
        options.append(f"-dict={words}")
    atheris.Setup([target, *options, f"-artifact_prefix={folder}/", str(corpus)], one)
    atheris.Fuzz()


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in SEEDS or not sys.argv[2].isdecimal():
        sys.exit(f"usage: make fuzz TARGET={'|'.join(SEEDS)} SECONDS=60")
    main(sys.argv[1], int(sys.argv[2]))
