"""`python -m tests.simulation`: play many seeds, or one with its whole trace."""

# ruff: noqa: PLC0415 - a mutant must be in place before the engine is imported
# ruff: noqa: T201 - what it prints is its purpose

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import fields

from .big import play_big
from .mutants import MUTANTS, install


def main() -> int:
    """Play, print, and return 1 when a rule was broken."""
    arguments = _arguments()
    if arguments.fifo_groups:
        return play_big(arguments.fifo_groups, arguments.messages)
    if arguments.mutants:
        return _hunt_all(arguments)
    install(arguments.mutant)
    if arguments.seed is not None:
        return _one(arguments.seed)
    return _many(arguments)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=2000, help="how many seeds to play")
    parser.add_argument("--first", type=int, default=1, help="the first of them")
    parser.add_argument("--seed", type=int, help="play this one alone and print its whole trace")
    parser.add_argument("--mutant", default="", choices=["", *(mutant.name for mutant in MUTANTS)])
    parser.add_argument("--mutants", action="store_true", help="hunt every mutant, with so many seeds at most")
    parser.add_argument("--known", action="store_true", help="hunt with the seeds alone that are known to catch them")
    parser.add_argument("--fifo-groups", type=int, default=0, help="play one big world with so many groups")
    parser.add_argument("--messages", type=int, default=100_000, help="the messages of that world")
    parser.add_argument("--enough", type=int, default=0, help="stop after so many seeds that break a rule")
    return parser.parse_args()


def _one(seed: int) -> int:
    from .draw import draw
    from .many import print_trace
    from .play import play

    scenario = draw(seed)
    for field in fields(scenario):
        print(f"{field.name:16} {getattr(scenario, field.name)}")
    print()
    played = play(scenario)
    print_trace(played)
    print(f"\n{len({violation.rule for violation in played.violations})} rules broken")
    return 1 if played.violations else 0


def _many(arguments: argparse.Namespace) -> int:
    from .many import missing_faults, play_many, show, table

    started = time.monotonic()
    totals = play_many(arguments.first, arguments.seeds, mutant=arguments.mutant, enough=arguments.enough)
    print("\n".join(table(totals, time.monotonic() - started)))
    for _, seeds in sorted(totals.broken.items()):
        show(min(seeds), mutant=arguments.mutant)
    missing = missing_faults(totals)
    if missing:
        print(f"never happened: {', '.join(missing)}")
    return 1 if totals.broken or missing else 0


def _hunt_all(arguments: argparse.Namespace) -> int:
    from .hunt import hunt_all

    print(f"{'mutant':40} {'caught by':10} {'at seed':>8} {'after':>8}")
    missed = 0
    seeds = () if arguments.known else range(arguments.first, arguments.first + arguments.seeds)
    for hunted in hunt_all(MUTANTS, seeds):
        rule = hunted.rule or f"NOT CAUGHT {', '.join(hunted.others)}"
        print(f"{hunted.mutant.name:40} {rule:10} {hunted.seed:>8} {hunted.played:>8}", flush=True)
        missed += not hunted.rule
    print(f"\n{len(MUTANTS)} mutants, {missed} not caught")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
