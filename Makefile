# Every target sets up what it needs; `make setup` alone is never necessary. Works from anywhere: make -C PATH TARGET.
#
#   make demo        the whole product on an embedded engine, in under a minute
#   make test        what CI runs: all tests, on the embedded engine and on two Neo4j servers
#   make test-fast   the tests that need no Neo4j server, in under two minutes
#   make test-full   also the tests that are too long for CI
#   make lint        style, types, and which room may import which
#   make bench       measure, and write benchmarks/results/*.json
#   make docs        write docs/cypher.md anew from the headers of the queries
#   make wheel       dist/*.whl
#   make clean       remove what was built and cached; `make clean-all` removes .venv and the servers too

PYTHON ?= python3
UV_VERSION := $(shell sed -n 's/^uv==\([^ ;]*\).*/\1/p' constraints.txt)
EXTRAS := dev,py2neo,server,onnx,viz
BIN := .venv/bin
STAMP := .venv/.installed
WORKERS ?= 2
PYTEST := $(BIN)/python -m pytest -q -n $(WORKERS) --dist loadgroup
# Large wheels on slow lines.
export UV_HTTP_TIMEOUT ?= 300
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# A virtual environment that is active in the caller's shell is not ours.
unexport VIRTUAL_ENV PYTHONPATH PYTHONHOME

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo test test-fast test-full lint format bench docs wheel clean clean-all

help:
	@sed -n 's/^#   //p' Makefile

setup: $(STAMP)

# Bytecode is compiled here, once: it halves every import of torch.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info[:2] < (3, 14) else "esper_graph needs Python 3.11 to 3.13, and $(PYTHON) is " + sys.version.split()[0] + "; name another: make PYTHON=python3.12")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo 'installing into .venv: about 6 GB, some minutes the first time' >&2
	@$(BIN)/python -m pip install --quiet uv==$(UV_VERSION)
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode -c constraints.txt -e '.[$(EXTRAS)]'
	@touch $@

demo: $(STAMP)
	@$(BIN)/esper-graph demo

test: $(STAMP)
	$(PYTEST) -m 'not full' $(ARGS)

test-fast: $(STAMP)
	$(PYTEST) -m 'not full and not servers' $(ARGS) $(wildcard tests/unit tests/properties tests/hostile) esper_graph

test-full: $(STAMP)
	$(PYTEST) $(ARGS)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP)
	$(BIN)/python benchmarks/run.py $(ARGS)

docs: $(STAMP)
	$(BIN)/python -m esper_graph.property_graph.catalogue_page > docs/cypher.md

wheel: $(STAMP)
	$(BIN)/python -m build --wheel --no-isolation --outdir dist

clean:
	rm -rf build dist .hypothesis .pytest_cache .ruff_cache .import_linter_cache
	find . -path ./.venv -prune -o -name __pycache__ -type d -exec rm -rf {} +

clean-all: clean
	rm -rf .venv .cache
