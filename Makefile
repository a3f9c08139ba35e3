# Everything a developer or operator runs from a clone. Each target does its own set-up.
.DEFAULT_GOAL := help
VENV := .venv
PY := $(VENV)/bin/python
# Several processes work side by side: each gets one thread for its matrices.
export OPENBLAS_NUM_THREADS := 1
READY := $(VENV)/.ready

.PHONY: help setup demo test lint bench detection chaos fuzz clean

help:  ## This list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

setup: $(READY)  ## Virtual environment with pinned packages; Debian packages where this is root
	@./tools/debian-packages

$(READY): constraints.txt pyproject.toml tools/find-python
	@./tools/find-python > /dev/null
	"$$(./tools/find-python)" -m venv --clear $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps -r constraints.txt
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup  ## The main job with real photographs and a real Varnish, checked (KEEP=1 leaves it running, IMAGES=DIR)
	@$(PY) -m edgeward demo $(if $(KEEP),--keep) $(if $(IMAGES),--images "$(IMAGES)")

test: setup  ## All tests, with real parts
	@$(PY) -m pytest -q -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

lint: setup  ## ruff and mypy (strict)
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy

bench: setup  ## Side-by-side measurements; writes docs/benchmarks.md
	@PYTHONPATH=. $(PY) -m tests.bench $(ARGS)

detection: setup  ## Photographs, changed in every way: which are recognised; writes docs/detection.md
	@PYTHONPATH=. $(PY) -m tests.detection $(ARGS)

chaos: setup  ## Five minutes of kills at random under load: nothing may be lost or left (ARGS="--seed N")
	@PYTHONPATH=. $(PY) -m tests.chaos $(ARGS)

fuzz: setup  ## Five minutes of spoilt images through a real proxy: a verdict for each, and no harm (ARGS="--seed N --only CASE")
	@PYTHONPATH=. $(PY) -m tests.fuzz $(ARGS)

clean:  ## Remove what the other targets made
	rm -rf $(VENV) .state dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
