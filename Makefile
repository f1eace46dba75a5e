# Everything a contributor types. `make demo` and `make test` need only python3 (3.11 or newer, with venv), make and git.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: setup demo test test-real test-real-short soak fuzz simulate simulate-fifo mutants conformance lint format types image lock clean
.DEFAULT_GOAL := setup

setup: $(STAMP)

$(STAMP): requirements-dev.lock pyproject.toml
	@echo "installing into .venv (about a minute the first time) …"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	touch $@

demo: setup
	$(BIN)/sluiceway demo

# A third process works while the other two wait for servers; tests of one file share what they have started.
test: setup
	$(BIN)/python -m pytest -n 3 --dist loadfile --cov --cov-report=term

# Real processes in real time: kills, stops, broken connections, outages, blocked loops; about ten minutes. The sizes of
# tests/real/conftest.py can be set one by one: make test-real KILLS=1000
REAL := $(BIN)/python -m pytest -c tests/real/pytest.ini

test-real: setup
	$(REAL) -n 2 --dist worksteal tests/real

# A little of each, in about a minute.
test-real-short: setup
	$(REAL) -n 2 --dist worksteal --short tests/real

# An hour under load and faults: make soak MINUTES=60
soak: setup
	$(REAL) --timeout 0 tests/real/test_soak.py

# Atheris is installed apart, as it has no wheels for some of the machines that the locks are for.
FUZZ := .venv/fuzz
TARGET ?= loader
SECONDS ?= 60

fuzz: setup $(FUZZ)
	PYTHONPATH=$(FUZZ) $(BIN)/python -m tests.fuzz $(TARGET) $(SECONDS)

$(FUZZ): $(STAMP)
	$(BIN)/python -m pip install --quiet --upgrade --no-deps --target $@ "atheris>=3,<4"
	touch $@

# Workers in a world where everything goes wrong, by seed: make simulate SEEDS=100000. SEED=123 plays one again, with its
# whole trace; MUTANT=NAME plants a bug (tests/simulation/mutants*.py). make mutants hunts all of them.
simulate: setup
	$(BIN)/python -m tests.simulation $(if $(SEED),--seed $(SEED),--seeds $(or $(SEEDS),2000)) \
		$(if $(MUTANT),--mutant $(MUTANT))

# One big world with a FIFO queue, in which workers are killed and stopped and sinks fail.
simulate-fifo: setup
	$(BIN)/python -m tests.simulation --fifo-groups $(or $(FIFO_GROUPS),200) --messages $(or $(MESSAGES),100000)

mutants: setup
	$(BIN)/python -m tests.simulation --mutants --seeds $(or $(SEEDS),1000)

# Languages against second implementations of them, by chance: make conformance CASES=1000000
CASES ?= 100000

conformance: setup
	$(BIN)/python -m tests.conformance --cases $(CASES)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/hadolint Dockerfile
	$(BIN)/lint-imports --no-cache

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: setup
	$(BIN)/mypy
	$(BIN)/pyright --project pyproject.toml

# Without Docker: make image BUILDER="buildah build --isolation chroot --format docker". BASE=NAME takes another base.
BUILDER ?= docker build

image:
	$(BUILDER) $(if $(BASE),--build-arg BASE=$(BASE)) --build-arg REVISION=$$(git rev-parse HEAD) \
		--build-arg VERSION=$$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml) --tag sluiceway .

# Both locks from one resolution: the image gets versions that were tested.
lock: setup
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11 \
		--extra fast --extra local --extra dev pyproject.toml -o requirements-dev.lock
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11 \
		-c requirements-dev.lock --extra fast pyproject.toml -o requirements.lock
	echo hatchling | $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11 \
		-c requirements-dev.lock - -o requirements-build.lock

clean:
	rm -rf .venv dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
