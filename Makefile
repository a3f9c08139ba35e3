# Everything a developer or operator runs from a clone. Each target does its own set-up.
.DEFAULT_GOAL := help
VENV := .venv
PYTHON := $(VENV)/bin/python
READY := $(VENV)/.ready

.PHONY: help setup demo test lint bench clean

help:  ## This list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

setup: $(READY)  ## Virtual environment with pinned packages; Debian packages where this is root
	@./tools/debian-packages

$(READY): constraints.txt pyproject.toml tools/find-python
	@./tools/find-python > /dev/null
	"$$(./tools/find-python)" -m venv --clear $(VENV)
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-deps -r constraints.txt
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup  ## The main job with real photographs and a real Varnish, checked (KEEP=1 leaves it running, IMAGES=DIR)
	@$(PYTHON) -m edgeward demo $(if $(KEEP),--keep) $(if $(IMAGES),--images "$(IMAGES)")

test: setup  ## All tests, with real parts
	@$(PYTHON) -m pytest -q $(ARGS)

lint: setup  ## ruff and mypy (strict)
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m mypy

bench: setup  ## Side-by-side measurements; writes docs/benchmarks.md
	@PYTHONPATH=. $(PYTHON) -m tests.bench $(ARGS)

clean:  ## Remove what the other targets made
	rm -rf $(VENV) .state dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
