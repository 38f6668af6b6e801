# Everything runs in .venv, which `make` builds on its own; Python 3.11 or newer is all it needs.
PYTHON ?= python3
BIN := .venv/bin
# twice as many as the cores of a small machine: half of the time a test waits for the server
WORKERS ?= 4
IN_PARALLEL = -n $(WORKERS) --dist worksteal
PYTEST = $(BIN)/pytest $(IN_PARALLEL)

ON_SPARK = $(addprefix tests/integration/test_, run.py frozen.py)

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow test-spark coverage check format bench docs clean

help: ## list the commands
	@grep -hE '^[a-z%-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: .venv/ready ## start a private PostgreSQL, load sample data, run, show the result
	@$(BIN)/clickstats demo

test: .venv/ready ## run the tests, but for the slow ones, in parallel
	$(PYTEST) -m "not slow"

test-slow: .venv/spark ## run the slow tests
	$(PYTEST) --dist load --maxschedchunk 1 -m slow

test-spark: .venv/spark ## run the tests of `run --all` once more, computed by Spark
	CLICKSTATS_TEST_ENGINE='local[2]' $(PYTEST) -n 2 -m "not slow" $(ON_SPARK)

test-%: .venv/ready ## run those of one folder: cli cluster docs faults integration property security serve spec unit
	$(PYTEST) -m "not slow" tests/$*

coverage: .venv/ready ## `make test`, and how many of the branches they take
	$(BIN)/coverage erase
	$(MAKE) test PYTEST='$(BIN)/coverage run -m pytest $(IN_PARALLEL)'
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

check: .venv/ready ## format and lint, types, architecture
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/ready ## rewrite the code in the project's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: .venv/ready ## measure against other ways to do it; takes hours (BENCH="--clicks 1e5")
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[bench]'
	$(BIN)/python -m benchmarks $(BENCH)

docs: .venv/ready ## write docs/metrics.md from the dictionary
	$(BIN)/python -c 'from pipeline.answers.dictionary_page import markdown; print(markdown(), end="")' > docs/metrics.md

clean: ## remove the environment and everything that was built
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage*

# what Spark needs besides Java: half a gigabyte, which the other tests do without
.venv/spark: .venv/ready
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[spark]'
	@touch $@

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("clickstats needs Python 3.11 or newer, found " + sys.version.split()[0] + "; try: make PYTHON=python3.12")'
	$(PYTHON) -m venv --clear .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[test,check]'
	@touch $@
