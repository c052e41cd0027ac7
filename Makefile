# Everything runs in a local environment, .venv, made on first use from pinned versions.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test docs fuzz package check format lock clean

demo: .venv/ready
	$(BIN)/isthmus demo --out demo

test: check
	$(BIN)/pytest -n auto --dist loadscope --no-loadscope-reorder

# The site, in docs/_build/html; a warning, a link that leads nowhere, or a request to another server ends it.
docs: .venv/docs
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
	$(BIN)/python docs/check.py

# Random tables, random estimators, and model files changed at random; the tests try few of them.
fuzz: .venv/ready
	$(BIN)/python tests/fuzzing.py --tables 10000 --estimators 5000 --files 20000

# The package is built twice alike, and its wheel works with the oldest and the newest libraries it allows.
package:
	$(PYTHON) tests/package.py

check: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/ready
	$(BIN)/python tests/editors/stubs.py
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "isthmus needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

.venv/docs: .venv/ready
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[docs]'
	touch $@

# New versions of everything: installed freely, tried, and written down.
lock:
	rm -rf .venv && $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	$(BIN)/python -m pip freeze --exclude-editable | grep -v -e '^isthmus' -e '@' > constraints.txt
	touch .venv/ready

clean:
	rm -rf .venv demo dist build docs/_build docs/api docs/examples
