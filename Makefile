# Every task of the project, one line each; "make help" lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev demo test check format lint types contracts faults lock clean

help: ## list the tasks
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.operator ## make .venv with the cordon command in .venv/bin

setup-dev: $(VENV)/.dev ## the same, with what the checks need

$(VENV)/.operator: requirements/operator.txt pyproject.toml
	@echo "Making $(VENV) from requirements/operator.txt ..."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Cordon needs Python 3.11 or newer, this is " + sys.version.split()[0])'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements/operator.txt
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.operator requirements/dev.txt
	@echo "Adding the checks from requirements/dev.txt ..."
	@$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements/dev.txt
	@touch $@

demo: setup ## watch several incidents on a simulated organisation
	@$(BIN)/cordon demo

test: setup-dev ## run every test
	@$(BIN)/pytest --numprocesses auto

check: format lint types contracts test ## what CI runs: format, lint, types, import contracts, tests

format: setup-dev ## check the format
	@$(BIN)/ruff format --check .

lint: setup-dev ## lint
	@$(BIN)/ruff check .

types: setup-dev ## check the types
	@$(BIN)/mypy

contracts: setup-dev ## check who may import whom
	@$(BIN)/lint-imports

faults: setup-dev ## inject every fault at every AWS call of a containment
	@$(BIN)/pytest --numprocesses auto -m 'faults or not faults' tests/faults

lock: ## pin the dependencies anew (needs uv)
	uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --python-version 3.11 \
		--extra operator pyproject.toml requirements/build.in -o requirements/operator.txt
	uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --python-version 3.11 \
		--extra operator --extra dev pyproject.toml requirements/build.in -c requirements/operator.txt -o requirements/dev.txt

clean: ## remove the environment and every cache
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
