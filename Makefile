# The words: demo, test, check, fmt, test-all, clean. Everything installs itself into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: help demo test test-all check fmt clean
help:
	@echo "make demo      set up, train a GPT on this machine's Python library, open it up (a few minutes)"
	@echo "make test      set up, then the whole test suite"
	@echo "make check     format, lint, types, layers"
	@echo "make fmt       format in place"
	@echo "make test-all  the test suite with the slow tests"
	@echo "make clean     remove what was set up; runs/ stays"

$(VENV)/.installed: pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) -e .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(PIP) -e '.[dev]'
	@touch $@

demo: $(VENV)/.installed
	$(BIN)/glassworks demo

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n auto -m "not slow and not peer"

test-all: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -m "not peer"

check: $(VENV)/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fmt: $(VENV)/.installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV)
