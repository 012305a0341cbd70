# kpiwatch. `make help` lists what there is; `make demo` and `make test` are each enough by themselves.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# Any Python from 3.11 on; choose one with `make PYTHON=/path/to/python3.12 …`.
PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13 python3.14; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)

BIN := .venv/bin
SOURCES := services streams dashboards tests

.PHONY: help
help: ## what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | awk -F'\t' '{printf "  %-14s %s\n", $$1, $$2}'

.PHONY: setup
setup: .venv/installed ## the virtual environment .venv with the locked dependencies

.venv/installed: requirements.lock pyproject.toml
	@[ -n "$(PYTHON)" ] || { echo "make setup: no Python 3.11 or newer on the path. Install one, or name it: make PYTHON=/path/to/python3.12 setup"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "make setup: $(PYTHON) cannot make virtual environments (its module ensurepip is missing). On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv .venv
	@echo "installing into .venv what requirements.lock lists: a minute or two"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

.PHONY: demo
demo: setup ## the whole system on this machine, living through October 2021; Ctrl-C ends it and keeps the data
	@exec $(BIN)/kpiwatch up

.PHONY: demo-reset
demo-reset: setup ## forget the data of the demo (not what was fetched)
	@exec $(BIN)/kpiwatch up --forget

.PHONY: static style types
static: style types ## format, lint, types, import contracts, complexity

style: setup
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m tests.complexity

types: setup
	$(BIN)/mypy

.PHONY: complexity
complexity: setup ## how complex the functions are, and whether that is within its limits
	@$(BIN)/python -m tests.complexity

.PHONY: check
check: static ## fast: static checks, unit, stream and golden tests (fewer examples of properties, none marked slow); no broker, no promtool
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder --hypothesis-profile quick -m "not slow" tests/unit tests/stream tests/golden

COVERAGE := --cov --cov-report=json:build/coverage.json

.PHONY: test
test: style ## everything: static checks and all tests, on a real Kafka, Prometheus and Alertmanager
	@# types beside the tests: without a cache they take a minute of one core
	@mkdir -p build; $(MAKE) --no-print-directory types >build/types.log 2>&1 & types=$$!; failed=0; \
	  $(BIN)/python -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder --durations 15 || failed=1; \
	  wait $$types || { cat build/types.log; failed=1; }; exit $$failed

.PHONY: coverage
coverage: setup ## lines and branches of services/domain that tests without parts take; at least 95 % of branches (no speeds: it halves them)
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile tests/unit tests/whole tests/stream tests/golden tests/commands --ignore tests/commands/test_speed.py $(COVERAGE)
	$(BIN)/python -m tests.coverage_floor build/coverage.json

.PHONY: format
format: setup ## let ruff write what it can
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

.PHONY: bench
bench: setup ## every figure of speed again, beside the peers (Java and Maven for those of Kafka Streams); an hour on two cores
	@exec $(BIN)/python -m tests.bench

.PHONY: bench-small
bench-small: setup ## the same with a tenth of the events and one round: do all parts run? Its figures say little
	@exec $(BIN)/python -m tests.bench --events 100000 --days 30 --rounds 1

.PHONY: bench-keeper
bench-keeper: setup ## records per second and CPU seconds per 1,000 of the ledger's keeper, beside a process that only copies
	@exec $(BIN)/python -m tests.bench_keeper

.PHONY: bench-gateway
bench-gateway: setup ## events per second through one gateway on one core, beside a bare endpoint that only parses
	@exec $(BIN)/python -m tests.bench_gateway

FAULTS ?= 200
SEED ?= 1
DAYS ?= 40

.PHONY: storm
storm: setup ## FAULTS faults (200) over a whole system, by SEED, while DAYS pass; then it must say what a replay says
	@exec $(BIN)/python -m tests.storm --faults $(FAULTS) --seed $(SEED) --days $(DAYS)

KILLS ?= 40
EVENTS ?= 100000

.PHONY: storm-gateway
storm-gateway: setup ## kill -9 of gateway, relay, broker and senders, KILLS times (40) by SEED, while EVENTS events (100000) are sent: is one lost?
	@exec $(BIN)/python -m tests.storm_gateway --events $(EVENTS) --kills $(KILLS) --seed $(SEED)

.PHONY: storm-notices
CARDS ?= 5000
storm-notices: KILLS = 30
storm-notices: setup ## kill -9 of notifier and keeper, 30 times (KILLS) by SEED, while CARDS cards (5000) come and providers fail: is a notice lost or doubled?
	@exec $(BIN)/python -m tests.storm_notices --cards $(CARDS) --kills $(KILLS) --seed $(SEED)

.PHONY: fuzz-doors
fuzz-doors: setup ## mutated events by HTTP, by inbox and by file, by SEED: the same verdict, nothing lost, no personal number in a topic
	@exec $(BIN)/python -m tests.fuzz_doors --seed $(SEED)

.PHONY: schemathesis
schemathesis: setup build/schemathesis/installed ## requests made up from the description of the gateway, by SEED, against the real processes
	@exec $(BIN)/python -m tests.schemathesis_gateway --seed $(SEED)

.PHONY: bench-desk
bench-desk: setup ## the pages of the desk with 100,000 cards and 20 clients: 95th percentile and CPU a request; two minutes
	@exec $(BIN)/python -m tests.bench_desk

.PHONY: browser
browser: setup build/browser/installed ## what the test of the page /try needs: playwright, axe, and Debian's Chromium where this user may install it

build/browser/installed: requirements.browser.lock
	rm -rf build/browser
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --require-hashes --target build/browser --requirement requirements.browser.lock
	@command -v chromium chromium-browser google-chrome >/dev/null || \
	  { command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ] && apt-get -qq update && \
	    apt-get -qq install --yes --no-install-recommends chromium fonts-wqy-microhei >/dev/null; } || \
	  { echo "make browser: there is no Chromium. On Debian: apt-get install chromium fonts-wqy-microhei"; exit 1; }
	@touch $@

.PHONY: office
office: ## what the test of Word and Excel files needs: LibreOffice and a Chinese font, where this user may install them
	@command -v soffice >/dev/null || \
	  { command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ] && apt-get -qq update && apt-get -qq install --yes --no-install-recommends \
	    libreoffice-writer-nogui libreoffice-calc-nogui fonts-noto-cjk >/dev/null; } || \
	  { echo "make office: there is no LibreOffice. On Debian: apt-get install libreoffice-writer-nogui libreoffice-calc-nogui fonts-noto-cjk"; exit 1; }

MUTANTS ?= 120

.PHONY: mutants
mutants: setup build/mutants/installed ## change MUTANTS places (120) of time, kinds, limits, forecast and admission, by SEED: does a test notice?
	@exec build/mutants/bin/python -m tests.mutants --number $(MUTANTS) --seed $(SEED)

.PHONY: generate
generate: setup ## write again all that is generated (rules, routes, dashboards, docs); what changed shows in git diff
	$(BIN)/python -m services.alert_rules deploy
	$(BIN)/python -m services.handbook docs --runbooks deploy/runbooks
	$(BIN)/python -m dashboards.write

UV := build/lock/bin/uv
COMPILE := $(UV) pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet

.PHONY: lock
lock: $(UV) ## write requirements.lock, deploy/requirements.lock and those of audit, bench, browser, mutants and schemathesis again from pyproject.toml
	$(COMPILE) pyproject.toml --all-extras --output-file requirements.lock
	$(COMPILE) pyproject.toml --extra server --constraint requirements.lock --output-file deploy/requirements.lock
	$(COMPILE) --group audit --output-file requirements.audit.lock
	$(COMPILE) --group bench --output-file requirements.bench.lock
	$(COMPILE) --group browser --constraint requirements.lock --output-file requirements.browser.lock
	$(COMPILE) pyproject.toml --extra server --extra test --extra local --group mutants --output-file requirements.mutants.lock
	$(COMPILE) --group schemathesis --output-file requirements.schemathesis.lock

$(UV):
	$(PYTHON) -m venv build/lock
	build/lock/bin/python -m pip install --quiet uv

.PHONY: audit
audit: setup build/audit/installed ## known vulnerabilities, licences and the lists of docs/dependencies; writes build/sbom.json (CycloneDX)
	@$(BIN)/python -m tests.audit

.PHONY: look
look: setup $(UV) ## ask the registry about all locked versions and write docs/dependencies/packages.csv again
	@$(BIN)/python -m tests.audit look

# tools with an environment of their own
build/audit/installed build/mutants/installed build/schemathesis/installed: build/%/installed: requirements.%.lock
	$(PYTHON) -m venv build/$*
	build/$*/bin/python -m pip install --disable-pip-version-check --quiet --require-hashes --requirement requirements.$*.lock
	@touch $@

.PHONY: clean
clean: ## remove the environment, caches and everything fetched; data of the demo included
	rm -rf .venv .kpiwatch build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
