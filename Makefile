# Everything is installed into the project's own folders, `.tools` and `.venv`; nothing global.
# Needs Python 3.11 or newer, git, make and a package index.

PYTHON ?= python3
UV := $(or $(shell command -v uv),.tools/uv/bin/uv)
PYTEST := .venv/bin/python -m pytest
FAST := not slow and not node and not local_model

export UV_PYTHON_DOWNLOADS ?= never
export UV_COMPILE_BYTECODE ?= 1
export UV
export MESSAGE
unexport VIRTUAL_ENV
unexport PYTHONDONTWRITEBYTECODE

.PHONY: install demo test lint bench mutants fuzz docs pins clean

install: .venv/bin/lev
	@echo "Installed in .venv. Next: make demo, make test, make lint, make bench, make docs."

demo: .venv/bin/lev
	@.venv/bin/lev demo $(if $(MESSAGE),-- "$$MESSAGE")
	@.venv/bin/lev demo --durable

test: lint
	$(PYTEST) -n 2 -m "$(FAST)" --cov=lev_os.core --cov-branch --cov-report= $(ARGS)
	.venv/bin/python internal/coverage_gate.py

lint: .venv/bin/lev
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv/bin/lint-imports --no-logo
	.venv/bin/lev check examples packages docs

bench: .venv/bin/lev
	.venv/bin/python -m benchmarks $(ARGS)

# SHARE is the percentage of the mutants to try: all of them take hours.
SHARE ?= 20
mutants: .venv/bin/lev
	@$(UV) sync --quiet --group mutants
	nice .venv/bin/python internal/mutants.py --share $(SHARE)

# MINUTES is for all the parsers together.
MINUTES ?= 5
fuzz: .venv/bin/lev
	@$(UV) sync --quiet --group fuzz
	nice .venv/bin/python fuzz/run.py --minutes $(MINUTES) $(ARGS)

# The formats reference is generated from the schemas, the pages on rules from the rules and their examples.
docs: .venv/bin/lev
	.venv/bin/python internal/formats_reference.py
	.venv/bin/python internal/rules_reference.py

pins: $(filter .tools/%,$(UV))
	$(PYTHON) internal/pins.py

clean:
	rm -rf .venv .tools uv.lock

.tools/uv/bin/uv:
	$(PYTHON) -m venv .tools/uv
	.tools/uv/bin/python -m pip install --quiet --disable-pip-version-check "uv>=0.13,<0.14"

# Takes a fraction of a second when there is nothing to do, so it always runs.
.PHONY: .venv/bin/lev
.venv/bin/lev: $(filter .tools/%,$(UV))
	@$(UV) sync --quiet --python $(PYTHON)
