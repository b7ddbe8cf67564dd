# Breakerboard. Everything installs into .venv, once: a second run starts at once.

SHELL := /bin/sh
VENV := .venv
# Another Python in an environment of its own: make test-fast VENV=.venv-3.13 PYTHON=python3.13
PYTHON :=
BIN := $(VENV)/bin
STAMP := $(VENV)/.breakerboard-run
DEV_STAMP := $(VENV)/.breakerboard-dev
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore
export PYTHONUNBUFFERED := 1

.PHONY: help run demo needs test test-fast test-clocks bench check shots clean

help:
	@echo "make run    start everything (web, workers, beat, Valkey) on http://127.0.0.1:8000"
	@echo "make demo   the same, with a fleet of services that break"
	@echo "make test   the whole suite, on SQLite and PostgreSQL; brings Chromium and curl where root may"
	@echo "make test-fast    its fast part: no whole boards, no browser"
	@echo "make test-clocks  what reads a calendar, on the days and in the zones on which calendars go wrong"
	@echo "make check  formatting, lint, types, Django's checks"
	@echo "make bench  the benchmarks"
	@echo "make shots  screenshots of every page"

# `exec`: a signal to make's child is a signal to the tree.
run: $(STAMP)
	@exec $(BIN)/python manage.py up

demo: $(STAMP)
	@exec $(BIN)/python manage.py up --also "demo=$(BIN)/python -m demo"

# Before anything that takes time.
needs:
	@sh .ci/needs

test: needs $(DEV_STAMP)
	@exec $(BIN)/python -m tests.suite $(ARGS)

test-fast: $(DEV_STAMP)
	@exec $(BIN)/python -m tests.suite --fast $(ARGS)

test-clocks: $(DEV_STAMP)
	@exec $(BIN)/python -m tests.clocks $(ARGS)

bench: $(DEV_STAMP)
	@exec $(BIN)/python -m benchmarks $(ARGS)

check: $(DEV_STAMP)
	@exec $(BIN)/python -m tests.check

shots: $(DEV_STAMP)
	@exec $(BIN)/python -m tests.shots $(ARGS)

clean:
	rm -rf $(VENV) .venv-* .mypy_cache .ruff_cache .pytest_cache

$(VENV)/bin/python:
	@for python in $(or $(PYTHON),python3 python3.13 python3.12 python3.11 python3.14); do \
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
