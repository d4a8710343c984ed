# Thin lines over python -m ...
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python

.PHONY: run test test-long lint bench clean

$(VENV)/.ready: requirements.txt requirements-dev.txt telephony/requirements.txt deploy/host/constraints.txt
	@echo "making the environment in $(VENV) (once; a minute or two) ..."
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12 $(MAKECMDGOALS)") if sys.version_info < (3, 11) else None'
	@$(PYTHON) -m venv $(VENV)
	@$(PY) -m pip install -q --disable-pip-version-check -r requirements-dev.txt -c deploy/host/constraints.txt
	@touch $@

run: $(VENV)/.ready
	@exec $(PY) -m workbench run

lint: $(VENV)/.ready
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports

test: $(VENV)/.ready
	@$(MAKE) -s lint
	@$(PY) -m pytest -m "not long and not browser"
	@$(PY) -m pytest -m "browser and not long"

test-long: $(VENV)/.ready
	@$(PY) -m pytest -m long

bench: $(VENV)/.ready
	@for f in bench/[a-z]*.py; do echo "== $$f"; $(PY) -m bench.$$(basename $$f .py) || exit 1; done

clean:
	rm -rf $(VENV) .data
