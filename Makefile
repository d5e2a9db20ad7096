# make demo    a private named, a feed and a block, from nothing, in demo/
# make test    the whole suite, against a real named
# make engines the other resolvers, from Debian's packages, for their tests (else skipped)
# make test-slow  what takes too long for that: a million names against a plain reference
# make test-differential  20,000 queries to each kind of resolver, held against rpzctl's own evaluator
# make conformance  the table of what each resolver does with each trigger and action, seen anew
# make lint    ruff and mypy
# make bench   figures as a table (N=1000000 for a large feed)
# make docs    write the generated reference anew

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
N ?= 100000
WORKERS ?= 3

.PHONY: demo engines test test-slow test-differential conformance lint bench docs wheel clean

$(VENV)/ready: pyproject.toml deploy/demo/prepare
	@test -n "$(PYTHON)" || { echo "rpzctl needs Python 3.11 or later" >&2; exit 1; }
	deploy/demo/prepare "$(PYTHON)"
	"$(PYTHON)" -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

demo: $(VENV)/ready
	PATH="$(CURDIR)/$(BIN):$$PATH" deploy/demo/run demo

engines:
	deploy/demo/prepare "$(PYTHON)" unbound pdns-recursor knot-resolver dnsmasq-base

test: $(VENV)/ready
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

test-slow: $(VENV)/ready
	$(BIN)/python -m pytest -m slow

test-differential: $(VENV)/ready
	$(BIN)/python -m pytest -m differential

conformance: $(VENV)/ready
	$(BIN)/python -m tests.differential.table
	$(BIN)/python docs/generate.py

lint: $(VENV)/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/ready
	$(BIN)/python bench/run.py --names $(N)

docs: $(VENV)/ready
	$(BIN)/python docs/generate.py

wheel: $(VENV)/ready
	$(BIN)/python -m hatchling build -t wheel

clean:
	rm -rf $(VENV) dist demo .mypy_cache .ruff_cache .pytest_cache .hypothesis bench/out
