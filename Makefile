# `make report` and `make test` need Python >= 3.11, make and Pango; they do all the rest.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# the version control system's view is not needed, and pip's own update check would reach out
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: report test test-all bless lint lock clean

report: $(VENV)/.run          ## the example's report
	@folder=$$($(BIN)/limekiln run config.yaml | tail -n 1; exit $${PIPESTATUS[0]}); code=$$?; \
	test -z "$$folder" || { echo "The report lies in $$folder:"; ls "$$folder" | grep '^report'; }; exit $$code

test: $(VENV)/.kinds          ## the test suite
	$(BIN)/python -m pytest -m "not slow"

test-all: $(VENV)/.long       ## the test suite with its long tier
	$(BIN)/python -m pytest

bless: $(VENV)/.kinds         ## tests/golden/ anew, when the report or the results were meant to change: look at the diff
	$(BIN)/python -m pytest -q tests/test_golden.py --bless

lint: $(VENV)/.kinds
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy pipeline tests examples benchmarks

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "limekiln needs Python 3.11 or newer; say which with: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: locks/run.txt pyproject.toml | $(VENV)/bin/python
	$(PIP) install --require-hashes -r locks/run.txt
	$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

# built archives in the test lock find their build tools in the environment, where the run lock put them
$(VENV)/.dev: locks/dev.txt $(VENV)/.run
	$(PIP) install --require-hashes --no-build-isolation -r locks/dev.txt
	@touch $@

# PyTorch stands in no lock: its CPU and CUDA builds share a version and differ in hash
$(VENV)/.kinds: locks/kinds.txt $(VENV)/.dev
	$(PIP) install "torch==2.13.0"
	$(PIP) install --require-hashes --no-deps --no-build-isolation -r locks/kinds.txt
	@touch $@

$(VENV)/.long: $(VENV)/.kinds
	$(PIP) install "tensorflow==2.21.0"
	@touch $@

lock:                         ## writes locks/ anew from pyproject.toml; needs uv
	uv pip compile pyproject.toml --group build --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header --no-annotate --output-file locks/run.txt
	uv pip compile pyproject.toml --group build --group test --group lint --constraints locks/run.txt --universal \
	  --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate --output-file locks/dev.txt
	uv pip compile pyproject.toml --all-extras --group build --group test --group lint --group kinds \
	  --constraints locks/dev.txt --override locks/overrides.txt --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header --no-annotate --output-file locks/kinds.txt

clean:
	rm -rf $(VENV) dist build
