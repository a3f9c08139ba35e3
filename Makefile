# What developers and operators run from a clone. Each target sets itself up.
.DEFAULT_GOAL := help
VENV := .venv
PY := $(VENV)/bin/python
# Several processes run in parallel: each uses one thread for linear algebra.
export OPENBLAS_NUM_THREADS := 1
# Tests start hundreds of processes: each reads compiled modules instead of compiling them again.
unexport PYTHONDONTWRITEBYTECODE
READY := $(VENV)/.ready

.PHONY: help setup demo test lint bench detection chaos fuzz copies kills million disturb clean

help:  ## This list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

setup: $(READY)  ## Virtual environment with pinned packages; Debian packages if run as root
	@./tools/debian-packages

$(READY): constraints.txt pyproject.toml tools/find-python
	@./tools/find-python > /dev/null
	"$$(./tools/find-python)" -m venv --clear $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps -r constraints.txt
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup  ## Demo with real photographs and a real Varnish, checked (KEEP=1 leaves it running, IMAGES=DIR)
	@$(PY) -m edgeward demo $(if $(KEEP),--keep) $(if $(IMAGES),--images "$(IMAGES)")

test: setup  ## All tests, with real programs
	@$(PY) -m pytest -q -n 4 --dist loadfile --no-loadscope-reorder $(ARGS)

lint: setup  ## ruff and mypy (strict)
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy

bench: setup  ## Side-by-side measurements; writes docs/benchmarks.md
	@PYTHONPATH=. $(PY) -m tests.bench $(ARGS)

detection: setup  ## Which changed photographs are recognised; writes docs/detection.md
	@PYTHONPATH=. $(PY) -m tests.detection $(ARGS)

chaos: setup  ## Random kills under load for five minutes: nothing may be lost or left (ARGS="--seed N")
	@PYTHONPATH=. $(PY) -m tests.chaos $(ARGS)

fuzz: setup  ## Mutated images through a real proxy for five minutes: each gets a verdict (ARGS="--seed N --only CASE")
	@PYTHONPATH=. $(PY) -m tests.fuzz $(ARGS)
	$(if $(ARGS),,@PYTHONPATH=. $(PY) -m tests.unknown_copies)

copies: setup  ## 20,000 random sequences of requests through real caches: no copy is left unknown (ARGS="--seed N --site SITE")
	@PYTHONPATH=. $(PY) -m tests.unknown_copies $(ARGS)

kills: setup  ## Kills in the middle of 50 imports and undos of long lists: each is whole or not at all (ARGS="--seed N --rounds N")
	@PYTHONPATH=. $(PY) -m tests.kills $(ARGS)

million: setup  ## A million hashes imported and rolled back while photographs are served (ARGS="--rows N")
	@PYTHONPATH=. $(PY) -m tests.long_imports $(ARGS)

disturb: setup  ## Tests that wait, on a machine made slow and uneven, for 15 minutes (ARGS="--seed N TEST...")
	@PYTHONPATH=. $(PY) -m tests.disturb $(ARGS)

clean:  ## Remove what the other targets created
	rm -rf $(VENV) .state dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
