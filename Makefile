# Every target that needs the virtual environment or Pulumi depends on `setup`, which does nothing when all is there.

SHELL := bash
.DEFAULT_GOAL := help
export PATH := $(CURDIR)/.venv/bin:$(PATH)

# Options for pytest, such as `make test PYTEST="-k golden -x"`. Two workers: a flow's tasks are processes of their own.
# Tests that share a deployment stay together.
PYTEST ?= -n 2 --dist loadgroup
# Of a whole run: what takes longest.
WHOLE = $(if $(filter file,$(origin PYTEST)),--durations=20 --durations-min=1)

.PHONY: help setup demo test coverage test-cluster cluster-tools lint lock bench golden pictures docs check-wheel clean

help: ## show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## prepare .venv, and a Pulumi CLI where none is installed (about 4 minutes, once)
	@PYTHON="$(PYTHON)" tools/setup

demo: setup ## deploy three flows to the embedded AWS, run one, read its result
	@tools/demo

lint: setup ## style and types
	ruff check .
	ruff format --check .
	mypy

test: lint cluster-tools ## lint and all tests
	pytest $(PYTEST) $(WHOLE)

coverage: setup ## which lines of flowinfra tests without Pulumi's engine run; fails under 90 %
	rm -f .coverage .coverage.*
	python -m coverage run -m pytest $(PYTEST) tests/unit tests/components tests/local
	python -m coverage combine --quiet
	python -m coverage report

cluster-tools: setup ## prepare Kubernetes and Argo for the tests, where they can run (about half an hour, once)
	@PYTHON="$(PYTHON)" tools/setup cluster

test-cluster: cluster-tools ## the tests on Kubernetes and Argo alone
	pytest $(PYTEST) tests/cluster

golden: setup ## regenerate the golden files; review the difference before you commit it
	pytest $(PYTEST) --update-golden tests/unit
	python -m tests.unit.constructs_table
	python -m tests.unit.options_table
	python -m tests.unit.template

pictures: setup ## make the pictures of docs/ again (needs Chromium)
	pytest -n 0 tests/unit/report/test_report_browser.py -k pictures --update-pictures

docs: setup ## build the site of guides and references into site/
	NO_MKDOCS_2_WARNING=1 python -m mkdocs build --strict

bench: setup ## measure against Metaflow's own command and a bare Pulumi program
	python -m bench

lock: ## renew requirements.lock from pyproject.toml (needs uv); UPGRADE=1 takes the newest releases
	@command -v uv >/dev/null || { echo "error: uv is needed to solve for all Pythons and systems at once: https://docs.astral.sh/uv" >&2; exit 1; }
	uv pip compile pyproject.toml --all-extras --group dev --universal --python-version 3.10 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-header --quiet $(if $(UPGRADE),--upgrade) --output-file requirements.lock

check-wheel: setup ## build the package, install it into an empty environment and run a flow with it
	tools/check-wheel

clean: ## remove .venv and what tools left here (not the cache of built tools)
	rm -rf .venv .flowinfra .mypy_cache .ruff_cache .pytest_cache dist build site
