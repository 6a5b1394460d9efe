# setup and run need nothing but Python 3.11 or newer.
PYTHON ?= python3
BIN := .venv/bin
MEMBERS := core $(wildcard plugins/*/*) deploy/penstock-all
SOURCES := core/src $(wildcard plugins/*/*/src examples/plugins/*/src)
SPACE := $() $()
STAMP := .venv/.stamp

.PHONY: setup run parts test test-real test-rest soak lint types bench reference docs wheels check

setup: $(STAMP)

$(STAMP): pyproject.toml $(wildcard core/pyproject.toml plugins/*/*/pyproject.toml deploy/*/pyproject.toml)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
		"Penstock needs Python 3.11 or newer: make $(MAKECMDGOALS) PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --group dev
	$(BIN)/python -m pip install --quiet --no-build-isolation $(addprefix --editable ./,$(MEMBERS))
	touch $(STAMP)

run: setup
	$(BIN)/penstock quickstart

# What the system tests use: a Docker engine, rsyslog, syslog-ng. Installs where it can, never fails.
parts:
	tests/system/install-parts

# All, in two halves at once, as most of it is waiting; each is shown when it is done.
# One file or test: make test TESTS=tests/system/test_parts.py
REAL := tests/system tests/contract
HALVES := --no-print-directory --jobs=2 --keep-going $(if $(filter output-sync,$(.FEATURES)),--output-sync=target)
test: setup parts
ifdef TESTS
	$(BIN)/pytest $(TESTS)
else
	$(MAKE) $(HALVES) test-real test-rest
endif

test-real: setup parts
	$(BIN)/pytest $(REAL)

test-rest: setup parts
	$(BIN)/pytest $(addprefix --ignore=,$(REAL))

# Longer and other than in CI: make soak ROUNDS=120 SEED=7
ROUNDS ?= 60
SEED ?= 1
soak: setup parts
	PENSTOCK_SOAK_ROUNDS=$(ROUNDS) PENSTOCK_SOAK_SEED=$(SEED) $(BIN)/pytest -s tests/system/test_faults_crash.py

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	MYPYPATH=$(subst $(SPACE),:,$(SOURCES)) $(BIN)/mypy $(SOURCES) tests/conftest.py tests/system/parts tests/architecture

# Some of them, or fewer runs: make bench BENCH="b1 --runs 1"
bench: setup parts
	$(BIN)/python -m tests.benchmarks $(BENCH)

# docs/reference and docs/pictures, made anew from the code.
reference: setup
	$(BIN)/python -m docs.making.reference
	$(BIN)/python -m docs.making.pictures

# The documentation as a site in site/; needs no network.
docs: setup
	$(BIN)/mkdocs build --config-file docs/making/mkdocs.yml

# Core and every plugin as wheels in dist/, for machines without this checkout.
wheels: setup
	$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist $(addprefix ./,$(MEMBERS))

check: lint types test
