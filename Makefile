# make demo    the main job, on rendered pictures; IMAGES=~/Pictures for your own
# make test    the core's tests, then those of the field's encoders (torch), some minutes
# make test-all, make check, make bench, make docs, make clean
# make bench-search ROWS=1000000    search engines side by side; needs the shared pictures

PYTHON ?= python3
VENV ?= .venv
HEAVY ?= .venv-heavy
PEERS ?= .venv-bench
ROWS ?= 100000
BIN := $(VENV)/bin
DEMO ?= demo
IMAGES ?=

# A stamp for each set of extras: pip runs again only when the pins change.
PINS := pyproject.toml constraints.txt
INSTALL := -m pip install --quiet --disable-pip-version-check -c constraints.txt -e

.PHONY: demo test test-heavy test-all check bench bench-search docs clean
.DEFAULT_GOAL := demo

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Lookalike needs Python 3.10 or newer: make PYTHON=python3.11 ...")'
	@$(PYTHON) -m venv $(VENV) || { echo "This Python cannot make environments: install its venv package (Debian: apt install python3-venv)."; exit 1; }

$(VENV)/.core: $(BIN)/python $(PINS)
	@echo "Installing Lookalike into $(VENV) ..."
	@$(BIN)/python $(INSTALL) .
	@touch $@

$(VENV)/.test: $(VENV)/.core
	@echo "Installing what the tests need ..."
	@$(BIN)/python $(INSTALL) '.[test]'
	@touch $@

$(VENV)/.check: $(VENV)/.test
	@$(BIN)/python $(INSTALL) '.[check]'
	@touch $@

# Everything that runs or exports the field's encoders, in an environment of its own.
# torch stands on the command line itself, with its exact release: without it pip
# would choose the newest build, with several GB for graphics cards.
$(HEAVY)/.done: $(PINS)
	@$(PYTHON) -m venv $(HEAVY)
	@echo "Installing torch and the field's encoders into $(HEAVY) ..."
	@$(HEAVY)/bin/python $(INSTALL) '.[test,test-web,train,timm,clip,hf,export,umap]' 'torch==2.13.0'
	@touch $@

demo: $(VENV)/.core
	@$(BIN)/lookalike demo "$(DEMO)" $(if $(IMAGES),--images "$(IMAGES)")

test: $(VENV)/.test $(HEAVY)/.done
	$(BIN)/python -m pytest -m "not heavy"
	$(HEAVY)/bin/python -m pytest -m "not heavy" tests/encoders tests/images tests/training tests/cli/test_encoders.py

test-heavy: $(HEAVY)/.done
	$(HEAVY)/bin/python -m pytest -m heavy tests

test-all: test test-heavy

check: $(VENV)/.check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_house.py

bench: $(VENV)/.test $(HEAVY)/.done
	$(HEAVY)/bin/python bench/encoders.py
	$(BIN)/python bench/extraction.py
	$(BIN)/python bench/first_answer.py
	$(BIN)/python bench/quality.py
	$(BIN)/python bench/evaluation.py
	$(BIN)/python bench/map_layout.py
	$(HEAVY)/bin/python bench/server.py
	$(BIN)/python bench/watching.py

$(PEERS)/.done: $(PINS) bench/requirements.txt
	@$(PYTHON) -m venv $(PEERS)
	@echo "Installing the engines to compare with into $(PEERS) ..."
	@$(PEERS)/bin/python $(INSTALL) '.[test,plot]' -r bench/requirements.txt
	@$(PEERS)/bin/python -m pip install --quiet --no-deps autofaiss==2.18.0 embedding-reader==1.8.1
	@touch $@

bench-search: $(PEERS)/.done
	$(PEERS)/bin/python bench/search.py --rows $(ROWS)

docs: $(VENV)/.test
	$(BIN)/python docs/make_cli_reference.py

clean:
	rm -rf $(VENV) $(HEAVY) $(PEERS) build dist .pytest_cache .mypy_cache .ruff_cache
