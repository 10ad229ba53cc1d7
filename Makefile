# The words: demo, install, test, check, fmt, test-all, clean. Everything installs itself into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

LINKS ?= $(HOME)/.local/bin

.PHONY: help demo install test test-all check fmt clean
help:
	@echo "make demo      set up, train a GPT on this machine's Python library, open it up (a few minutes)"
	@echo "make install   set up, and make \`glassworks\` a word of your shell: a link in $(LINKS) (LINKS=... elsewhere)"
	@echo "make test      set up, then the whole test suite"
	@echo "make check     format, lint, types, layers"
	@echo "make fmt       format in place"
	@echo "make test-all  the test suite with the slow tests"
	@echo "make clean     remove what was set up; runs/ stays"

$(VENV)/.installed: pyproject.toml constraints.txt
	@echo "installing torch and the other packages into $(VENV): a minute or two, without a word"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) -e .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@echo "installing what the tests need into $(VENV): about a minute, without a word"
	@$(PIP) -e '.[dev]'
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
	@test "$$(readlink "$(LINKS)/glassworks")" != "$(CURDIR)/$(BIN)/glassworks" || rm "$(LINKS)/glassworks"
