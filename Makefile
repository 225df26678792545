# make run, make test: each makes what it needs first. `make` alone lists the targets.

PYTHON = $(shell scripts/find_python.sh)
VENV = .venv/bin/python
INSTALLED = .venv/installed

# The modules with tests of that tag: to import all the others takes seconds.
GOLDEN_TESTS = $$(grep -l '@tag("golden")' tests/*.py tests/*/*.py | sed -e "s|/|.|g" -e 's|\.py$$||')

# Development, whatever the shell has set.
DEVELOPMENT = env -u DATABASE_URL -u DJANGO_SETTINGS_MODULE -u DEBUG -u SECRET_KEY $(VENV)

# The tests and the linters, on the server of DATABASE_URL if it is set. A test run starts a hundred
# processes, and without bytecode each would compile the project.
OURS = env -u DJANGO_SETTINGS_MODULE -u PYTHONDONTWRITEBYTECODE $(VENV)
PYTEST = $(OURS) -m pytest -n logical --maxprocesses 4 --dist worksteal

.PHONY: help run test slow test-all django golden lint format

help:
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 10

run: $(INSTALLED) ## the admin on http://127.0.0.1:8000/admin/, with the embedded database
	@echo "Migrating the embedded database"
	@$(DEVELOPMENT) manage.py migrate
	@$(DEVELOPMENT) manage.py load_demo
	@echo "Serving http://127.0.0.1:8000/admin/ (Ctrl-C ends it)"
	@$(DEVELOPMENT) manage.py runserver 127.0.0.1:8000

test: $(INSTALLED) ## the tests, but for slow ones; on the embedded database unless DATABASE_URL is set
	@echo "Running the tests that are not slow; the last line says how long they took"
	@$(PYTEST) -m "not slow"

# Try harder than `make test`, unless the shell sets these (tests/support/effort.py).
test-all: export ROUNDS ?= 20
test-all: export MANY_ROWS ?= 10000
test-all: test slow ## all tests, tried as often as in CI

slow: $(INSTALLED) ## the slow tests
	@echo "Running the slow tests; the last line says how long they took"
	@$(PYTEST) -m slow

golden: $(INSTALLED) ## write what the project says of itself: schema/, docs/, query counts
	@echo "Writing the golden files"
	@UPDATE_GOLDEN=1 $(OURS) manage.py test --noinput --verbosity 0 --parallel --tag golden \
		$(GOLDEN_TESTS)
	@echo "What is not named above was up to date"

django: $(INSTALLED) ## Django's own tests of what the database backend does; a few minutes
	@echo "Running Django's tests with this project's database backend"
	@$(OURS) -m tests.django_suite.run

lint: $(INSTALLED) ## ruff, mypy, whether a migration is missing, and what the new ones do
	@$(VENV) -m ruff check .
	@$(VENV) -m ruff format --check .
	@$(OURS) -m mypy
	@$(OURS) manage.py makemigrations --check
	@$(OURS) manage.py lint_migrations

format: $(INSTALLED) ## format the code, and mend what ruff can
	@$(VENV) -m ruff check --quiet --fix-only .
	@$(VENV) -m ruff format .
	@$(VENV) -m ruff check .

# Written last, so that an installation that was interrupted is done again.
$(INSTALLED): requirements.txt
	@echo "Installing into .venv (once, and when requirements.txt has changed)"
	@test -n "$(PYTHON)"
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 12))' || \
		{ echo "$(PYTHON) is not Python 3.12 or newer"; exit 1; }
	@test -x $(VENV) && $(VENV) -c '' 2>/dev/null || "$(PYTHON)" -m venv --clear .venv
	@$(VENV) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@
