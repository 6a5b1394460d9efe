# setup and run need nothing but Python 3.11 or newer.
PYTHON ?= python3
BIN := .venv/bin
MEMBERS := core $(wildcard plugins/*/*) deploy/penstock-all
STAMP := .venv/.stamp

.PHONY: setup run test lint types bench check

setup: $(STAMP)

$(STAMP): pyproject.toml $(wildcard core/pyproject.toml plugins/*/*/pyproject.toml deploy/*/pyproject.toml)
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --group dev
	$(BIN)/python -m pip install --quiet --no-build-isolation $(addprefix --editable ./,$(MEMBERS))
	touch $(STAMP)

run: setup
	$(BIN)/penstock quickstart

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy core/src
	@for member in plugins/*/*; do echo "mypy $$member"; $(BIN)/mypy $$member/src || exit 1; done
