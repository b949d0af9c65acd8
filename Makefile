PORT ?= 8000
PYTHON ?= python3
PY := .venv/bin/python
# Set by hand or in CI to run tests on PostgreSQL and Redis: DATABASE_URL, REDIS_URL.
# Twice the cores: many tests wait for processes to start, and for answers that are late.
PYTEST_WORKERS ?= $(shell echo $$(( 2 * $$(getconf _NPROCESSORS_ONLN) )))
# Of `make chaos`: a run is drawn anew each time, unless SEED names one that was printed.
ORDERS ?= 5000
SEED ?=
# Of `make mutants`: the files to change (default: all rules of money and state).
FILES ?=

.PHONY: install run test lint bench chaos mutants clean

install: .venv/runtime .venv/texts .venv/static

run: install
	@$(PY) -m panel.running --port $(PORT)

test: install .venv/dev
	$(PY) -m pytest -q -n $(PYTEST_WORKERS)

lint: install .venv/dev
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	DEBUG=true VAR_DIR=$${TMPDIR:-/tmp}/panel-lint $(PY) -m mypy .
	.venv/bin/lint-imports --no-logo
	DEBUG=true VAR_DIR=$${TMPDIR:-/tmp}/panel-lint $(PY) manage.py makemigrations --check --dry-run
	DEBUG=true VAR_DIR=$${TMPDIR:-/tmp}/panel-lint $(PY) manage.py check

bench: install .venv/dev
	@$(PY) -m tests.benchmarks

chaos: install .venv/dev
	@$(PY) -m tests.chaos --orders $(ORDERS) $(if $(SEED),--seed $(SEED))

mutants: install .venv/dev
	@$(PY) -m tests.mutants $(FILES)

clean:
	rm -rf .venv staticfiles

.venv/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv .venv || \
		{ rm -rf .venv; echo "python3 lacks its venv module; on Debian: apt-get install python3-venv"; exit 1; }

.venv/runtime: .venv/bin/pip requirements/runtime.txt
	.venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/runtime.txt
	@touch $@

.venv/dev: .venv/runtime requirements/dev.txt
	.venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

# Translations are compiled by Babel, in Python: no gettext is needed.
.venv/texts: .venv/runtime $(wildcard locale/*/LC_MESSAGES/*.po)
	@.venv/bin/pybabel --quiet compile --domain django --directory locale
	@touch $@

.venv/static: .venv/runtime $(shell find static -type f 2>/dev/null)
	@SECRET_KEY=not-used-to-collect VAR_DIR=$${TMPDIR:-/tmp}/panel-collect $(PY) manage.py collectstatic --no-input --clear --verbosity 0
	@touch $@
