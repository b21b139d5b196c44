# What one types here. `make help` lists it.

PYTHON ?= python3
VENV ?= .venv
ARGS ?=

BIN = $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help fault setup demo test test-sim lint types docs kafka chaos bench
MAKEFLAGS += --no-print-directory

# What keeps this machine from making the virtual environment, in one line; empty when nothing does.
FAULT = $(shell test -x $(BIN)/python && test -x $(BIN)/pip && exit; \
	command -v $(PYTHON) >/dev/null 2>&1 || \
		{ echo "$(PYTHON) is not installed, expected Python 3.11 or newer; another one is given by PYTHON=/path/to/python3"; exit; }; \
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$(PYTHON) is $$($(PYTHON) -V 2>&1), expected 3.11 or newer; another one is given by PYTHON=/path/to/python3"; exit; }; \
	$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		echo "$(PYTHON) cannot make virtual environments; on Debian and Ubuntu install the package python3-venv")

# Runs a command that Ctrl-C ends: the shell waits for it, and an end that was asked for (130) is no error.
define until_interrupted
@trap : INT; $(1); code=$$?; test $$code -eq 130 || exit $$code
endef

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

fault: # For ./demo, which looks before it starts.
	@echo "$(FAULT)"

setup: $(VENV)/.installed-test ## Make the virtual environment with all that tests and tools need
	@:

demo: $(VENV)/.installed-demo ## Run the whole service on this machine with simulated sensors, until Ctrl-C
	$(call until_interrupted,$(BIN)/citybrain demo $(ARGS))

test: setup ## Run every test that this machine can run (ARGS='-k river')
	@$(BIN)/python -m pytest $(ARGS)

test-sim: setup ## Play the delivery protocol against 10,000 seeds, which takes some ten minutes
	@CITYBRAIN_SEEDS=0-10000 $(BIN)/python -m pytest tests/simulation -k seed_loses $(ARGS)

lint: setup ## Check style and formatting
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check

types: setup ## Check types
	@$(BIN)/mypy

docs: setup ## Write docs/generated from the code (CHECK=1: only compare)
	@$(BIN)/citybrain docs $(if $(CHECK),--check)

kafka: setup ## Run a real Apache Kafka from Maven's jars, until Ctrl-C (ARGS='--port 9092')
	$(call until_interrupted,$(BIN)/python tests/kafka/broker.py $(ARGS))

chaos: setup ## Kill workers and restart a real Kafka for half an hour, and compare with the replay (ARGS='--seed 7')
	@$(BIN)/python tests/kafka/chaos.py $(ARGS)

bench: setup ## Measure the engine, and the way from a real Kafka to alerts
	@$(BIN)/python benchmarks/engine.py $(ARGS)
	@$(BIN)/python benchmarks/live.py

# The demo needs much less than the tests, and who has the tests has the demo. A stamp older than pyproject.toml is
# made again; it is written last, so that an installation that was cut short is repeated.
$(VENV)/.installed-test: pyproject.toml | $(BIN)/pip
	@echo "installing what tests and tools need into $(VENV); this takes about a minute"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test]'
	@touch $(VENV)/.installed-demo $@

$(VENV)/.installed-demo: pyproject.toml | $(BIN)/pip
	@echo "installing what the demo needs into $(VENV); this takes about a minute"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[demo]'
	@touch $@

$(BIN)/pip:
	$(if $(FAULT),$(error $(FAULT)))
	@$(PYTHON) -m venv $(VENV)
