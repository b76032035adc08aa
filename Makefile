# The two commands of the README are `make up` and `make test`.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: up test lint format bench eval train schema

up: .venv/ready
	@$(BIN)/skyhook up

test:
	@bash .ci/run

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/ready
	$(BIN)/python benchmarks/run.py

# `make train MODEL=imagine` and `make eval MODEL=imagine` for pictures; with ARGS=--video for video.
MODEL ?= chat

train: .venv/ready
	$(BIN)/python -m skyhook_functions.training.$(MODEL).train $(ARGS)

eval: .venv/ready
	$(BIN)/python -m skyhook_functions.training.$(MODEL).evaluate $(ARGS)

schema: .venv/ready
	$(BIN)/skyhook schema export > schema.graphql

.venv/ready: pyproject.toml uv.lock $(wildcard plugins/*/pyproject.toml)
	@PYTHON=$(PYTHON) bash bin/setup
