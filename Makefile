# Every target works from a fresh checkout: what it needs is installed into .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Written last by `setup`: as long as it is newer than pyproject.toml, there is nothing to install.
STAMP := $(VENV)/.toolgate-installed
REFERENCE := docs/reference
BENCH_STAMP := $(VENV)/.toolgate-bench-installed
DOCS_STAMP := $(VENV)/.toolgate-docs-installed
# Strictly: a broken link, a missing reference or something public without a docstring fails.
SITE := $(BIN)/sphinx-build --fail-on-warning --nitpicky --fresh-env --quiet -c docs . site

.DEFAULT_GOAL := help
.PHONY: help setup demo bench test crash million zoo simulate nightly lint format docs docs-check clean

help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

setup: $(STAMP) ## Create .venv and install toolgate with everything it is developed with

# Dependency groups need pip 25.1; what a Python brings along is often older. Twice quiet: errors are still told, but
# not a warning about editable installations that holds for none of ours.
$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("toolgate needs Python 3.11 or newer, and $(PYTHON) is %d.%d\n  do:    make $(or $(MAKECMDGOALS),setup) PYTHON=python3.12" % sys.version_info[:2] if sys.version_info < (3, 11) else 0)'
	@echo "Installing into $(VENV); the first time this takes a minute"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	@$(BIN)/python -m pip install --quiet --quiet --editable '.[local,console]' --group dev
	@touch $@

$(DOCS_STAMP): $(STAMP)
	@$(BIN)/python -m pip install --quiet --group docs
	@touch $@

demo: setup ## A day at a billing desk: agents, gate and tools on a real Kafka and Redis, live
	$(BIN)/toolgate demo

# Quix Streams needs an older Kafka client than toolgate, the governance toolkit much else: each has its own environment.
$(BENCH_STAMP): $(STAMP)
	$(PYTHON) -m venv $(VENV)-quix
	$(VENV)-quix/bin/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(VENV)-quix/bin/python -m pip install --quiet --group bench-quix
	$(PYTHON) -m venv $(VENV)-agt
	$(VENV)-agt/bin/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(VENV)-agt/bin/python -m pip install --quiet --group bench-agt
	@touch $@

bench: $(BENCH_STAMP) ## Measure the gate beside an echo, Faust and Quix Streams; on an idle machine
	$(BIN)/python -m bench
	$(BIN)/python -m bench.policies

# What needs no broker is spread over two processes test by test; of the rest, which waits for much of its time, three
# processes take whole files, each with a broker and a Redis of its own.
IN_MEMORY := tests/unit tests/model tests/corpus tests/packaging

test: setup ## Run the tests, on a real Kafka and Redis
	@failed=0; \
	$(BIN)/python -m pytest --numprocesses 2 --dist worksteal $(IN_MEMORY) || failed=1; \
	$(BIN)/python -m toolgate.streams.local || echo "brokers start as they do without a startup cache"; \
	$(BIN)/python -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder $(addprefix --ignore=,$(IN_MEMORY)) || failed=1; \
	exit $$failed

# HITS says how often each cell is hit, CRASH narrows: make crash CRASH='--fault redis --point "before commit"'.
HITS ?= 1
crash: setup ## Hit every fault at every point of the loop on a real Kafka and Redis, and print the matrix
	PYTHONPATH=tests:tests/support:. $(BIN)/python -m crash --hits $(HITS) $(CRASH)

INTENTS ?= 1000000
million: setup ## Send a million intents through two workers while something is killed every few seconds
	PYTHONPATH=tests:tests/support:. $(BIN)/python tests/crash/million.py --intents $(INTENTS)

zoo: setup ## Put bugs in, one after the other; each must be caught (BUG=name for one)
	PYTHONPATH=.:tests/support:tests/zoo $(BIN)/python tests/zoo $(BUG)

SEEDS ?= 200
FIRST ?= 0
STEPS ?= 1500
simulate: setup ## Random histories with crashes and lost answers, all checked (SEEDS=n FIRST=seed STEPS=n WORLD=name)
	PYTHONPATH=. $(BIN)/python tests/support/simulate.py --seeds $(SEEDS) --first $(FIRST) --steps $(STEPS) $(if $(WORLD),--world "$(WORLD)")

# Behind the seeds that every change is tried with: more than two million decisions, and a hundred thousand votes that
# race. The matrix takes half a day.
nightly: setup ## Run what is too long for every change: tests, the zoo, two million decisions, the crash matrix
	@failed=0; \
	TOOLGATE_EXAMPLES=new $(BIN)/python -m pytest -m "nightly or hypothesis" || failed=1; \
	$(MAKE) zoo || failed=1; \
	$(MAKE) simulate FIRST=100000 SEEDS=600 || failed=1; \
	$(MAKE) simulate FIRST=300000 SEEDS=1200 WORLD=disputed || failed=1; \
	$(MAKE) crash HITS=20 || failed=1; \
	exit $$failed

lint: setup ## Check style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: setup ## Format the code and apply the fixes that are safe
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(DOCS_STAMP) ## Make the generated pages again and build the documentation into site/
	$(BIN)/python -m toolgate.processors.reasons_page > $(REFERENCE)/reasons.md
	$(BIN)/python -m toolgate.processors.file_pages > $(REFERENCE)/policy.md
	$(BIN)/python -m toolgate.processors.policy_file > $(REFERENCE)/policy.schema.json
	$(BIN)/python -m toolgate.processors.catalogue > $(REFERENCE)/tools.schema.json
	$(BIN)/python -m toolgate.processors.registry_file > $(REFERENCE)/registry.schema.json
	$(BIN)/python -m toolgate.processors.cases_file > $(REFERENCE)/cases.schema.json
	$(BIN)/python -m toolgate.cli.reference cli > $(REFERENCE)/cli.md
	$(BIN)/python -m toolgate.cli.reference exits > $(REFERENCE)/exits.md
	$(BIN)/python -m toolgate.streams.topics > $(REFERENCE)/topics.md
	$(BIN)/python -m toolgate.streams.settings_page > $(REFERENCE)/settings.md
	$(BIN)/python -m toolgate.streams.gate.metrics_page > $(REFERENCE)/metrics.md
	$(BIN)/python -m toolgate.streams.dashboards gate > ops/grafana/dashboards/gate.json
	$(BIN)/python -m toolgate.streams.dashboards watch > ops/grafana/dashboards/watch.json
	$(BIN)/python tests/support/hostile_page.py > $(REFERENCE)/hostile-input.md
	$(BIN)/python -m toolgate.schemas.registry
	$(SITE)

docs-check: $(DOCS_STAMP) ## Check that generated pages are current and that the documentation builds without a warning
	$(BIN)/python -m pytest -q tests/unit/test_repository.py -k generated
	$(SITE)

clean: ## Remove what was built, the caches, and the local stack's data (not .venv)
	rm -rf build dist site *.egg-info .toolgate .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
