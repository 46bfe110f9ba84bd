# Everything a person or CI starts. The work is done in setup/ and demo/, with the standard library.
#
#   make demo OFFLINE=1        no registry? build stand-ins for the images from Debian's packages
#   make test ARGS="-k care"   arguments for pytest
SHELL  := /bin/bash
PYTHON ?= python3
BIN    := .venv/bin
ARGS   ?=
ONLY   ?=
SETUP  := $(PYTHON) -m setup
ENGINE_TESTS := tests/conformance tests/e2e/test_building.py

.DEFAULT_GOAL := help
.PHONY: help demo demo-down test test-shards test-engine28 check ward damage kills bench dev fmt

help: ## what there is
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## set up all that is missing, run the shop, break it three times, lose its data, watch it heal
	@$(PYTHON) -m demo

demo-down: ## take away what the set-up made: the shop, its images, the engine it started
	@$(PYTHON) -m demo down

test: ## set up, then run every test
	@$(SETUP) venv engine images compose
	@$(PYTHON) -m setup.suite $(ARGS)

test-shards: ## the same in three runs at once, each beside an engine of its own (root)
	@$(SETUP) venv engine images compose
	@$(PYTHON) -m setup.shards $(ARGS)

test-engine28: ## what touches the engine, on Debian's newest one, with both its image stores (root)
	@$(SETUP) venv
	@$(SETUP).engine28 $(BIN)/python -m pytest $(ENGINE_TESTS) tests/engines/docker $(ARGS)
	@$(SETUP).engine28 --containerd-store $(BIN)/python -m pytest $(ENGINE_TESTS) $(ARGS)

check: ## format, lint, types, import layers
	@$(SETUP) venv
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

ward: ## sick and odd containers on the real engine: is the cause found, and nothing harmed?
	@$(SETUP) venv engine images compose
	@PYTHONPATH=.:tests $(BIN)/python -m ward $(ONLY) $(ARGS)

damage: ## databases under load, damaged in every way: does the data come back by itself?
	@$(SETUP) venv engine images compose
	@PYTHONPATH=.:tests $(BIN)/python -m damage $(ONLY) $(ARGS)

kills: ## SIGKILL in the middle of copies, restores, drills and prunes, 200 times
	@$(SETUP) venv engine images compose
	@PYTHONPATH=.:tests $(BIN)/python -m kills $(ARGS)

bench: ## set up, then measure against Docker Compose; the table goes to benchmarks/results/
	@$(SETUP) venv engine images compose
	@$(BIN)/python -m benchmarks $(ARGS)

dev: ## the virtual environment alone
	@$(SETUP) venv

fmt: ## format, and repair what the linter can
	@$(SETUP) venv
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
