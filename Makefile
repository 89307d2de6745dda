# Every task of the project, one line each; "make help" lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
NPM := $(BIN)/npm --silent --no-audit --no-fund
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# CDK's library looks for node there: pip's, not the machine's.
export PATH := $(CURDIR)/$(BIN):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help setup setup-deploy setup-dev setup-lab demo test lab check format lint types contracts faults figures reference lock clean

help: ## list the tasks
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.operator ## make .venv with the cordon command in .venv/bin

setup-deploy: $(VENV)/.deploy ## the same, with CDK: what deploying needs

setup-dev: $(VENV)/.dev ## the same, with what the checks need

setup-lab: $(VENV)/.lab ## the same, with the local cloud of the lab

$(VENV)/.operator: requirements/operator.txt pyproject.toml
	@echo "Making $(VENV) from requirements/operator.txt ..."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Cordon needs Python 3.11 or newer, this is " + sys.version.split()[0])'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements/operator.txt
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.deploy: $(VENV)/.operator requirements/deploy.txt package-lock.json
	@echo "Adding CDK from requirements/deploy.txt and package-lock.json ..."
	@$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements/deploy.txt
	@$(NPM) ci --omit dev
	@touch $@

$(VENV)/.dev: $(VENV)/.operator requirements/dev.txt package-lock.json
	@echo "Adding the checks from requirements/dev.txt and package-lock.json ..."
	@$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements/dev.txt
	@$(NPM) ci
	@touch $@ $(VENV)/.deploy

$(VENV)/.lab: $(VENV)/.dev requirements/lab.txt
	@echo "Adding the local cloud from requirements/lab.txt ..."
	@$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements/lab.txt
	@touch $@

demo: setup ## watch several incidents on a simulated organisation
	@$(BIN)/cordon demo

test: setup-dev ## run every test
	@$(BIN)/pytest --numprocesses auto --dist loadfile

lab: setup-lab ## deploy to a local cloud that enforces IAM, contain a host there, try what must be denied
	@$(BIN)/pytest -m lab --durations 5 tests/lab

check: format lint types contracts test ## what CI runs: format, lint, types, import contracts, tests

format: setup-dev ## check the format
	@$(BIN)/ruff format --check .

lint: setup-dev ## lint
	@$(BIN)/ruff check .

types: setup-dev ## check the types
	@$(BIN)/mypy

contracts: setup-dev ## check who may import whom
	@$(BIN)/lint-imports

faults: setup-dev ## inject every fault at every AWS call of every step, write docs/reference/faults.md
	@rm -rf build/faults
	@$(BIN)/pytest --numprocesses auto --dist worksteal -m 'faults or not faults' tests/end_to_end/test_interleaving.py tests/faults
	@$(BIN)/python -m tests.faults.page

UV_COMPILE := uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --python-version 3.11 \
	pyproject.toml requirements/build.in

reference: setup-dev ## measure the calls of every step and option, and write docs/reference/steps.md
	@$(BIN)/python -m hub.reference.calls
	@$(BIN)/python -m hub.reference.steps

figures: setup-dev ## measure the templates, the bundle that ships, and synthesis
	@$(BIN)/python -m hub.stacks.figures

lock: ## pin the dependencies anew (needs uv)
	$(UV_COMPILE) --extra operator --extra deploy --extra dev --extra lab -o requirements/lab.txt
	$(UV_COMPILE) --extra operator --extra deploy --extra dev -c requirements/lab.txt -o requirements/dev.txt
	$(UV_COMPILE) --extra operator --extra deploy -c requirements/lab.txt -o requirements/deploy.txt
	$(UV_COMPILE) --extra operator -c requirements/lab.txt -o requirements/operator.txt

clean: ## remove the environment and every cache
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
