# Breakerboard. Everything installs into .venv, once: a second run starts at once.

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.breakerboard-run
DEV_STAMP := $(VENV)/.breakerboard-dev
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore
export PYTHONUNBUFFERED := 1

.PHONY: help run demo test bench check shots clean

help:
	@echo "make run    start everything (web, workers, beat, Valkey) on http://127.0.0.1:8000"
	@echo "make demo   the same, with a fleet of services that break"
	@echo "make test   the whole suite, on SQLite and PostgreSQL"
	@echo "make check  formatting, lint, types, Django's checks"
	@echo "make bench  the benchmarks"
	@echo "make shots  screenshots of every page"

# `exec`: a signal to make's child is a signal to the tree.
run: $(STAMP)
	@exec $(BIN)/python manage.py up

demo: $(STAMP)
	@exec $(BIN)/python manage.py up --also "demo=$(BIN)/python -m demo"

test: $(DEV_STAMP)
	@exec $(BIN)/python -m tests.suite $(ARGS)

bench: $(DEV_STAMP)
	@exec $(BIN)/python -m benchmarks $(ARGS)

check: $(DEV_STAMP)
	@exec $(BIN)/python -m tests.check

shots: $(DEV_STAMP)
	@exec $(BIN)/python -m tests.shots $(ARGS)

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache

$(VENV)/bin/python:
	@for python in python3 python3.13 python3.12 python3.11 python3.14; do \
	  if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    "$$python" -m venv $(VENV) && exit 0; \
	    rm -rf $(VENV); \
	    echo "$$python could not make a virtual environment. On Debian and Ubuntu: apt-get install python3-venv" >&2; \
	    exit 1; \
	  fi; \
	done; \
	echo "Breakerboard needs Python 3.11 or newer, as python3 or python3.11 to python3.14 in PATH; found: $$(python3 --version 2>&1 || true)" >&2; \
	exit 1

$(STAMP): requirements.txt $(VENV)/bin/python
	@echo "Installing what Breakerboard needs into $(VENV) …"
	@$(BIN)/python -m pip install --quiet -r requirements.txt
	@touch $@

$(DEV_STAMP): requirements.txt requirements-dev.txt $(VENV)/bin/python
	@echo "Installing what the tests need into $(VENV) …"
	@$(BIN)/python -m pip install --quiet -r requirements-dev.txt
	@touch $@ $(STAMP)
