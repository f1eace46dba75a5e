"""What plugin authors and pipeline tests use: run a pipeline in memory, fakes, conformance suites."""
