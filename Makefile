# Everything a newcomer or the build server needs. `make help` lists it.
#
# Needs python3.11.3+ (with venv), a C compiler, make and node; nothing else. PYTHON=... picks an
# interpreter. Stamps in build/ keep a second call quick. Programs of the environment are started
# through its interpreter, because a script's first line cannot hold a path with a space.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= $(shell command -v python3.11 || command -v python3 || echo python3)
VENV := .venv
PY := $(VENV)/bin/python
UV := $(PY) -m uv --quiet
WORKERS ?= 3
# Extra arguments for pytest, as in `make test ARGS="-k router -x"`.
ARGS ?=
# A suite is eight processes, and tests start many suites: each would compile all it imports anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup up test check check-types check-rest bench prove simulate clean lock format

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

setup: build/.installed build/.site ## install what the locks name, build the router and the front end

up: setup ## start the whole suite here and print its address and key (Ctrl-C stops it)
	@exec $(PY) -m minuet.services.up

# pytest says 5 where nothing was selected; that is no failure.
test: setup check ## run every check and every test
	@$(PY) -m pytest -n $(WORKERS) --dist loadfile -m "not serial and not bench and not prove" $(ARGS) || [ $$? -eq 5 ]
	@$(PY) -m pytest -m "serial and not bench" $(ARGS) || [ $$? -eq 5 ]

check: setup ## lint, format, types, layering
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target check-types check-rest

# The types of Python take as long as everything else: both at once, one a core.
check-types:
	@$(PY) -m mypy

check-rest:
	@$(PY) -m ruff check
	@$(PY) -m ruff format --check
	@$(PY) $(VENV)/bin/lint-imports --no-logo
	@cd frontend && npm run --silent check && node scripts/make-schema.mjs --check

bench: setup ## print the performance figures (never fails on time)
	@$(PY) -m pytest -m bench -s $(ARGS) || [ $$? -eq 5 ]

# The file takes the place of entries of the same name: a part may be run again with ARGS="-k ...".
prove: setup ## kill whatever can die, at every step, and write docs/proof.json (an hour)
	@MINUET_PROOF=docs/proof.json $(PY) -m pytest -m prove -s -p no:cacheprovider $(ARGS)

simulate: setup ## random schedules of the whole suite in one process, until one fails (SECONDS=60, ARGS="--seed 7")
	@$(PY) -m tests.simulation $(if $(SECONDS),--seconds $(SECONDS)) $(ARGS)

format: setup ## rewrite the sources in the house format
	@$(PY) -m ruff check --fix-only --quiet
	@$(PY) -m ruff format
	@cd frontend && npm run --silent format

lock: setup ## resolve the dependencies anew into requirements.lock
	@$(UV) pip compile pyproject.toml --all-extras --generate-hashes --universal --python-version 3.11 \
		--no-emit-index-url --no-emit-find-links --no-header -o build/resolved --upgrade
	@{ echo '# Written by `make lock` from pyproject.toml (all extras); do not edit.'; cat build/resolved; } \
		> requirements.lock

clean: ## remove what was built (keeps .minuet, the local suite's data)
	rm -rf frontend/node_modules frontend/dist
	rm -rf $(VENV) build dist common/*.egg-info *.egg-info
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find common services migrations schemas tests -name __pycache__ -prune -exec rm -rf {} +
	rm -f common/minuet/ir/*.so common/minuet/ir/*.c

build/.python:
	@"$(PYTHON)" -c 'import sys; sys.version_info >= (3, 11, 3) or sys.exit(1)' 2>/dev/null || { \
		echo "Minuet needs Python 3.11.3 or newer; $(PYTHON) is $$("$(PYTHON)" -V 2>&1). Choose one with: make PYTHON=python3.11" >&2; \
		exit 1; }
	@mkdir -p build
	@[ -x $(PY) ] || "$(PYTHON)" -m venv $(VENV) || { \
		echo "Cannot create $(VENV): install the venv module of $(PYTHON) (Debian: python3-venv)" >&2; \
		rm -rf $(VENV); exit 1; }
	@touch $@

build/.locked: requirements.lock build/.python
	@echo "Installing what requirements.lock names"
	@$(PY) -c 'import uv' 2>/dev/null || { \
		awk '/^[a-z0-9]/ {wanted = /^uv==/} wanted && !/^ *#/' requirements.lock > build/uv.txt; \
		$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r build/uv.txt; }
	@$(UV) pip sync --python $(PY) --require-hashes requirements.lock
	@touch $@

build/.installed: build/.locked pyproject.toml setup.py $(wildcard common/minuet/ir/*.pyx common/minuet/ir/*.pxd)
	@echo "Installing minuet from this folder"
	@$(UV) pip install --python $(PY) --no-deps --no-build-isolation --reinstall-package minuet -e .
	@$(PY) scripts/say_router.py
	@touch $@

# The front end. Its own lock says what npm installs; nothing else is fetched.
build/.node:
	@node -e 'const [a, b] = process.versions.node.split("."); process.exit(+a > 20 || (+a === 20 && +b >= 19) ? 0 : 1)' \
		2>/dev/null && command -v npm >/dev/null || { \
		echo "Minuet's front end needs Node 20.19 or newer with npm; here is $$(node --version 2>/dev/null || echo none)" >&2; \
		exit 1; }
	@mkdir -p build
	@touch $@

build/.packages: frontend/package.json frontend/package-lock.json build/.node
	@echo "Installing what frontend/package-lock.json names"
	@cd frontend && npm ci --silent --no-audit --no-fund
	@touch $@

build/.site: build/.packages frontend/index.html frontend/vite.config.ts $(shell find frontend/src -type f)
	@echo "Building the front end"
	@cd frontend && npm run --silent build -- --logLevel warn
	@touch $@
