"""The simulation: workers between strict fakes, in a world where a seed decides everything that happens.

`make simulate` runs it; `python -m tests.simulation --help` says how else.
"""
